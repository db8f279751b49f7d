"""The whole method in its order, the only place that knows it: an image in, an `AnalysisRecord` out."""

from __future__ import annotations

import platform
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from typing import Any

import numpy as np
import numpy.typing as npt

from fftscape.closer import CloseLook, close_look
from fftscape.compute.assignments import Assignment
from fftscape.compute.backend import device
from fftscape.compute.executors import aside, elsewhere, is_spread, one_blas_thread
from fftscape.compute.half_plane import to_full_plane, to_half_plane
from fftscape.compute.kernel import LANES, vectors
from fftscape.compute.memory import allowed_memory
from fftscape.compute.pixels import scale_of
from fftscape.compute.transform import done_by
from fftscape.ground import Ground
from fftscape.labelling import labelled
from fftscape.model.analysis import AnalysisRecord
from fftscape.model.arrays import FloatArray, IntArray
from fftscape.model.errors import (
    InvalidSettingError,
    NoPeaksWarning,
    NotConvergedWarning,
    OddImageWarning,
    UncalibratedImageError,
)
from fftscape.model.image import Image
from fftscape.model.mapped import bands_of
from fftscape.model.notes import Notes
from fftscape.model.records import Factorization, LocalSpectra, Regions, Scree, Segmentation, Spectra, WindowGrid
from fftscape.model.rotation import Turns
from fftscape.model.settings import Backend, Settings
from fftscape.preparation import (
    check_number,
    finest_windows,
    laid_grid,
    with_windows,
)
from fftscape.recollection import Prepared, forget, recalled, remember, remember_look
from fftscape.stages.factorization import factorize, project, purest_spectra
from fftscape.stages.orientation import orientation_map
from fftscape.stages.peaks import find_peaks
from fftscape.stages.rank import compute_scree
from fftscape.stages.references import agreement, mean_spectra
from fftscape.stages.rotation import joined, said, same_rings
from fftscape.stages.segmentation import assigned_by_labels, assigned_by_loadings
from fftscape.survey import Survey, scree_beside_noise, surveyed
from fftscape.usable import usable_pixels

# Of the memory allowed, the spectra of one grid take one of so many parts: samples, maps and copies need the others.
_PARTS = 4

# Factors belong to the regions if so many of the windows well inside these load their own component most.
_AGREEING = 0.9


def find(image: Image, chosen: Settings, *, notes: Notes, memory: int, backend: Backend) -> AnalysisRecord:
    """Find the structures of an image.

    Parameters
    ----------
    image : Image
        Checked, see `as_image`.
    chosen : Settings
        What the user wants.
    notes : Notes
        Told what a reader of the result must know.
    memory : int
        Bytes that the analysis may take beside the image.
    backend : {'numpy', 'torch', 'cupy'}
        What spectra are computed with.

    Returns
    -------
    AnalysisRecord
        Number, maps, factors, labels, spots and residual.

    Raises
    ------
    InvalidSettingError
        If a setting does not fit the image.
    """
    room = memory // _PARTS
    with one_blas_thread(), aside(_load_ahead), _digested(image, room) as digest:
        return _analyzed(image, digest, chosen, notes, room, backend)


def describe(image: Image, model: AnalysisRecord, *, notes: Notes) -> AnalysisRecord:
    """Describe an image by the factors that were found in another one.

    Parameters
    ----------
    image : Image
        Checked, with pixels of the same physical size.
    model : AnalysisRecord
        Of the other image.
    notes : Notes
        Told what a reader of the result must know.

    Returns
    -------
    AnalysisRecord
        Loadings, labels and residual of the image; factors and scree of the model.

    Raises
    ------
    InvalidSettingError
        If the pixel sizes differ, the image is smaller than the window, or the model is rotation-tolerant.
    UncalibratedImageError
        If the model is calibrated and the image is not.
    """
    if model.settings.rotation.tolerant:
        raise InvalidSettingError(
            f"{model.image.name}: a rotation-tolerant result has one factor for all orientations and cannot "
            "describe another image; analyse it without rotation.tolerant first."
        )
    if model.image.is_calibrated and not image.is_calibrated:
        raise UncalibratedImageError(
            f"{image.name}: it has no calibration, but the model's pixels are {model.image.pixel_size} "
            f"{model.image.unit}; give its pixel size."
        )
    if image.unit != model.image.unit or not np.allclose(image.pixel_size, model.image.pixel_size, rtol=1e-3):
        raise InvalidSettingError(
            f"{image.name}: its pixels of {image.pixel_size} {image.unit} differ from the model's "
            f"{model.image.pixel_size} {model.image.unit}; resample the image or analyse it on its own."
        )
    notes.add(f"Described by the factors of {model.image.name}.")
    room = allowed_memory() // _PARTS
    with one_blas_thread(), _digested(image, room) as digest:
        ground = Ground(image, usable_pixels(image, model.settings, notes), room)
        spectra = _spectra(ground, model.settings, notes)
        result = project(spectra, to_half_plane(model.factors))
        size, seed = model.grid.size, model.settings.regions.seed
        looked = cache(lambda: close_look(ground, size, seed=seed))
        found = _Found(ground, digest, spectra, model.scree, None, None, looked, result, lambda: None, lambda: None)
        return _assemble(found, model.settings, notes)


