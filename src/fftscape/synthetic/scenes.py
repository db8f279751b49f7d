"""Images whose answer is known, with the truth beside the picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fftscape.model.arrays import FloatArray
from fftscape.model.image import Image
from fftscape.synthetic.lattices import Lattice, fcc_gold, hcp_gold, render_lattice


@dataclass(frozen=True, eq=False)
class Scene:
    """An image and its truth.

    Parameters
    ----------
    image : Image
        The picture.
    labels : ndarray of int16, shape (y, x)
        True region of each pixel.
    window : int
        Side in pixels of the window a microscopist would choose.
    lattices : tuple of Lattice
        The lattice of each region, where the regions are crystals of known cells.
    """

    image: Image
    labels: npt.NDArray[np.int16]
    window: int = 64
    lattices: tuple[Lattice, ...] = ()

    @property
    def n_components(self) -> int:
        """True number of structures."""
        return max(int(self.labels.max()) + 1, len(self.lattices))

    @property
    def area_fractions(self) -> FloatArray:
        """True share of each region in the image."""
        return np.bincount(self.labels.ravel(), minlength=self.n_components) / self.labels.size


def crystal_scene(
    lattices: tuple[Lattice, ...],
    labels: npt.NDArray[np.int16],
    *,
    pixel_size: tuple[float, float],
    column_sigma: float = 0.05,
    dose: float = 20.0,
    background: float = 0.3,
    seed: int = 0,
) -> Scene:
    """Fill regions with lattices and count electrons.

    Parameters
    ----------
    lattices : tuple of Lattice
        One for each region; lengths in nm.
    labels : ndarray of int16, shape (y, x)
        Region of each pixel, an index into `lattices`.
    pixel_size : tuple of float
        Height and width of a pixel in nm, (y, x).
    column_sigma : float
        Standard deviation of an atom column in nm.
    dose : float
        Mean count of a pixel; the noise is Poisson's.
    background : float
        Featureless part of the signal, relative to a column's height.
    seed : int
        Seed of the noise.

    Returns
    -------
    Scene
        Image of dtype uint16 with its truth.

    Examples
    --------
    >>> halves = np.repeat(np.array([[0, 1]], np.int16), 100, axis=1).repeat(150, axis=0)
    >>> scene = crystal_scene((fcc_gold(), hcp_gold()), halves, pixel_size=(0.02, 0.02), dose=30)
    >>> scene.image.shape, scene.n_components, round(float(scene.image.data.mean()))
    ((150, 200), 2, 30)
    """
    signal = np.full(labels.shape, background)
    for index, lattice in enumerate(lattices):
        rendered = render_lattice(lattice, labels.shape, pixel_size, column_sigma=column_sigma)
        signal += np.where(labels == index, rendered, 0)
    counts = np.random.default_rng(seed).poisson(signal * dose / signal.mean())
    image = Image(
        counts.astype(np.uint16), pixel_size, "nm", "synthetic", "made by fftscape.synthetic",
        metadata={"dose": dose, "seed": seed},
    )  # fmt: skip
    return Scene(image, labels, lattices=lattices)


def demo_scene(seed: int = 0) -> Scene:
    """Make the demo's image: an fcc gold crystal with an hcp lamella and a rotated grain.

    Parameters
    ----------
    seed : int
        Seed of the noise.

    Returns
    -------
    Scene
        768 x 1024 pixels of 0.02 nm, three regions: fcc, hcp, fcc turned by 27 degrees.

    Examples
    --------
    >>> scene = demo_scene()
    >>> scene.image.shape, scene.n_components
    ((768, 1024), 3)
    """
    y, x = np.mgrid[:768, :1024]
    labels = np.zeros(y.shape, np.int16)
    labels[np.abs(y - 240) < 120] = 1
    labels[x + 0.35 * y > 870] = 2
    lattices = (fcc_gold(), hcp_gold(), fcc_gold(27.0))
    return crystal_scene(lattices, labels, pixel_size=(0.02, 0.02), seed=seed)
