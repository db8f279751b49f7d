"""The command line: arguments enter, settings and requests leave; no science, no defaults."""
