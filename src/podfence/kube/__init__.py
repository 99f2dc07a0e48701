"""Talking to a Kubernetes API server: credentials, requests, lists and watches that survive every fault."""
