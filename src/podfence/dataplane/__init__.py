"""What the kernel is told: desired state from a snapshot, as nftables, and the difference to what is there."""
