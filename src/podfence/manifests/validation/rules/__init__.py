"""What the API server refuses in built-in kinds, by theme."""
