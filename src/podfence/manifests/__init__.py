"""From text to model: reading manifests with positions, judging them, and writing them."""
