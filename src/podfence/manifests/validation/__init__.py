"""What a Kubernetes API server does with a policy before it stores it (facts: semantics 1 and 3)."""
