"""The whole method in its order, the only place that knows it: an image in, an `Analysis` out."""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from fftscape.compute.backend import checked, device
from fftscape.compute.cluster import engaged
from fftscape.compute.executors import one_blas_thread
from fftscape.compute.half_plane import to_full_plane, to_half_plane
from fftscape.compute.memory import allowed_memory, as_bytes
from fftscape.files import exchange, result_folder, store
from fftscape.labelling import labelled
from fftscape.model.arrays import FloatArray
from fftscape.model.errors import (
    InvalidSettingError,
    NoPeaksWarning,
    NotConvergedWarning,
    OddImageWarning,
    UncalibratedImageError,
)
from fftscape.model.image import Image
from fftscape.model.mapped import bands_of
from fftscape.model.records import (
    AnalysisRecord,
    Factorization,
    Regions,
    Scree,
    Segmentation,
    Spectra,
)
from fftscape.model.settings import Backend, Preset, Settings, merged
from fftscape.preparation import (
    ArrayLike,
    Notes,
    WindowLike,
    as_image,
    check_memory,
    check_number,
    finest_windows,
    laid_grid,
    resolve_settings,
    usable_pixels,
    with_windows,
)
from fftscape.recollection import Prepared, forget, recalled, remember
from fftscape.stages.factorization import factorize, project, purest_spectra
from fftscape.stages.orientation import orientation_map
from fftscape.stages.peaks import find_peaks
from fftscape.stages.rank import compute_scree
from fftscape.stages.references import agreement, mean_spectra
from fftscape.stages.rotation import joined, said, same_rings
from fftscape.stages.segmentation import assigned_by_labels, assigned_by_loadings
from fftscape.survey import Ground, Survey, scree_beside_noise, surveyed

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure


# Of the memory allowed, the spectra of one grid take one of so many parts: samples, maps and copies need the others.
_PARTS = 4

# Factors belong to the regions if so many of the windows well inside these load their own component most.
_AGREEING = 0.9


