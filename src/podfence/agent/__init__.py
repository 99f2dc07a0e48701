"""Enforcement on one node: what the API server says, into the kernel, and what the kernel dropped, out of it."""
