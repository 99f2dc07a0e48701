"""The lab's kube-proxy: Services as nftables, in a table of its own beside the one that enforces policy."""
