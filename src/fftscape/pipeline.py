"""The whole method in its order, the only place that knows it: an image in, an `Analysis` out."""

from __future__ import annotations

import platform
import warnings
from dataclasses import fields
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from fftscape.files import exchange, result_folder, store
from fftscape.model.errors import (
    FftscapeWarning,
    InvalidSettingError,
    NoPeaksWarning,
    NotConvergedWarning,
    OddImageWarning,
)
from fftscape.model.records import AnalysisRecord, Factorization, Image, LocalSpectra, Scree, WindowGrid
from fftscape.model.settings import PRESETS, Preset, Settings, as_pair, merged
from fftscape.stages.advisor import suggest_window
from fftscape.stages.factorization import factorize, project, purest_spectra, window_residual
from fftscape.stages.peaks import find_peaks
from fftscape.stages.rank import compute_scree
from fftscape.stages.segmentation import segment
from fftscape.stages.spectra import local_spectra, to_full_plane, to_half_plane
from fftscape.stages.windows import sparse_grid, window_grid

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure

ArrayLike = npt.NDArray[Any]
WindowLike = int | tuple[int, int] | None


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

    def save(self, path: str | Path) -> Path:
        """Write the result's data files into a folder.

        Parameters
        ----------
        path : str or Path
            The folder to make; an existing result there is replaced when the new one is whole.

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
            write=lambda folder: store.write_results(self, folder),
            manifest=store.manifest(self),
        )

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
        return transform(self, image)


def analyze(
    image: Image | ArrayLike,
    *,
    window: WindowLike = None,
    step: WindowLike = None,
    n_components: int | Literal["auto"] | None = None,
    preset: Preset | None = None,
    settings: Settings | None = None,
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

    Returns
    -------
    Analysis
        Number, maps, factors, labels, spots and residual.

    Raises
    ------
    InvalidSettingError
        If a setting is not allowed or does not fit the image.

    Examples
    --------
    >>> import fftscape as fs
    >>> stripes = np.sin(np.arange(96) * 2 * np.pi / 8) + np.zeros((80, 1))
    >>> fs.analyze(stripes, window=32, step=8).n_components
    1
    """
    image = as_image(image)
    chosen = resolve_settings(window=window, step=step, n_components=n_components, preset=preset, settings=settings)
    notes = _Notes()
    usable = _usable_pixels(image, notes)
    chosen = _with_windows(chosen, image, notes)
    grid = _grid(usable, chosen, notes)
    spectra = local_spectra(image.data, grid, chosen.spectra)
    scree = _scree(image, spectra, chosen)
    result = factorize(spectra, scree.n_components, chosen.factorization)
    return _assemble(image, spectra, scree, result, chosen, notes)


