"""Files in, files out: one module a family of formats."""
