"""Records, settings and errors: what every other room talks about."""
