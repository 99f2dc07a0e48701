"""Who owns which field: ``managedFields``, and server-side apply that goes by it (structured-merge-diff)."""
