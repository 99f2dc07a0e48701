"""What happened to packets: verdict records out of the kernel, resolved to pods, policies and rules."""
