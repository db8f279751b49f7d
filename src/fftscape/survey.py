"""The survey of an image: structures, their number and place, from windows at regular steps; below the pipeline."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from fftscape.compute.executors import aside
from fftscape.ground import Ground, most_held
from fftscape.model.arrays import FloatArray
from fftscape.model.records import LEAST_CONFIDENCE, LocalSpectra, Regions, Scree, Spectra, WindowGrid
from fftscape.model.settings import Pair, RankSettings, Settings, SpectraSettings, merged
from fftscape.stages.factorization import Sample, sampled_for
from fftscape.stages.rank import (
    directions_above_noise,
    doubted,
    null_eigenvalues,
    scree_of,
    unsure,
    variation_of,
    with_regions,
)
from fftscape.stages.references import on_grid
from fftscape.stages.regions import evidence_in, find_regions
from fftscape.stages.scan_lines import Lines, noisy_lines, without_lines
from fftscape.stages.spectra import local_spectra
from fftscape.stages.windows import packed, sparse_grid, survey_grid, thinned, window_grid, windows_of

# With fewer windows side by side, two regions that are wide enough and a boundary between them hardly find room.
_FEWEST_SIDE_BY_SIDE = 4.0


@dataclass(frozen=True, eq=False)
class Survey:
    """What the windows at regular steps show.

    Parameters
    ----------
    eigenvalues : Scree
        Of the survey, whatever number the user wants.
    regions : Regions
        On the survey's own grid.
    rank : RankSettings
        What the user wants.
    spectra : Spectra
        Of the survey.
    noisy : tuple of {'rows', 'columns'}
        Lines whose noise was left out when regions were looked for.
    sample : Sample, optional
        Of the spectra, where they are to be factorized.
    other : tuple of Scree and tuple of int, optional
        What windows of another size show, and their size in pixels (y, x).
    """

    eigenvalues: Scree
    regions: Regions
    rank: RankSettings
    spectra: Spectra
    noisy: tuple[Lines, ...] = ()
    sample: Sample | None = None
    other: tuple[Scree, Pair] | None = None

    @property
    def scree(self) -> Scree:
        """Scree plot with the number of structures, and how sure that is beside what another size shows."""
        return self._own_scree if self.other is None else doubted(self._own_scree, *self.other)

    @property
    def _own_scree(self) -> Scree:
        scree = with_regions(self.eigenvalues, self.regions, self.rank)
        if self.regions.n_structures > 1 or self.rank.n_components != "auto":
            return scree
        side_by_side = min(length / side for length, side in zip(self.grid.image_shape, self.grid.size, strict=True))
        return unsure(scree, side_by_side) if side_by_side < _FEWEST_SIDE_BY_SIDE else scree

    @property
    def grid(self) -> WindowGrid:
        """Windows of the survey."""
        return self.spectra.grid

    @property
    def is_used(self) -> bool:
        """Whether the number that is used is the one that was found, and not set or limited by the user."""
        return self._own_scree.n_components == self.regions.n_structures

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
        return replace(self, other=(other._own_scree, other.grid.size)) if self.is_used else self

    def spectra_on(self, grid: WindowGrid, settings: SpectraSettings) -> Spectra | None:
        """Return the survey's spectra where those of these windows, made in this way, are the same."""
        own = self.grid
        same = settings == self.spectra.settings and grid.size == own.size and grid.shape == own.shape
        if not same or (grid.origins_y != own.origins_y).any() or (grid.origins_x != own.origins_x).any():
            return None
        # Blank windows take no part in the survey, and none elsewhere.
        return self.spectra.on(replace(grid, valid=own.valid))

    def sample_of(self, spectra: Spectra) -> Sample | None:
        """Return the sample of these spectra where they are the survey's."""
        own = self.spectra
        if isinstance(spectra, LocalSpectra) and isinstance(own, LocalSpectra) and spectra.values is own.values:
            return self.sample
        return None

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
    grid = ground.without_blank_windows(grid, spectra_settings)
    spectra = ground.spectra(grid, spectra_settings)
    # Spectra leave no processor idle, the few products of a scree plot do.
    with aside(lambda: noisy_lines(ground.image.data, grid, ground.centred)) as noisy:
        own_number = merged(settings, {"rank": {"n_components": "auto"}}).rank
        eigenvalues, directions = _scree_and_directions(spectra, own_number)
        quiet = without_lines(spectra, noisy())
    number = 0 if settings.rank.n_components == "auto" else settings.rank.n_components
    factorized = isinstance(spectra, LocalSpectra) and _are_of_the_result(grid, settings)
    # Few windows tell in which directions to look at many.
    start = directions if len(directions) and not noisy() else None
    evidence = evidence_in(quiet, directions_above_noise(eigenvalues), settings.regions, start)
    # Where that shows boundaries is the work of one processor.
    with aside(lambda: sampled_for(spectra, number, settings.factorization.seed), at_once=factorized) as sample:
        regions = find_regions(quiet, evidence, settings.regions)
        return Survey(eigenvalues, regions, settings.rank, spectra, noisy(), sample() if factorized else None)


