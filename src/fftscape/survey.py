"""The survey of an image: structures, their number and place, from windows at regular steps; below the pipeline."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fftscape.compute.executors import is_spread
from fftscape.compute.half_plane import n_features
from fftscape.model.arrays import BoolArray
from fftscape.model.image import Image
from fftscape.model.records import LEAST_CONFIDENCE, LocalSpectra, Regions, Scree, Spectra, WindowGrid
from fftscape.model.settings import Backend, Settings, SpectraSettings
from fftscape.stages.rank import compute_scree, directions_above_noise, doubted, unsure, with_regions
from fftscape.stages.references import on_grid
from fftscape.stages.regions import find_regions
from fftscape.stages.scan_lines import Lines, noisy_lines, without_lines
from fftscape.stages.spectra import local_spectra, spectra_within, without_blank_windows
from fftscape.stages.windows import packed, sparse_grid, survey_grid, thinned, window_grid

# Windows, and values of their spectra, from which a scree plot is computed at most.
_MOST_WINDOWS = 5000
_MOST_VALUES = 1 << 25
# With fewer windows side by side, two regions that are wide enough and a boundary between them hardly find room.
_FEWEST_SIDE_BY_SIDE = 4.0


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
    """

    image: Image
    usable: BoolArray
    room: int
    backend: Backend = "numpy"

    def spectra(self, grid: WindowGrid, settings: SpectraSettings) -> Spectra:
        """Return the spectra of the windows that are valid in a grid."""
        room = 0 if is_spread() else self.room
        return spectra_within(room, self.image.data, grid, settings, self.backend)

    def held(self, spectra: Spectra) -> LocalSpectra:
        """Return spectra that are in memory: all of them or, where they are too many, an even part."""
        if isinstance(spectra, LocalSpectra):
            return spectra
        return local_spectra(self.image.data, thinned(spectra.grid, _most(spectra.grid)), spectra.settings)


@dataclass(frozen=True, eq=False)
class Survey:
    """What the windows at regular steps show.

    Parameters
    ----------
    scree : Scree
        With the number of structures.
    regions : Regions
        On the survey's own grid.
    spectra : Spectra
        Of the survey.
    noisy : tuple of {'rows', 'columns'}
        Lines whose noise was left out when regions were looked for.
    """

    scree: Scree
    regions: Regions
    spectra: Spectra
    noisy: tuple[Lines, ...] = ()

    @property
    def grid(self) -> WindowGrid:
        """Windows of the survey."""
        return self.spectra.grid

    @property
    def is_used(self) -> bool:
        """Whether the number that is used is the one that was found, and not set or limited by the user."""
        return self.scree.n_components == self.regions.n_structures

    def shows_as_much_as(self, other: Survey) -> bool:
        """Tell whether this survey, of smaller windows, is the better one: several structures, no fewer, no doubt."""
        if not self.is_used or self.regions.n_structures == 1:
            return False
        if not other.is_used:
            return True
        mine, its = (survey.regions.confidence or 0.0 for survey in (self, other))
        return self.regions.n_structures >= other.regions.n_structures and mine >= min(its, LEAST_CONFIDENCE)

    @property
    def is_at_a_loss(self) -> bool:
        """Whether it shows one structure and is not sure of it."""
        return self.is_used and self.regions.n_structures == 1 and self.scree.is_ambiguous

    @property
    def is_beyond_doubt(self) -> bool:
        """Whether it shows several structures, and the same number with all thresholds."""
        return self.is_used and self.regions.n_structures > 1 and self.regions.confidence == 1.0

    def beside(self, other: Survey) -> Survey:
        """Return it with the confidence that windows of the other's size leave of it."""
        return replace(self, scree=doubted(self.scree, other.scree, other.grid.size)) if self.is_used else self

    def spectra_on(self, grid: WindowGrid, settings: SpectraSettings) -> Spectra | None:
        """Return the survey's spectra where those of these windows, made in this way, are the same."""
        own = self.grid
        same = settings == self.spectra.settings and grid.size == own.size and grid.shape == own.shape
        if not same or (grid.origins_y != own.origins_y).any() or (grid.origins_x != own.origins_x).any():
            return None
        # Blank windows take no part in the survey, and none elsewhere.
        return self.spectra.on(replace(grid, valid=own.valid))

    def regions_on(self, grid: WindowGrid) -> Regions | None:
        """Return the regions on other windows of the same size; None where another number was chosen."""
        return on_grid(self.regions, self.grid, grid) if self.is_used else None


def surveyed(ground: Ground, settings: Settings) -> Survey:
    """Look for structures in windows and spectra of the survey's own, on which its thresholds were measured.

    Parameters
    ----------
    ground : Ground
        The image.
    settings : Settings
        With window and step filled in.

    Returns
    -------
    Survey
        Scree plot, regions and their grid.
    """
    size, step = settings.windows.size, settings.windows.step
    assert size is not None
    assert step is not None
    spectra_settings, grid = SpectraSettings(), survey_grid(ground.usable, size)
    # What is free of gaps may be so small that windows fit in, but none of the survey.
    grid = grid if grid.valid.any() else window_grid(ground.usable, size, step)
    grid = without_blank_windows(ground.image.data, grid, spectra_settings)
    spectra = ground.spectra(grid, spectra_settings)
    scree = scree_beside_noise(ground.image, spectra.grid, spectra_settings, settings)
    noisy = noisy_lines(ground.image.data, spectra.grid)
    regions = find_regions(without_lines(spectra, noisy), directions_above_noise(scree), settings.regions)
    scree = with_regions(scree, regions, settings.rank)
    side_by_side = min(length / side for length, side in zip(spectra.grid.image_shape, spectra.grid.size, strict=True))
    if regions.n_structures == 1 and side_by_side < _FEWEST_SIDE_BY_SIDE and settings.rank.n_components == "auto":
        scree = unsure(scree, side_by_side)
    return Survey(scree, regions, spectra, noisy)


def scree_beside_noise(image: Image, grid: WindowGrid, spectra: SpectraSettings, settings: Settings) -> Scree:
    """Compute the scree plot of windows that overlap little beside that of noise in the same windows.

    Parameters
    ----------
    image : Image
        Data of shape (y, x).
    grid : WindowGrid
        Windows of which a sparse part is taken.
    spectra : SpectraSettings
        How spectra are computed.
    settings : Settings
        Rule and seed.

    Returns
    -------
    Scree
        By the rule of the settings.
    """
    sparse = sparse_grid(grid)
    most = _most(grid)
    # Noise is the same everywhere, so that of many windows needs only as large an image as holds those looked at.
    quiet = sparse if sparse.n_valid <= most else packed(sparse, most)
    noise = np.random.default_rng(settings.rank.seed).standard_normal(quiet.image_shape, np.float32)
    return compute_scree(
        local_spectra(image.data, thinned(sparse, most), spectra),
        local_spectra(noise, quiet, spectra),
        settings.rank,
    )


def _most(grid: WindowGrid) -> int:
    return min(_MOST_WINDOWS, max(1, _MOST_VALUES // n_features(grid.size)))