class Analysis(AnalysisRecord):
    """The result of `analyze`: the record and what can be done with it.

    See `fftscape.model.records.AnalysisRecord` for the fields.

    Examples
    --------
    >>> import fftscape as fs
    >>> analysis = fs.analyze(fs.synthetic.demo_scene().image, window=64, step=32)
    >>> analysis.n_components, analysis.loadings.shape
    (3, (3, 23, 31))
    """

    def __repr__(self) -> str:
        """Say in a few lines what was found."""
        size, step = self.settings.windows.size, self.settings.windows.step
        shares = ", ".join(f"{part:.1%}" for part in self.area_fractions)
        return (
            f"<Analysis of {self.image.name!r}, {self.image.shape[0]} x {self.image.shape[1]} pixels of "
            f"{self.image.pixel_size} {self.image.unit}\n"
            f" windows {size} every {step} pixels (y, x): {self.grid.n_valid} of {self.grid.valid.size} take part\n"
            f" n_components: {self.n_components}; {self.scree.reason}\n"
            f" area_fractions: {shares}; {len(self.peaks)} spots; reconstruction error {self.reconstruction_error:.3f}>"
        )

    def save(self, path: str | Path, *, report: bool = True) -> Path:
        """Write the result into a folder of its own, whole or not at all.

        Parameters
        ----------
        path : str or Path
            The folder to make; an earlier result there is replaced when the new one is whole.
        report : bool
            Whether to draw the figures and write the report, which takes a few seconds.

        Returns
        -------
        Path
            The folder, which `load` opens.

        Raises
        ------
        UnwritableOutputError
            If it cannot be written.
        """
        path = Path(path).absolute()
        return result_folder.publish(
            path.parent,
            path.name,
            write=lambda folder: self.write(folder, report=report),
            manifest=store.manifest(self),
        )

    def write(self, folder: Path, *, report: bool = True, on_stage: Callable[[str], None] | None = None) -> None:
        """Write the result's files, all but the manifest, into an empty folder.

        Parameters
        ----------
        folder : Path
            Existing and empty.
        report : bool
            Whether to draw the figures and write the report.
        on_stage : callable, optional
            Called with a few words before each part of the work.
        """
        from fftscape.views.figures import write_figures
        from fftscape.views.report import REPORT, write_report

        tell = on_stage or (lambda words: None)
        tell("writing data")
        store.write_results(self, folder)
        if report:
            tell("drawing figures")
            figures = write_figures(self, folder / "figures")
            tell("writing the report")
            write_report(self, folder / REPORT, figures=figures)

    def plot(self) -> Figure:
        """Draw everything on one page.

        Returns
        -------
        matplotlib.figure.Figure
            Image, scree plot, labels, residual, and each map beside its factor.
        """
        from fftscape.views.figures import overview

        return overview(self)

    def to_xarray(self) -> xarray.Dataset:
        """Return everything as labelled arrays.

        Returns
        -------
        xarray.Dataset
            The variables of the Zarr store, with coordinates in physical units.

        Raises
        ------
        BackendUnavailableError
            If xarray is not installed.
        """
        return exchange.to_xarray(self)

    def to_hyperspy(self) -> Any:
        """Return a HyperSpy signal with `learning_results`.

        Returns
        -------
        hyperspy.signals.Signal2D
            ``get_decomposition_loadings()`` and ``get_decomposition_factors()`` give the maps and factors.

        Raises
        ------
        BackendUnavailableError
            If HyperSpy is not installed.
        """
        return exchange.to_hyperspy(self)

    def with_components(self, n_components: int | Literal["auto"], *, sharpen: bool | None = None) -> Analysis:
        """Describe the same image by another number of components.

        Right after the analysis this takes a fraction of its time: what does not depend on the number is kept until
        another image is analysed.

        Parameters
        ----------
        n_components : int or 'auto'
            How many.
        sharpen : bool, optional
            Whether boundaries are placed anew with smaller windows, which takes most of the time; as the settings say
            where left out. False is for trying numbers out.

        Returns
        -------
        Analysis
            What `analyze` gives with this result's settings, window and step, and that number.

        Raises
        ------
        InvalidSettingError
            If the number is not allowed, or larger than the number of windows.

        Examples
        --------
        >>> import fftscape as fs
        >>> analysis = fs.analyze(fs.synthetic.demo_scene().image, window=64, step=32)
        >>> analysis.with_components(4).n_components
        4
        """
        wanted = {} if sharpen is None else {"segmentation": {"sharpen": sharpen}}
        again = analyze(self.image, n_components=n_components, settings=merged(self.settings, wanted))
        return replace(again, notes=(f"Window and step as in the result with {self.n_components}.", *again.notes))

    def transform(self, image: Image | ArrayLike) -> Analysis:
        """Describe another image by this result's factors.

        Parameters
        ----------
        image : Image or ndarray, shape (y, x)
            Pixels of the same physical size.

        Returns
        -------
        Analysis
            Loadings, labels and residual of the other image; factors and scree of this one.

        Raises
        ------
        InvalidSettingError
            If the pixel sizes differ or the image is smaller than the window.
        """
        if self.settings.rotation.tolerant:
            raise InvalidSettingError(
                f"{self.image.name}: a rotation-tolerant result has one factor for all orientations and cannot "
                "describe another image; analyse it without rotation.tolerant first."
            )
        image = as_image(image)
        same = image.unit == self.image.unit and np.allclose(image.pixel_size, self.image.pixel_size, rtol=1e-3)
        if self.image.is_calibrated and not image.is_calibrated:
            raise UncalibratedImageError(
                f"{image.name}: it has no calibration, but the model's pixels are {self.image.pixel_size} "
                f"{self.image.unit}; give its pixel size."
            )
        if not same:
            raise InvalidSettingError(
                f"{image.name}: its pixels of {image.pixel_size} {image.unit} differ from the model's "
                f"{self.image.pixel_size} {self.image.unit}; resample the image or analyse it on its own."
            )
        notes = Notes()
        notes.add(f"Described by the factors of {self.image.name}.")
        with one_blas_thread():
            ground = Ground(image, usable_pixels(image, self.settings, notes), allowed_memory() // _PARTS)
            spectra = _spectra(ground, self.settings, notes)
            result = project(spectra, to_half_plane(self.factors))
            described = _assemble(_Found(ground, spectra, self.scree, None, None, result), self.settings, notes)
        notes.give_warnings()
        return described


def analyze(
    image: Image | ArrayLike,
    *,
    window: WindowLike = None,
    step: WindowLike = None,
    n_components: int | Literal["auto"] | None = None,
    preset: Preset | None = None,
    settings: Settings | None = None,
    memory: str | int | None = None,
    scheduler: Any = None,
    backend: Backend = "numpy",
) -> Analysis:
    """Find the structures of an image.

    Parameters
    ----------
    image : Image or ndarray, shape (y, x)
        Real numbers; NaN and infinity mark pixels without data.
    window, step : int or (y, x), optional
        In pixels. Left out, the advisor chooses, and says so in `notes`; a step left out beside
        a given window is a quarter of it.
    n_components : int or 'auto', optional
        Number of components; by default the scree plot decides.
    preset : {'default', 'published'}, optional
        Where the other settings come from.
    settings : Settings, optional
        All settings at once; the arguments above win over it. Not together with `preset`.
    memory : str or int, optional
        What the analysis may take beside the image, such as '2GiB' or in bytes; by default three quarters of what
        this process may have. Spectra that do not fit in are computed again whenever they are needed, which takes
        longer; the result does not depend on it. What is too little for the windows alone is refused.
    scheduler : str or distributed.Client, optional
        A Dask cluster on which spectra are computed and reduced: 'local', a scheduler's address, or a client. Only
        very large images gain by it. The result does not depend on it.
    backend : {'numpy', 'torch', 'cupy'}
        What spectra are computed with; PyTorch and CuPy use an accelerator where there is one. Their last digits
        differ, so the result names the backend.

    Returns
    -------
    Analysis
        Number, maps, factors, labels, spots and residual.

    Raises
    ------
    InvalidSettingError
        If a setting is not allowed or does not fit the image, or the memory is too little for it.
    BackendUnavailableError
        If a scheduler is named and Dask, or a worker's fftscape, is missing.
    FftscapeError
        If no scheduler answers.

    Examples
    --------
    >>> import fftscape as fs
    >>> stripes = np.sin(np.arange(96) * 2 * np.pi / 8) + np.zeros((80, 1))
    >>> fs.analyze(stripes, window=32, step=8).n_components
    1
    """
    image = as_image(image)
    chosen = resolve_settings(window=window, step=step, n_components=n_components, preset=preset, settings=settings)
    notes = Notes()
    checked(backend, "backend")
    bytes_ = allowed_memory() if memory is None else as_bytes(memory, "memory")
    if memory is not None:
        check_memory(image, chosen, bytes_)
    with one_blas_thread(), engaged(scheduler, bytes_):
        analysis = _analyzed(image, chosen, notes, bytes_ // _PARTS, backend)
    notes.give_warnings()
    return analysis


def load(path: str | Path) -> Analysis:
    """Open a saved result.

    Parameters
    ----------
    path : str or Path
        A folder that `Analysis.save` or ``fftscape run`` wrote, or the ``result.zarr`` in it.

    Returns
    -------
    Analysis
        Equal to the one that was saved.

    Raises
    ------
    UnreadableFileError
        If there is no intact result.

    Examples
    --------
    >>> import tempfile
    >>> import fftscape as fs
    >>> stripes = np.sin(np.arange(96) * 2 * np.pi / 8) + np.zeros((80, 1))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     saved = fs.analyze(stripes, window=32, step=8).save(folder + "/stripes", report=False)
    ...     fs.load(saved).loadings.shape
    (1, 7, 9)
    """
    record = store.load_record(path)
    return Analysis(**{item.name: getattr(record, item.name) for item in fields(AnalysisRecord)})


def _analyzed(image: Image, chosen: Settings, notes: Notes, room: int, backend: Backend) -> Analysis:
    chosen, finer = with_windows(chosen, image, notes)
    prepared = recalled(image, chosen, room, backend) if finer is None else None
    if prepared is None:
        forget()  # there need not be room for both
        chosen, prepared = _prepared(image, chosen, finer, room, backend)
        alone = None if prepared.survey is None else replace(prepared.survey, other=None)
        remember(image, chosen, room, backend, replace(prepared, survey=alone))
    notes.extend(prepared.notes)
    ground, spectra = Ground(image, prepared.usable, room, backend), prepared.spectra
    survey = None if prepared.survey is None else replace(prepared.survey, rank=chosen.rank)
    check_number(chosen, spectra)
    scree, regions = _number(ground, survey, spectra, chosen)
    unseen = 0 if regions is None else regions.n_structures - len(np.unique(regions.labels[regions.labels >= 0]))
    if unseen:
        notes.warn(f"{unseen} of the structures lie between the windows; choose a smaller step.", OddImageWarning)
    start = None if regions is None else mean_spectra(spectra, regions)
    result = factorize(spectra, scree.n_components, chosen.factorization, start=start)
    if regions is not None and start is not None and agreement(regions, result.loadings, spectra.grid) < _AGREEING:
        # Of several ways to describe the spectra equally well it found one that is not that of the regions.
        result = project(spectra, start / np.maximum(np.linalg.norm(start, axis=1, keepdims=True), 1e-12))
        notes.add("Factors are the mean spectra of the regions, since the factorization ended at maps unlike them.")
    return _assemble(_Found(ground, spectra, scree, regions, start, result), chosen, notes)


def _prepared(
    image: Image, chosen: Settings, finer: Settings | None, room: int, backend: Backend
) -> tuple[Settings, Prepared]:
    """Do what does not depend on the number of components, with a smaller window where that shows as much."""
    notes = Notes()
    ground = Ground(image, usable_pixels(image, chosen, notes), room, backend)
    survey = surveyed(ground, chosen) if chosen.rank.rule == "regions" else None
    if survey is not None and finer is not None:
        chosen, survey = _finer(ground, chosen, survey, finer, notes)
    for lines in () if survey is None else survey.noisy:
        notes.add(f"The {lines} have offsets of their own; regions were looked for without the frequencies these fill.")
    return chosen, Prepared(ground.usable, survey, _spectra(ground, chosen, notes, survey), notes)


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


@dataclass(frozen=True, eq=False)
class _Found:
    """What the stages up to the factorization found; regions on the grid of the spectra, and their means."""

    ground: Ground
    spectra: Spectra
    scree: Scree
    regions: Regions | None
    means: FloatArray | None
    result: Factorization


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


def _segmentation(found: _Found, loadings: FloatArray, settings: Settings) -> Segmentation:
    """Assign windows to components, and pixels."""
    grid = found.spectra.grid
    if found.regions is None:
        assignment = assigned_by_loadings(loadings, grid)
    else:
        assignment = assigned_by_labels(found.regions.labels, len(loadings), grid)
    return labelled(found.ground, assignment, grid, settings)


def _assemble(found: _Found, settings: Settings, notes: Notes) -> Analysis:
    """Turn a factorization into everything people ask of it."""
    image, spectra, scree, regions, result = found.ground.image, found.spectra, found.scree, found.regions, found.result
    grid = spectra.grid
    loadings = grid.to_map(result.loadings)
    factors = to_full_plane(result.factors, grid.size)
    weights = result.loadings.sum(axis=0, dtype=np.float64)
    purest = purest_spectra(spectra, result.loadings)
    spots = to_full_plane(purest, grid.size)
    peaks = find_peaks(spots, image.pixel_size, image.unit, spectra=settings.spectra, settings=settings.peaks)
    unknown = np.full(len(factors), np.nan)
    if not result.converged:
        notes.warn(
            f"The factorization had not settled after {result.n_iter} iterations; raise factorization.max_iter.",
            NotConvergedWarning,
        )
    if not len(peaks) and result.factors.any():
        notes.warn("No component has a spot that stands out of its background.", NoPeaksWarning)
    analysis = Analysis(
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
        segmentation=_segmentation(found, loadings, settings),
        peaks=peaks,
        reconstruction_error=result.reconstruction_error,
        n_iter=result.n_iter,
        converged=result.converged,
        settings=settings,
        provenance=_provenance(found.ground),
        notes=tuple(notes.sentences),
    )
    return _turned(analysis, found, purest)


def _turned(analysis: Analysis, found: _Found, purest: FloatArray) -> Analysis:
    """Name the components that are one structure turned or, where that is wanted, make one component of them."""
    spectra, settings = found.spectra, analysis.settings
    if found.regions is None or found.means is None:
        means, owner = purest, found.result.loadings.argmax(axis=1)
    else:
        means, owner = found.means, found.regions.labels[spectra.grid.valid]
    references = to_full_plane(means, spectra.grid.size)
    turns = same_rings(references, analysis.image.pixel_size, settings.spectra.scaling)
    if not settings.rotation.tolerant:
        return replace(analysis, notes=(*analysis.notes, *said(turns)))
    return joined(analysis, turns, orientation_map(spectra, references, owner, analysis.image.pixel_size))


def _provenance(ground: Ground) -> dict[str, str]:
    image, backend = ground.image, ground.backend
    return {
        "fftscape": version("fftscape"),
        "python": platform.python_version(),
        "numpy": version("numpy"),
        "scipy": version("scipy"),
        **({} if backend == "numpy" else {"backend": f"{backend} {device(backend).version}"}),
        "machine": platform.machine(),
        "input": image.source,
        "pixels_sha256": _digest(image.data),
    }


def _digest(data: npt.NDArray[Any]) -> str:
    """Return the SHA-256 of the pixels, row by row."""
    digest = sha256()
    for band in bands_of(data):
        digest.update(np.ascontiguousarray(data[band]).data)
    return digest.hexdigest()
