"""The lab's DNS: the cluster's own zone as CoreDNS serves it, and what lies outside."""
