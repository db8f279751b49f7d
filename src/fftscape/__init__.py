"""Finds the structures in a microscope image by itself.

A window moves over the image, each window's two-dimensional Fourier transform is taken, the scree
plot tells how many different structures there are, and non-negative matrix factorization turns
them into maps (where) and factors (what). The method is that of Jany, Janas and Krok, Micron 130,
102800 (2020).
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
