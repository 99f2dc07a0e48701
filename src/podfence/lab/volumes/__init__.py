"""The volumes of pods: what is in them, and where they lie until a container shows them."""
