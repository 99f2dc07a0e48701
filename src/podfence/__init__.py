"""Podfence: understand, prove, generate, enforce and observe Kubernetes network policy."""

__version__ = "0.1.0"
