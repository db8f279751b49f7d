"""The whole method in its order, the only place that knows it: an image in, an `Analysis` out."""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import fields
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from fftscape.files import exchange, result_folder, store
from fftscape.model.errors import (
    InvalidSettingError,
    NoPeaksWarning,
    NotConvergedWarning,
    OddImageWarning,
    UncalibratedImageError,
)
from fftscape.model.image import Image
from fftscape.model.records import AnalysisRecord, Factorization, LocalSpectra, Scree, WindowGrid
from fftscape.model.settings import Preset, Settings
from fftscape.preparation import (
    ArrayLike,
    Notes,
    WindowLike,
    as_image,
    check_number,
    laid_grid,
    resolve_settings,
    with_windows,
)
from fftscape.stages.factorization import factorize, project, purest_spectra, window_residual
from fftscape.stages.peaks import find_peaks
from fftscape.stages.rank import compute_scree
from fftscape.stages.segmentation import segment
from fftscape.stages.spectra import local_spectra, to_full_plane, to_half_plane, without_blank_windows
from fftscape.stages.windows import sparse_grid

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure


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
        grid = laid_grid(image, self.settings, notes)
        spectra = _spectra(image, grid, self.settings, notes)
        factors = to_half_plane(self.factors)
        result = project(spectra, factors)
        described = _assemble(image, spectra, self.scree, result, self.settings, notes)
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
    notes = Notes()
    chosen = with_windows(chosen, image, notes)
    grid = laid_grid(image, chosen, notes)
    spectra = _spectra(image, grid, chosen, notes)
    check_number(chosen, spectra)
    scree = _scree(image, spectra, chosen)
    result = factorize(spectra, scree.n_components, chosen.factorization)
    analysis = _assemble(image, spectra, scree, result, chosen, notes)
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


def _spectra(image: Image, grid: WindowGrid, settings: Settings, notes: Notes) -> LocalSpectra:
    """Compute the spectra of the windows that have one, and say how many have none."""
    spectra = local_spectra(image.data, grid, settings.spectra)
    kept = without_blank_windows(spectra)
    if kept is not spectra:
        notes.warn(
            f"{grid.n_valid - kept.grid.n_valid} of {grid.valid.size} windows are blank and take no part.",
            OddImageWarning,
        )
    return kept


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
    image: Image, spectra: LocalSpectra, scree: Scree, result: Factorization, settings: Settings, notes: Notes
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
        notes=tuple(notes.sentences),
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