def _are_of_the_result(grid: WindowGrid, settings: Settings) -> bool:
    """Tell whether the survey's windows are those of the result, too: such as end at all edges of the image."""
    step = settings.windows.step
    assert step is not None
    lengths = zip(grid.image_shape, grid.size, step, strict=True)
    ends = all((length - side) % every == 0 for length, side, every in lengths)
    return settings.spectra == SpectraSettings() and grid.step == step and ends


def scree_beside_noise(spectra: Spectra, settings: RankSettings) -> Scree:
    """Compute the scree plot of windows that overlap little beside that of noise in the same windows.

    Parameters
    ----------
    spectra : Spectra
        Of windows of which a sparse part is taken.
    settings : RankSettings
        Rule and seed.

    Returns
    -------
    Scree
        By the rule of the settings.
    """
    return _scree_and_directions(spectra, settings)[0]


def _scree_and_directions(spectra: Spectra, settings: RankSettings) -> tuple[Scree, FloatArray]:
    """Return the scree plot, and the directions in which the windows vary, shape (direction, feature)."""
    sparse = sparse_grid(spectra.grid)
    most = most_held(sparse)
    # Noise is the same everywhere, so that of many windows needs only as large an image as holds those looked at.
    quiet = sparse if sparse.n_valid <= most else packed(sparse, most)
    noise = _Noise(
        quiet.size, quiet.image_shape, tuple(quiet.origins_y.tolist()), tuple(quiet.origins_x.tolist()),
        quiet.valid.tobytes(), spectra.settings,
        RankSettings(max_components=settings.max_components, seed=settings.seed),
    )  # fmt: skip
    chosen = thinned(sparse, most)
    own = LocalSpectra(spectra.rows(windows_of(chosen, spectra.grid)), chosen, spectra.settings)
    with aside(lambda: _noise_eigenvalues(noise)) as null:
        variation = variation_of(own, settings)
        return scree_of(variation, null(), settings), variation.directions


@dataclass(frozen=True)
class _Noise:
    """All that the eigenvalues of noise depend on."""

    size: Pair
    image_shape: Pair
    origins_y: tuple[int, ...]
    origins_x: tuple[int, ...]
    valid: bytes
    spectra: SpectraSettings
    rank: RankSettings


@lru_cache(maxsize=16)
def _noise_eigenvalues(noise: _Noise) -> FloatArray:
    """Return the eigenvalues of white noise in some windows; images of equal shape have the same ones."""
    origins_y, origins_x = np.array(noise.origins_y), np.array(noise.origins_x)
    valid = np.frombuffer(noise.valid, bool).reshape(len(origins_y), len(origins_x))
    grid = WindowGrid(noise.size, noise.size, origins_y, origins_x, noise.image_shape, valid)
    pixels = np.random.default_rng(noise.rank.seed).standard_normal(noise.image_shape, np.float32)
    return null_eigenvalues(local_spectra(pixels, grid, noise.spectra), noise.rank)
