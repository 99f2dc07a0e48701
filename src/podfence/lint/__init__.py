"""Findings: what is wrong with a set of manifests, which rule says so, and in which order to tell it."""
