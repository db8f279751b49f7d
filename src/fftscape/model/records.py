"""The records that pass between the stages: frozen, with read-only arrays, axis order (y, x)."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from fftscape.model.arrays import BoolArray, FloatArray, IntArray, ReadOnlyArrays
from fftscape.model.image import PIXEL_UNIT
from fftscape.model.settings import Backend, SpectraSettings

# A number that fewer of the trials give is called ambiguous.
LEAST_CONFIDENCE = 0.6


@dataclass(frozen=True, eq=False, repr=False)
class WindowGrid(ReadOnlyArrays):
    """Where the windows lie.

    Parameters
    ----------
    size, step : tuple of int
        In pixels, (y, x).
    origins_y, origins_x : ndarray of int, shapes (window_y,) and (window_x,)
        First row and column of each window. The last window reaches the image's edge, so its
        distance to the one before may be smaller than the step.
    image_shape : tuple of int
        Rows and columns of the image.
    valid : ndarray of bool, shape (window_y, window_x)
        False where a window holds pixels without data; such windows take no part.
    """

    size: tuple[int, int]
    step: tuple[int, int]
    origins_y: IntArray
    origins_x: IntArray
    image_shape: tuple[int, int]
    valid: BoolArray

    @property
    def shape(self) -> tuple[int, int]:
        """Number of windows along y and x."""
        return len(self.origins_y), len(self.origins_x)

    @property
    def n_valid(self) -> int:
        """Number of windows that take part."""
        return int(self.valid.sum())

    @property
    def centres_y(self) -> FloatArray:
        """Rows of the window centres; pixel centres lie at whole numbers."""
        return self.origins_y + (self.size[0] - 1) / 2

    @property
    def centres_x(self) -> FloatArray:
        """Columns of the window centres; pixel centres lie at whole numbers."""
        return self.origins_x + (self.size[1] - 1) / 2

    @property
    def span(self) -> tuple[int, int]:
        """Steps per window, (y, x), at least 1."""
        return max(1, round(self.size[0] / self.step[0])), max(1, round(self.size[1] / self.step[1]))

    def part(self, rows: slice, columns: slice) -> WindowGrid:
        """Return some rows and columns of the windows as a grid of their own over the same image."""
        return replace(
            self,
            origins_y=self.origins_y[rows],
            origins_x=self.origins_x[columns],
            valid=self.valid[rows, columns],
        )

    def to_map(self, values: npt.NDArray[Any]) -> FloatArray:
        """Lay per-window values out as a map.

        Parameters
        ----------
        values : ndarray, shape (n_valid, ...)
            One entry for each valid window, in row-major order.

        Returns
        -------
        ndarray of float32, shape (..., window_y, window_x)
            NaN where a window takes no part.
        """
        out = np.full((*values.shape[1:], *self.shape), np.nan, np.float32)
        out[..., self.valid] = np.moveaxis(values, 0, -1)
        return out


@dataclass(frozen=True, eq=False, repr=False)
class LocalSpectra(ReadOnlyArrays):
    """One scaled half-plane spectrum for each valid window.

    Parameters
    ----------
    values : ndarray of float32, shape (n_valid, feature)
        Features are the half plane (frequency_y, frequency_x >= 0), flattened, each frequency
        that stands for itself and its opposite weighted by sqrt(2): scalar products are those
        of the full plane.
    grid : WindowGrid
        Where the windows lie.
    settings : SpectraSettings
        How the values were made.
    """

    values: npt.NDArray[np.float32]
    grid: WindowGrid
    settings: SpectraSettings

    backend: Backend = field(default="numpy", init=False)

    @property
    def shape(self) -> tuple[int, int]:
        """Number of windows and of features."""
        return len(self.values), self.values.shape[1]

    def rows(self, chosen: slice | IntArray) -> npt.NDArray[np.float32]:
        """Return the spectra of some windows, shape (window, feature)."""
        return self.values[chosen]

    def device_rows(self, chosen: slice | IntArray) -> Any:
        """Return the same as `rows`."""
        return self.values[chosen]

    def on(self, grid: WindowGrid) -> LocalSpectra:
        """Return the same spectra of the same windows under another name of their grid."""
        return replace(self, grid=grid)


class Spectra(Protocol):
    """Spectra of many windows that may be too many to be held at once: `LocalSpectra`, or computed when asked for."""

    @property
    def backend(self) -> Backend:
        """Library whose arrays `device_rows` returns."""

    @property
    def grid(self) -> WindowGrid:
        """Where the windows lie."""

    @property
    def settings(self) -> SpectraSettings:
        """How the values are made."""

    @property
    def shape(self) -> tuple[int, int]:
        """Number of valid windows and of features."""

    def rows(self, chosen: slice | IntArray) -> npt.NDArray[np.float32]:
        """Return the spectra of some windows, shape (window, feature); numbers are to rise."""

    def device_rows(self, chosen: slice | IntArray) -> Any:
        """Return the same as an array of the backend's library, where that keeps it."""

    def on(self, grid: WindowGrid) -> Spectra:
        """Return the same spectra of the same windows under another name of their grid."""


