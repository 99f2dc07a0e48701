"""Policies that do not exist yet: what to change so that a connection is allowed, proved by the engine."""
