"""What policies mean: ``decide`` for one connection, ``reach`` for all of them at once."""
