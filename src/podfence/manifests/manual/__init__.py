"""The manual of every rule from PF001 to PF099: what the API server refuses, and what it warns about."""