def _load_ahead() -> None:
    """Import what later stages import, while the first ones compute."""
    import scipy.ndimage
    import scipy.special  # noqa: F401


def _digested(image: Image, room: int) -> AbstractContextManager[Callable[[], str]]:
    """Compute the SHA-256 of the pixels meanwhile, or, of images that need not be in memory, when it is asked for."""
    return aside(lambda: _digest(image.data), at_once=image.data.nbytes <= room)


def _analyzed(
    image: Image, digest: Callable[[], str], chosen: Settings, notes: Notes, room: int, backend: Backend
) -> AnalysisRecord:
    chosen, finer = with_windows(chosen, image, notes)
    prepared = recalled(image, digest, chosen, room, backend) if finer is None else None
    if prepared is None:
        forget()  # there need not be room for both
        chosen, prepared = _prepared(image, chosen, finer, room, backend)
        alone = None if prepared.survey is None else replace(prepared.survey, other=None)
        remember(image, digest, chosen, room, backend, replace(prepared, survey=alone))
    notes.extend(prepared.notes)
    ground, spectra = Ground(image, prepared.usable, room, backend, prepared.centred), prepared.spectra
    survey = None if prepared.survey is None else replace(prepared.survey, rank=chosen.rank)
    check_number(chosen, spectra)
    scree, regions = _number(ground, survey, spectra, chosen)
    unseen = 0 if regions is None else regions.n_structures - len(np.unique(regions.labels[regions.labels >= 0]))
    if unseen:
        notes.warn(f"{unseen} of the structures lie between the windows; choose a smaller step.", OddImageWarning)
    grid, means = spectra.grid, None if regions is None else mean_spectra(spectra, regions)
    at_once = _has_room(spectra)
    needed = chosen.segmentation.sharpen and scree.n_components > 1
    with (
        aside(lambda: _look(ground, prepared, chosen), at_once=at_once and needed) as looked,
        aside(lambda: _by_regions(ground, regions, grid, looked, chosen), at_once=at_once) as by_regions,
        aside(lambda: None if means is None else _turns(means, spectra, image)) as turns,
    ):
        result = factorize(spectra, scree.n_components, chosen.factorization, start=means, sample=prepared.sample)
        if regions is not None and means is not None and agreement(regions, result.loadings, grid) < _AGREEING:
            # Of several ways to describe the spectra equally well it found one that is not that of the regions.
            result = project(spectra, means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12))
            notes.add("Factors are the mean spectra of the regions, since the factorization ended at maps unlike them.")
        found = _Found(ground, digest, spectra, scree, regions, means, looked, result, by_regions, turns)
        return _assemble(found, chosen, notes)


def _prepared(
    image: Image, chosen: Settings, finer: Settings | None, room: int, backend: Backend
) -> tuple[Settings, Prepared]:
    """Do what does not depend on the number of components, with a smaller window where that shows as much."""
    notes = Notes()
    with aside(lambda: scale_of(image.data, centred=True), at_once=image.data.nbytes <= room) as centred:
        ground = Ground(image, usable_pixels(image, chosen, notes), room, backend, centred())
    survey = surveyed(ground, chosen) if chosen.rank.rule == "regions" else None
    if survey is not None and finer is not None:
        chosen, survey = _finer(ground, chosen, survey, finer, notes)
    for lines in () if survey is None else survey.noisy:
        notes.add(f"The {lines} have offsets of their own; regions were looked for without the frequencies these fill.")
    return chosen, Prepared(ground.usable, ground.centred, survey, _spectra(ground, chosen, notes, survey), notes)


