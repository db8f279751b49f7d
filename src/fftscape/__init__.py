"""Finds the structures in a microscope image by itself."""
