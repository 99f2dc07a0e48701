"""The patch formats of the API: how a patch changes a value. Pure; the values given are never changed."""
