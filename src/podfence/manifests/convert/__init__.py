"""Kubernetes objects as they were written to the model: defaulted as the API server does, failing closed."""
