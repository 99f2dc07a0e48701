"""Custom resources: what a CustomResourceDefinition makes the server serve, and those that are there from the start."""
