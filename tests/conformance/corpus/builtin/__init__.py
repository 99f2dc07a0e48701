"""Objects of built-in kinds: good ones, and what is made of them by one change each."""
