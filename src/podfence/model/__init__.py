"""Frozen data that every other layer shares: no input, no output, no state."""
