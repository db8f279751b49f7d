"""The ground: what windows are cut from, and their spectra, held or streamed; below the survey."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from fftscape.compute.executors import is_spread
from fftscape.compute.half_plane import n_features
from fftscape.compute.pixels import Scale, scale_of
from fftscape.model.arrays import BoolArray
from fftscape.model.image import Image
from fftscape.model.records import LocalSpectra, Spectra, WindowGrid
from fftscape.model.settings import Backend, SpectraSettings
from fftscape.stages.spectra import local_spectra, spectra_within, without_blank_windows
from fftscape.stages.windows import thinned

# Windows, and values of their spectra, that are as good as all where something small is worked out.
_MOST_WINDOWS = 5000
_MOST_VALUES = 1 << 25


@dataclass(frozen=True, eq=False)
class Ground:
    """What windows are cut from.

    Parameters
    ----------
    image : Image
        Data of shape (y, x).
    usable : ndarray of bool, shape (y, x)
        False for pixels that hold no data.
    room : int
        Bytes that the spectra of one grid may take; more of them are not held.
    backend : {'numpy', 'torch', 'cupy'}
        What they are computed with.
    known : Scale, optional
        Of the pixels, counted from their mean, where it was found before.
    """

    image: Image
    usable: BoolArray
    room: int
    backend: Backend = "numpy"
    known: Scale | None = None

    @cached_property
    def centred(self) -> Scale:
        """Scale of the pixels, counted from their mean."""
        return self.known or scale_of(self.image.data, centred=True)

    @cached_property
    def _from_zero(self) -> Scale:
        return scale_of(self.image.data, centred=False)

    def scale(self, settings: SpectraSettings) -> Scale:
        """Return the scale of the pixels for spectra that are made so."""
        return self.centred if settings.remove_mean else self._from_zero

    def spectra(self, grid: WindowGrid, settings: SpectraSettings) -> Spectra:
        """Return the spectra of the windows that are valid in a grid."""
        room = 0 if is_spread() else self.room
        return spectra_within(room, self.image.data, grid, settings, self.scale(settings), self.backend)

    def without_blank_windows(self, grid: WindowGrid, settings: SpectraSettings) -> WindowGrid:
        """Leave out windows that have no spectrum."""
        return without_blank_windows(self.image.data, grid, settings, self.scale(settings))

    def held(self, spectra: Spectra) -> LocalSpectra:
        """Return spectra that are in memory: all of them or, where they are too many, an even part."""
        if isinstance(spectra, LocalSpectra):
            return spectra
        part = thinned(spectra.grid, most_held(spectra.grid))
        return local_spectra(self.image.data, part, spectra.settings, self.scale(spectra.settings))


def most_held(grid: WindowGrid) -> int:
    """Return how many windows of a grid's size a scree plot, or another sum over all, is computed from at most."""
    return min(_MOST_WINDOWS, max(1, _MOST_VALUES // n_features(grid.size)))
