"""A cluster on one machine: an API server, pods as network namespaces, Services, DNS, an outside world."""
