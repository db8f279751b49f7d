"""Crystal lattices: a cell of atom columns in, its spots and its picture out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fftscape.model.arrays import FloatArray

_GOLD_111 = 0.2355  # nm, distance of close-packed planes in gold
_GOLD_ROWS = 0.2497  # nm, distance of atom columns within a close-packed plane seen along a close-packed row


@dataclass(frozen=True)
class Lattice:
    """A rectangular cell of atom columns.

    Parameters
    ----------
    cell : tuple of float
        Height and width of the cell in the image's unit, (y, x); y points up here, as in a
        crystallographer's drawing.
    columns : tuple of pairs of float
        Fractional (y, x) coordinates of the atom columns.
    angle : float
        Rotation in degrees, counter-clockwise on screen.
    """

    cell: tuple[float, float]
    columns: tuple[tuple[float, float], ...]
    angle: float = 0.0

    def spots(self, shortest: float) -> FloatArray:
        """Return the lattice's spots, strongest first.

        Parameters
        ----------
        shortest : float
            Smallest d-spacing wanted, in the image's unit.

        Returns
        -------
        ndarray of float64, shape (spot, 3)
            d-spacing, angle of k in degrees [0, 180) counter-clockwise from +x on screen, and the
            structure factor's modulus for point columns relative to the strongest possible one.

        Examples
        --------
        >>> Lattice((2.0, 1.0), ((0.0, 0.0),)).spots(0.9)[:, :2].round(3).tolist()
        [[2.0, 90.0], [1.0, 0.0], [1.0, 90.0]]
        """
        rows = []
        for k in range(int(self.cell[0] / shortest) + 1):
            for h in range(-int(self.cell[1] / shortest), int(self.cell[1] / shortest) + 1):
                if (k, h) <= (0, 0):
                    continue
                k_y, k_x = k / self.cell[0], h / self.cell[1]
                d_spacing = 1 / np.hypot(k_y, k_x)
                phases = [k * y + h * x for y, x in self.columns]
                strength = abs(np.mean(np.exp(2j * np.pi * np.array(phases))))
                if d_spacing >= shortest and strength > 1e-6:
                    rows.append((d_spacing, (np.degrees(np.arctan2(k_y, k_x)) + self.angle) % 180, strength))
        table = np.array(sorted(rows, key=lambda row: (-round(row[2], 9), -row[0], row[1])))
        return table.reshape(-1, 3)


def fcc_gold(angle: float = 0.0) -> Lattice:
    """Return fcc gold seen along [110], its close-packed planes horizontal at angle 0.

    Parameters
    ----------
    angle : float
        Rotation in degrees, counter-clockwise on screen.

    Returns
    -------
    Lattice
        Lengths in nm, stacking ABC.

    Examples
    --------
    >>> fcc_gold().spots(0.21)[:, 0].round(4).tolist()
    [0.2355, 0.2354]
    """
    return Lattice((3 * _GOLD_111, _GOLD_ROWS), ((0, 0), (1 / 3, 1 / 3), (2 / 3, 2 / 3)), angle)


def hcp_gold(angle: float = 0.0) -> Lattice:
    """Return hcp gold seen along [11-20], its close-packed planes horizontal at angle 0.

    Parameters
    ----------
    angle : float
        Rotation in degrees, counter-clockwise on screen.

    Returns
    -------
    Lattice
        Lengths in nm, stacking AB.

    Examples
    --------
    >>> hcp_gold().spots(0.21)[:, 0].round(4).tolist()
    [0.2355, 0.2206, 0.2206, 0.2497]
    """
    return Lattice((2 * _GOLD_111, _GOLD_ROWS), ((0, 0), (1 / 2, 1 / 3)), angle)


def render_lattice(
    lattice: Lattice, shape: tuple[int, int], pixel_size: tuple[float, float], *, column_sigma: float
) -> FloatArray:
    """Render atom columns as Gaussians over a whole image.

    Parameters
    ----------
    lattice : Lattice
        What to render; one column of it lies at the image's centre.
    shape : tuple of int
        Rows and columns.
    pixel_size : tuple of float
        Height and width of a pixel, (y, x), in the lattice's unit.
    column_sigma : float
        Standard deviation of a column in the same unit.

    Returns
    -------
    ndarray of float64, shape (y, x)
        Sum of Gaussians of height 1.

    Notes
    -----
    Evaluated as the lattice's Fourier series, which is exact for any rotation and pixel size:
    the coefficients are structure factors times the Gaussian's transform; terms below 1e-4 of
    the mean are left out.

    Examples
    --------
    >>> square = Lattice((0.4, 0.4), ((0.0, 0.0),))
    >>> columns = render_lattice(square, (40, 60), (0.02, 0.02), column_sigma=0.05)
    >>> columns[20, [30, 40, 50]].round(2).tolist()
    [1.0, 0.0, 1.0]
    """
    y = (shape[0] // 2 - np.arange(shape[0])) * pixel_size[0]  # up is positive
    x = (np.arange(shape[1]) - shape[1] // 2) * pixel_size[1]
    area = lattice.cell[0] * lattice.cell[1]
    scale = len(lattice.columns) * 2 * np.pi * column_sigma**2 / area
    out = np.full(shape, scale)
    reach = np.sqrt(np.log(1e4) / 2) / (np.pi * column_sigma)
    turn = np.exp(1j * np.radians(lattice.angle))
    for k in range(int(reach * lattice.cell[0]) + 1):
        for h in range(-int(reach * lattice.cell[1]), int(reach * lattice.cell[1]) + 1):
            wave = complex(h / lattice.cell[1], k / lattice.cell[0])
            if (k, h) <= (0, 0) or abs(wave) > reach:
                continue
            structure = np.mean([np.exp(-2j * np.pi * (k * v + h * u)) for v, u in lattice.columns])
            weight = 2 * scale * structure * np.exp(-2 * (np.pi * column_sigma * abs(wave)) ** 2)
            if abs(weight) < 1e-4 * scale:
                continue
            turned = wave * turn
            along_y, along_x = np.exp(2j * np.pi * turned.imag * y), np.exp(2j * np.pi * turned.real * x)
            out += np.outer((weight * along_y).real, along_x.real) - np.outer((weight * along_y).imag, along_x.imag)
    return out
