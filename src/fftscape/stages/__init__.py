"""The method: one module a stage, pure functions that know nothing of each other."""