@dataclass(frozen=True, eq=False, repr=False)
class Scree(ReadOnlyArrays):
    """The scree plot and the number of components read from it.

    Parameters
    ----------
    explained_variance : ndarray, shape (rank,)
        Eigenvalues of the second-moment matrix of the (whitened, where the rule says so) spectra,
        largest first.
    explained_variance_ratio : ndarray, shape (rank,)
        The same, divided by the sum over all eigenvalues.
    null_variance : ndarray, shape (rank,), or None
        The same eigenvalues for white noise sent through the same windows.
    threshold : float or None
        Eigenvalues above it count as structure.
    n_components : int
        The number chosen (>= 1; 1 means that no second structure was found).
    rule : str
        Name of the rule: 'regions', 'noise-null', 'elbow' or 'user'; 'rotation' where components found
        by it were then joined.
    reason : str
        Sentences for people.
    confidence : float or None
        For the rule 'regions' the part of the trials with varied thresholds that gave the same
        number, or 0.5 where no boundary was found but the eigenvalues alone would give several
        structures; None where the number used is not the one that was found.
    alternatives : tuple of int
        Numbers that the other trials, or the eigenvalues alone, gave.
    """

    explained_variance: FloatArray
    explained_variance_ratio: FloatArray
    null_variance: FloatArray | None
    threshold: float | None
    n_components: int
    rule: str
    reason: str
    confidence: float | None = None
    alternatives: tuple[int, ...] = ()

    @property
    def is_ambiguous(self) -> bool:
        """Whether the number found (not one that the user set) is hardly better than its alternatives."""
        return self.rule == "regions" and self.confidence is not None and self.confidence < LEAST_CONFIDENCE


@dataclass(frozen=True, eq=False, repr=False)
class Regions(ReadOnlyArrays):
    """Where the structures are, on the grid of a survey.

    Parameters
    ----------
    labels : ndarray of int16, shape (window_y, window_x)
        Structure of each window, largest first; -1 where a window takes no part.
    core : ndarray of bool, shape (window_y, window_x)
        Windows well inside their region, which hold nothing else.
    abruptness : ndarray of float32, shape (window_y, window_x)
        Change of the spectra from half a window before to half a window behind each window, in
        units of noise: high at boundaries.
    stability : ndarray of float, shape (structure,)
        Part of each structure's windows that is recognised from other parts of the image alone;
        NaN where there are no other parts that show it.
    variation : ndarray of float, shape (structure,)
        Largest spread of the spectra inside each structure in units of noise; about 1 for noise.
    continuous : tuple of int
        Structures whose variation is more than noise: bending, strain, uneven light.
    confidence : float or None
        Part of the trials with varied thresholds that gave the same number of structures; None
        where there is too little to look for structures in.
    alternatives : tuple of int
        Numbers of structures that the other trials gave.
    """

    labels: npt.NDArray[np.int16]
    core: BoolArray
    abruptness: npt.NDArray[np.float32]
    stability: FloatArray
    variation: FloatArray
    continuous: tuple[int, ...]
    confidence: float | None
    alternatives: tuple[int, ...]

    @property
    def n_structures(self) -> int:
        """How many structures there are (>= 1)."""
        return len(self.stability)


