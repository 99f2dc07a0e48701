"""The lab's API server: the Kubernetes API of one machine, in memory, for stock kubectl and client-go programs."""
