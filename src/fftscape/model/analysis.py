"""The record of a whole analysis: all that the stages found, at image scale and with zero frequency in the centre."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from fftscape.model.arrays import FloatArray, ReadOnlyArrays
from fftscape.model.image import Image, reciprocal_unit
from fftscape.model.records import Peaks, Scree, Segmentation, WindowGrid
from fftscape.model.settings import Settings


@dataclass(frozen=True, eq=False, repr=False)
class AnalysisRecord(ReadOnlyArrays):
    """Everything one analysis found, as plain data (`fftscape.Analysis` adds what can be done with it).

    Parameters
    ----------
    image : Image
        What was analysed.
    grid : WindowGrid
        Where the windows lay.
    scree : Scree
        Scree plot and number of components.
    factors : ndarray of float32, shape (component, frequency_y, frequency_x)
        Full-plane factors with zero frequency at index ``size // 2`` of both axes; unit norm.
    loadings : ndarray of float32, shape (component, window_y, window_x)
        Non-negative maps; NaN where a window takes no part.
    residual : ndarray of float32, shape (window_y, window_x)
        Norm of what the model leaves of each window's spectrum, relative to the spectrum's norm.
    abruptness : ndarray of float32, shape (window_y, window_x)
        How abruptly the spectra change around each window, in units of their noise: high at
        boundaries; NaN where a window takes no part or the rule for the number looks at no boundaries.
    shares : ndarray of float, shape (component,)
        Each component's part of the sum of all loadings.
    stability : ndarray of float, shape (component,)
        Part of each component's windows that is recognised from other parts of the image alone;
        NaN where no other parts show it, or the components are not those that were found by
        themselves.
    variation : ndarray of float, shape (component,)
        Largest spread of the spectra inside each component in units of noise, about 1 for noise
        alone, more for continuous change; NaN as above.
    segmentation : Segmentation
        Labels at image scale.
    peaks : Peaks
        Spots of the components, measured in the windows that belong to one component most clearly.
    reconstruction_error : float
        Relative error of the factorization.
    n_iter : int
        Iterations it took.
    converged : bool
        Whether it reached its tolerance.
    settings : Settings
        Every setting as used: window and step are filled in, n_components stays 'auto' if it was.
    provenance : mapping
        Versions and the input's SHA-256; nothing that changes between equal runs.
    notes : tuple of str
        What a reader of the result must know (advisor's reasons, warnings).
    orientation, orientation_uncertainty : ndarray of float32, shape (window_y, window_x), or None
        Rotation of each window against the strongest variant of its structure, in degrees
        counter-clockwise as seen on screen; NaN where it means nothing. None unless the analysis was
        rotation-tolerant.
    orientation_period : ndarray of float, shape (component,), or None
        Turn that leaves each structure as it is, up to which `orientation` is known; NaN for a
        structure that is the same in all directions.
    """

    image: Image
    grid: WindowGrid
    scree: Scree
    factors: npt.NDArray[np.float32]
    loadings: npt.NDArray[np.float32]
    residual: npt.NDArray[np.float32]
    abruptness: npt.NDArray[np.float32]
    shares: FloatArray
    stability: FloatArray
    variation: FloatArray
    segmentation: Segmentation
    peaks: Peaks
    reconstruction_error: float
    n_iter: int
    converged: bool
    settings: Settings
    provenance: Mapping[str, str]
    notes: tuple[str, ...] = ()
    orientation: npt.NDArray[np.float32] | None = None
    orientation_uncertainty: npt.NDArray[np.float32] | None = None
    orientation_period: FloatArray | None = None

    @property
    def n_components(self) -> int:
        """Number of components; 1 means that no second structure was found."""
        return len(self.factors)

    @property
    def labels(self) -> npt.NDArray[np.int16]:
        """Index of the strongest component of each pixel, shape (y, x); -1 where none covers it."""
        return self.segmentation.labels

    @property
    def area_fractions(self) -> FloatArray:
        """Share of each component in the labelled pixels."""
        return self.segmentation.area_fractions

    @property
    def area_uncertainties(self) -> FloatArray:
        """Standard uncertainty of the area fractions."""
        return self.segmentation.area_uncertainties

    @cached_property
    def frequency_y(self) -> FloatArray:
        """Spatial frequencies of the factors' rows, cycles per unit; zero at index size // 2."""
        return np.fft.fftshift(np.fft.fftfreq(self.grid.size[0], self.image.pixel_size[0]))

    @cached_property
    def frequency_x(self) -> FloatArray:
        """Spatial frequencies of the factors' columns, cycles per unit; zero at index size // 2."""
        return np.fft.fftshift(np.fft.fftfreq(self.grid.size[1], self.image.pixel_size[1]))

    @property
    def position_y(self) -> FloatArray:
        """Distance of the window centres from the centre of the first pixel row, in the image's unit."""
        return self.grid.centres_y * self.image.pixel_size[0]

    @property
    def position_x(self) -> FloatArray:
        """Distance of the window centres from the centre of the first pixel column, in the image's unit."""
        return self.grid.centres_x * self.image.pixel_size[1]

    @property
    def frequency_unit(self) -> str:
        """Unit of the spatial frequencies."""
        return reciprocal_unit(self.image.unit)