@dataclass(frozen=True, eq=False, repr=False)
class Factorization(ReadOnlyArrays):
    """A non-negative factorization of local spectra.

    Parameters
    ----------
    factors : ndarray of float32, shape (component, feature)
        Half-plane factors of unit Euclidean norm, strongest component first.
    loadings : ndarray of float32, shape (n_valid, component)
        Non-negative weights.
    residual : ndarray of float32, shape (n_valid,)
        ``norm(values - loadings @ factors) / norm(values)`` window by window; 0 for a window
        without any spectrum.
    reconstruction_error : float
        Frobenius norm of (values - loadings @ factors) divided by that of the values.
    n_iter : int
        Iterations of the best start.
    converged : bool
        Whether the tolerance was reached.
    """

    factors: npt.NDArray[np.float32]
    loadings: npt.NDArray[np.float32]
    residual: npt.NDArray[np.float32]
    reconstruction_error: float
    n_iter: int
    converged: bool


@dataclass(frozen=True, eq=False, repr=False)
class Peaks(ReadOnlyArrays):
    """Spots of the components as a table of equally long columns, strongest first in a component.

    Opposite spots (k and -k) are one row.

    Parameters
    ----------
    component : ndarray of int, shape (peak,)
        Index of the component, from 0.
    d_spacing, d_spacing_uncertainty : ndarray of float, shape (peak,)
        1/|k| and its standard uncertainty, in the image's unit.
    angle, angle_uncertainty : ndarray of float, shape (peak,)
        Direction of k in degrees [0, 180), counter-clockwise from +x as seen on screen.
    frequency_y, frequency_x : ndarray of float, shape (peak,)
        k in cycles per unit; +y points down, frequency_x >= 0.
    intensity : ndarray of float, shape (peak,)
        Height above the surroundings, relative to the component's strongest spot.
    significance : ndarray of float, shape (peak,)
        The same height in units of the surroundings' scatter.
    unit : str
        Unit of the d-spacings.
    """

    component: IntArray
    d_spacing: FloatArray
    d_spacing_uncertainty: FloatArray
    angle: FloatArray
    angle_uncertainty: FloatArray
    frequency_y: FloatArray
    frequency_x: FloatArray
    intensity: FloatArray
    significance: FloatArray
    unit: str = PIXEL_UNIT

    def __len__(self) -> int:
        """Return the number of spots."""
        return len(self.component)

    @property
    def columns(self) -> dict[str, npt.NDArray[Any]]:
        """The table as a dictionary of columns: ``pandas.DataFrame(analysis.peaks.columns)``."""
        return {item.name: getattr(self, item.name) for item in fields(self) if item.name != "unit"}

    def of(self, component: int) -> Peaks:
        """Return the rows of one component."""
        rows = self.component == component
        return Peaks(**{name: column[rows] for name, column in self.columns.items()}, unit=self.unit)


@dataclass(frozen=True, eq=False, repr=False)
class Segmentation(ReadOnlyArrays):
    """Which component each pixel belongs to.

    Parameters
    ----------
    labels : ndarray of int16, shape (y, x)
        Index of the component; -1 where no valid window covers the pixel.
    margin : ndarray of float32, shape (y, x)
        How clearly a pixel belongs to its component rather than to the next best, from 0
        (undecided) to 1; NaN where there is no label.
    area_fractions, area_uncertainties : ndarray of float, shape (component,)
        Share of each component in the labelled pixels and its standard uncertainty, which is that
        of the place of its boundaries.
    resolution : float
        Side in pixels of the windows that placed the boundaries.
    """

    labels: npt.NDArray[np.int16]
    margin: npt.NDArray[np.float32]
    area_fractions: FloatArray
    area_uncertainties: FloatArray
    resolution: float


@dataclass(frozen=True, eq=False)
class WindowAdvice:
    """A suggested window and step with the reasons.

    Parameters
    ----------
    size, step : tuple of int
        In pixels, (y, x).
    period : float
        The dominant period in the image's unit, NaN where none stands out.
    reasons : tuple of str
        Sentences for people.
    finer : tuple of int or None
        A smaller window, (y, x), that is better where it shows as many structures, at least two;
        None where no smaller one comes into question.
    """

    size: tuple[int, int]
    step: tuple[int, int]
    period: float
    reasons: tuple[str, ...]
    finer: tuple[int, int] | None = None
