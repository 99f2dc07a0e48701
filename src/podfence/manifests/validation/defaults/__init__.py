"""What the API server fills in, by the type that gets it."""
