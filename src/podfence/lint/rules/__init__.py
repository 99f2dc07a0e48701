"""Rules by relation, one module for each theme: each a function that looks at an inspection and yields findings."""