def _spectra(ground: Ground, settings: Settings, notes: Notes, survey: Survey | None = None) -> Spectra:
    """Return the spectra of the windows that have one, and say how many have none."""
    grid = laid_grid(ground.usable, settings, notes)
    spectra = None if survey is None else survey.spectra_on(grid, settings.spectra)
    if spectra is None:
        spectra = ground.spectra(ground.without_blank_windows(grid, settings.spectra), settings.spectra)
    blank = grid.n_valid - spectra.grid.n_valid
    if blank:
        notes.warn(f"{blank} of {grid.valid.size} windows are blank and take no part.", OddImageWarning)
    return spectra


def _look(ground: Ground, prepared: Prepared, settings: Settings) -> CloseLook | None:
    """Take the close look at the image, and keep it for other numbers; or the one that was kept."""
    if prepared.look is not None:
        return prepared.look
    look = close_look(ground, prepared.spectra.grid.size, seed=settings.regions.seed)
    remember_look(prepared.spectra, look)
    return look


_Looked = Callable[[], CloseLook | None]


@dataclass(frozen=True, eq=False)
class _Found:
    """What the stages up to the factorization found.

    Regions are on the grid of the spectra, with their means. On what needs no more than these, threads may still be at
    work: the labels, and how the means are turned; without regions both are None.
    """

    ground: Ground
    digest: Callable[[], str]
    spectra: Spectra
    scree: Scree
    regions: Regions | None
    means: FloatArray | None
    looked: _Looked
    result: Factorization
    by_regions: Callable[[], Segmentation | None]
    turns_of_means: Callable[[], Turns | None]


def _number(
    ground: Ground, survey: Survey | None, spectra: Spectra, settings: Settings
) -> tuple[Scree, Regions | None]:
    """Find how many components there are, and the regions where there are as many."""
    if survey is not None:
        return survey.scree, survey.regions_on(spectra.grid)
    if settings.rank.rule == "elbow":
        return compute_scree(ground.held(spectra), None, settings.rank), None
    return scree_beside_noise(spectra, settings.rank), None


def _finer(
    ground: Ground, settings: Settings, survey: Survey, finer: Settings, notes: Notes
) -> tuple[Settings, Survey]:
    """Take the smaller window that the advisor named if it shows as many structures: it resolves them better.

    Where neither shows any, and both are at a loss, half of it again is asked: things smaller than a window.
    """
    first, chosen, survey = survey, settings, surveyed(ground, finer)
    if survey.shows_as_much_as(first):
        chosen = finer
    else:
        finest = finest_windows(finer, ground.image.shape) if first.is_at_a_loss and survey.is_at_a_loss else None
        last = None if finest is None else surveyed(ground, finest)
        if finest is None or last is None or not last.is_beyond_doubt:
            return settings, first.beside(survey)
        chosen, survey = finest, last
    found, there = first.regions.n_structures, survey.regions.n_structures
    height, width = survey.grid.size
    more = f"it shows {there} structures instead of {found}" if there > found else "it shows them more sharply"
    notes.add(f"Window {height}x{width} px in the end: {more}.")
    return chosen, survey.beside(first)


def _by_regions(
    ground: Ground, regions: Regions | None, grid: WindowGrid, looked: _Looked, settings: Settings
) -> Segmentation | None:
    """Give pixels to the regions, which needs no factorization."""
    if regions is None:
        return None
    return _labelled(ground, assigned_by_labels(regions.labels, regions.n_structures, grid), grid, looked, settings)


def _turns(half_planes: FloatArray, spectra: Spectra, image: Image) -> Turns:
    """Tell how components are turned that have these spectra."""
    return same_rings(to_full_plane(half_planes, spectra.grid.size), image.pixel_size, spectra.settings.scaling)