def transform(analysis: Analysis, image: Image | ArrayLike) -> Analysis:
    """Describe another image by the factors of an earlier analysis.

    Parameters
    ----------
    analysis : Analysis
        Where factors, scree and settings come from.
    image : Image or ndarray, shape (y, x)
        Pixels of the same physical size.

    Returns
    -------
    Analysis
        Components keep the order they have in `analysis`.

    Raises
    ------
    InvalidSettingError
        If the pixel sizes differ or the image is smaller than the window.
    """
    image = as_image(image)
    same = image.unit == analysis.image.unit and np.allclose(image.pixel_size, analysis.image.pixel_size, rtol=1e-3)
    if not same:
        raise InvalidSettingError(
            f"{image.name}: its pixels of {image.pixel_size} {image.unit} differ from the model's "
            f"{analysis.image.pixel_size} {analysis.image.unit}; resample the image or analyse it on its own."
        )
    notes = _Notes([f"Described by the factors of {analysis.image.name}."])
    grid = _grid(_usable_pixels(image, notes), analysis.settings, notes)
    spectra = local_spectra(image.data, grid, analysis.settings.spectra)
    factors = to_half_plane(analysis.factors)
    result = project(spectra, factors)
    return _assemble(image, spectra, analysis.scree, result, analysis.settings, notes)


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
    ...     saved = fs.analyze(stripes, window=32, step=8).save(folder + "/stripes")
    ...     fs.load(saved).loadings.shape
    (1, 7, 9)
    """
    record = store.load_record(path)
    return Analysis(**{item.name: getattr(record, item.name) for item in fields(AnalysisRecord)})


def as_image(image: Image | ArrayLike) -> Image:
    """Check an image, or wrap a bare array as an uncalibrated one.

    Parameters
    ----------
    image : Image or ndarray, shape (y, x)
        Real numbers.

    Returns
    -------
    Image
        The same image, or a new one named 'array'.

    Raises
    ------
    InvalidSettingError
        If it is not two-dimensional, is empty or does not hold real numbers.
    """
    if not isinstance(image, Image):
        image = Image(np.asarray(image), name="array")
    data = image.data
    if data.ndim != 2 or 0 in data.shape:
        raise InvalidSettingError(
            f"{image.name}: an image has two axes (y, x) with at least one pixel each, not the shape {data.shape}; "
            "choose one frame or channel."
        )
    if data.dtype.kind not in "buif":
        raise InvalidSettingError(f"{image.name}: pixels must be real numbers, not {data.dtype}; convert them first.")
    return image


def resolve_settings(
    *,
    window: WindowLike = None,
    step: WindowLike = None,
    n_components: int | Literal["auto"] | None = None,
    preset: Preset | None = None,
    settings: Settings | None = None,
) -> Settings:
    """Merge arguments over a preset or given settings; parameters as in `analyze`.

    Returns
    -------
    Settings
        Validated.

    Raises
    ------
    InvalidSettingError
        If a value is not allowed, or `preset` and `settings` are both given.
    """
    if preset is not None and settings is not None:
        raise InvalidSettingError("Give either preset or settings, not both: settings already carry their preset.")
    if preset is not None and preset not in PRESETS:
        raise InvalidSettingError(f"preset must be one of {', '.join(PRESETS)}, not {preset!r}.")
    base = settings if settings is not None else PRESETS[preset or "default"]
    changes: dict[str, dict[str, Any]] = {"windows": {}, "rank": {}}
    if window is not None:
        changes["windows"]["size"] = as_pair(window, "window")
    if step is not None:
        changes["windows"]["step"] = as_pair(step, "step")
    if n_components is not None:
        number = n_components if isinstance(n_components, str) else int(n_components)
        changes["rank"]["n_components"] = number
    return merged(base, changes)


def _with_windows(settings: Settings, image: Image, notes: _Notes) -> Settings:
    """Fill in window and step where the user left them out."""
    size, step = settings.windows.size, settings.windows.step
    if size is None:
        advice = suggest_window(image)
        size, step = advice.size, step or advice.step
        notes.append(f"Window {size[0]}x{size[1]} px chosen by the advisor: {'; '.join(advice.reasons)}.")
    elif step is None:
        step = max(1, size[0] // 4), max(1, size[1] // 4)
        notes.append(f"Step {step[0]}x{step[1]} px: a quarter of the window.")
    return merged(settings, {"windows": {"size": size, "step": step}})


def _usable_pixels(image: Image, notes: _Notes) -> npt.NDArray[np.bool_]:
    usable: npt.NDArray[np.bool_] = np.isfinite(image.data)
    if not usable.any():
        raise InvalidSettingError(f"{image.name}: no pixel holds a finite number, so there is nothing to analyse.")
    known = image.data[usable]
    if known.min() == known.max():
        notes.warn(f"{image.name}: all pixels are equal, so there is no structure to find.", OddImageWarning)
    return usable


def _grid(usable: npt.NDArray[np.bool_], settings: Settings, notes: _Notes) -> WindowGrid:
    size, step = settings.windows.size, settings.windows.step
    assert size is not None
    assert step is not None
    grid = window_grid(usable, size, step)
    if not grid.valid.all():
        notes.warn(
            f"{grid.valid.size - grid.n_valid} of {grid.valid.size} windows hold pixels without data "
            "(NaN or infinite) and take no part.",
            OddImageWarning,
        )
    return grid


def _scree(image: Image, spectra: LocalSpectra, settings: Settings) -> Scree:
    """Compute the scree plot; the noise-null rule looks at windows that overlap little, and at noise in the same."""
    if settings.rank.rule != "noise-null":
        return compute_scree(spectra, None, settings.rank)
    sparse = sparse_grid(spectra.grid)
    noise = np.random.default_rng(settings.rank.seed).standard_normal(image.shape, np.float32)
    return compute_scree(
        local_spectra(image.data, sparse, settings.spectra),
        local_spectra(noise, sparse, settings.spectra),
        settings.rank,
    )


def _assemble(
    image: Image, spectra: LocalSpectra, scree: Scree, result: Factorization, settings: Settings, notes: _Notes
) -> Analysis:
    """Turn a factorization into everything people ask of it."""
    grid = spectra.grid
    loadings = grid.to_map(result.loadings)
    factors = to_full_plane(result.factors, grid.size)
    weights = result.loadings.sum(axis=0, dtype=np.float64)
    purest = to_full_plane(purest_spectra(spectra, result.loadings), grid.size)
    peaks = find_peaks(purest, image.pixel_size, image.unit, spectra=settings.spectra, settings=settings.peaks)
    if not result.converged:
        notes.warn(
            f"The factorization had not settled after {result.n_iter} iterations; raise factorization.max_iter.",
            NotConvergedWarning,
        )
    if not len(peaks) and result.factors.any():
        notes.warn("No component has a spot that stands out of its background.", NoPeaksWarning)
    return Analysis(
        image=image,
        grid=grid,
        scree=scree,
        factors=factors,
        loadings=loadings,
        residual=grid.to_map(window_residual(spectra, result.loadings, result.factors)),
        shares=weights / (weights.sum() or 1.0),
        segmentation=segment(loadings, grid),
        peaks=peaks,
        reconstruction_error=result.reconstruction_error,
        n_iter=result.n_iter,
        converged=result.converged,
        settings=settings,
        provenance=_provenance(image),
        notes=tuple(notes),
    )


def _provenance(image: Image) -> dict[str, str]:
    return {
        "fftscape": version("fftscape"),
        "python": platform.python_version(),
        "numpy": version("numpy"),
        "scipy": version("scipy"),
        "machine": platform.machine(),
        "input": image.source,
        "pixels_sha256": sha256(np.ascontiguousarray(image.data).tobytes()).hexdigest(),
    }


class _Notes(list[str]):
    """What a reader of the result must know; what deserves attention is also given as a warning."""

    def warn(self, sentence: str, category: type[FftscapeWarning]) -> None:
        """Note a sentence and warn the caller of this module with it."""
        self.append(sentence)
        warnings.warn(sentence, category, stacklevel=4)
