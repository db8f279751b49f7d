"""What users hold: an image or a saved folder in, an `Analysis` and what can be done with it out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from fftscape.compute.backend import checked
from fftscape.compute.cluster import engaged
from fftscape.compute.copies import in_a_copy
from fftscape.compute.executors import ordered
from fftscape.compute.memory import allowed_memory, as_bytes
from fftscape.files import exchange, result_folder, store
from fftscape.model.analysis import AnalysisRecord
from fftscape.model.image import Image
from fftscape.model.notes import Notes
from fftscape.model.settings import Backend, Preset, Settings, merged
from fftscape.pipeline import describe, find
from fftscape.preparation import ArrayLike, WindowLike, as_image, check_memory, resolve_settings

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure


class Analysis(AnalysisRecord):
    """The result of `analyze`: the record and what can be done with it.

    See `fftscape.model.analysis.AnalysisRecord` for the fields.

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
            figures = write_figures(self, folder / "figures", spread=ordered, beside=in_a_copy)
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

    def with_components(
        self,
        n_components: int | Literal["auto"],
        *,
        sharpen: bool | None = None,
        memory: str | int | None = None,
        scheduler: Any = None,
        backend: Backend = "numpy",
    ) -> Analysis:
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
        memory, scheduler, backend
            As in `analyze`. Only what was prepared with the same memory and backend is still there.

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
        again = analyze(
            self.image,
            n_components=n_components,
            settings=merged(self.settings, wanted),
            memory=memory,
            scheduler=scheduler,
            backend=backend,
        )
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
            If the pixel sizes differ, the image is smaller than the window, or this result is rotation-tolerant.
        UncalibratedImageError
            If this result's image is calibrated and the other one is not.
        """
        notes = Notes()
        described = Analysis.of(describe(as_image(image), self, notes=notes))
        notes.give_warnings()
        return described

    @classmethod
    def of(cls, record: AnalysisRecord) -> Analysis:
        """Add what can be done with it to a record."""
        return cls(**{item.name: getattr(record, item.name) for item in fields(AnalysisRecord)})


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
    >>> import numpy as np
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
    with engaged(scheduler, bytes_, loading="fftscape.pipeline"):
        analysis = Analysis.of(find(image, chosen, notes=notes, memory=bytes_, backend=backend))
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
    >>> import numpy as np
    >>> import fftscape as fs
    >>> stripes = np.sin(np.arange(96) * 2 * np.pi / 8) + np.zeros((80, 1))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     saved = fs.analyze(stripes, window=32, step=8).save(folder + "/stripes", report=False)
    ...     fs.load(saved).loadings.shape
    (1, 7, 9)
    """
    return Analysis.of(store.load_record(path))