def _segmentation(found: _Found, loadings: FloatArray, settings: Settings) -> Segmentation:
    """Assign windows to components, and pixels."""
    grid, segmentation = found.spectra.grid, found.by_regions()
    if segmentation is None:
        segmentation = _labelled(found.ground, assigned_by_loadings(loadings, grid), grid, found.looked, settings)
    return segmentation


def _labelled(
    ground: Ground, assignment: Assignment, grid: WindowGrid, looked: _Looked, settings: Settings
) -> Segmentation:
    """Place boundaries in this process, tile by tile: spectra fit in here, and would be computed twice elsewhere."""
    with elsewhere(None):
        return labelled(ground, assignment, grid, settings, looked)


def _has_room(spectra: Spectra) -> bool:
    """Tell whether there is memory to do several things at a time: all spectra are here, or none."""
    return isinstance(spectra, LocalSpectra) or is_spread()


def _assemble(found: _Found, settings: Settings, notes: Notes) -> AnalysisRecord:
    """Turn a factorization into everything people ask of it."""
    image, spectra, scree, regions, result = found.ground.image, found.spectra, found.scree, found.regions, found.result
    grid, at_once = spectra.grid, _has_room(spectra)
    loadings = grid.to_map(result.loadings)
    factors = to_full_plane(result.factors, grid.size)
    weights = result.loadings.sum(axis=0, dtype=np.float64)
    with aside(lambda: _segmentation(found, loadings, settings), at_once=at_once) as segmentation:
        purest = purest_spectra(spectra, result.loadings)
        spots = to_full_plane(purest, grid.size)
        with aside(lambda: found.turns_of_means() or _turns(purest, spectra, image)) as turns:
            peaks = find_peaks(spots, image.pixel_size, image.unit, spectra=settings.spectra, settings=settings.peaks)
            same = turns()
        unknown = np.full(len(factors), np.nan)
        if not result.converged:
            notes.warn(
                f"The factorization had not settled after {result.n_iter} iterations; raise factorization.max_iter.",
                NotConvergedWarning,
            )
        if not len(peaks) and result.factors.any():
            notes.warn("No component has a spot that stands out of its background.", NoPeaksWarning)
        analysis = AnalysisRecord(
            image=image,
            grid=grid,
            scree=scree,
            factors=factors,
            loadings=loadings,
            residual=grid.to_map(result.residual),
            abruptness=np.full(grid.shape, np.nan, np.float32) if regions is None else regions.abruptness,
            shares=weights / (weights.sum() or 1.0),
            stability=unknown if regions is None else regions.stability,
            variation=unknown if regions is None else regions.variation,
            segmentation=segmentation(),
            peaks=peaks,
            reconstruction_error=result.reconstruction_error,
            n_iter=result.n_iter,
            converged=result.converged,
            settings=settings,
            provenance=_provenance(found, found.digest()),
            notes=tuple(notes.sentences),
        )
    if not settings.rotation.tolerant:
        return replace(analysis, notes=(*analysis.notes, *said(same)))
    references = to_full_plane(purest if found.means is None else found.means, grid.size)
    return joined(analysis, same, orientation_map(spectra, references, _owner(found), image.pixel_size))


def _owner(found: _Found) -> IntArray:
    """Return the component that each window is of."""
    if found.regions is None:
        return np.asarray(found.result.loadings.argmax(axis=1))
    return np.asarray(found.regions.labels[found.spectra.grid.valid])


def _provenance(found: _Found, pixels_sha256: str) -> dict[str, str]:
    image, backend = found.ground.image, found.ground.backend
    by = (
        {"transforms": done_by(found.spectra.grid.size)}
        if backend == "numpy"
        else {"backend": f"{backend} {device(backend).version}"}
    )
    return {
        "fftscape": version("fftscape"),
        "python": platform.python_version(),
        "numpy": version("numpy"),
        "scipy": version("scipy"),
        **by,
        "kernel": vectors(LANES),
        "machine": platform.machine(),
        "input": image.source,
        "pixels_sha256": pixels_sha256,
    }


def _digest(data: npt.NDArray[Any]) -> str:
    """Return the SHA-256 of the pixels, row by row."""
    digest = sha256()
    for band in bands_of(data):
        digest.update(np.ascontiguousarray(data[band]).data)
    return digest.hexdigest()
