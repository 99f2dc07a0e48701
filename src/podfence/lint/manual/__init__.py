"""The manual of the rules by relation, one module for each theme, as ``lint.rules`` has them."""
