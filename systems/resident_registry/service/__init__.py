"""The office's procedures: load, decide, save, record. Everything happens in the caller's transaction."""
