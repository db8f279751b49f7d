"""Reference spectra: regions in, the mean spectrum of each and whether maps agree with them out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fftscape.compute.blocks import group_means
from fftscape.compute.territories import without_gaps
from fftscape.model.arrays import FloatArray
from fftscape.model.records import Regions, Spectra, WindowGrid


def on_grid(regions: Regions, survey: WindowGrid, grid: WindowGrid) -> Regions:
    """Carry regions over to other windows of the same size.

    Parameters
    ----------
    regions : Regions
        On the survey's grid.
    survey, grid : WindowGrid
        Where they were found and where they are wanted.

    Returns
    -------
    Regions
        Each window has what the survey's nearest window has.
    """
    rows = np.abs(grid.centres_y[:, None] - survey.centres_y).argmin(axis=1)
    columns = np.abs(grid.centres_x[:, None] - survey.centres_x).argmin(axis=1)
    labels = without_gaps(regions.labels, survey.valid)[np.ix_(rows, columns)]
    return replace(
        regions,
        labels=np.where(grid.valid, labels, -1).astype(np.int16),
        core=regions.core[np.ix_(rows, columns)] & grid.valid,
        abruptness=np.where(grid.valid, regions.abruptness[np.ix_(rows, columns)], np.nan).astype(np.float32),
    )


def mean_spectra(spectra: Spectra, regions: Regions) -> FloatArray:
    """Average the spectra of the windows that lie well inside each structure.

    Parameters
    ----------
    spectra : Spectra
        Values of shape (n_valid, feature).
    regions : Regions
        On the grid of the spectra.

    Returns
    -------
    ndarray of float64, shape (structure, feature)
        Mean over all windows of a structure where none lies well inside, and of all windows where
        the grid is so coarse that it has none at all.
    """
    valid = spectra.grid.valid
    labels, core = regions.labels[valid], regions.core[valid]
    chosen = np.zeros((len(labels), regions.n_structures), bool)
    for index in range(regions.n_structures):
        chosen[:, index] = (labels == index) & core
        for fallback in (labels == index, np.ones_like(core)):
            if not chosen[:, index].any():
                chosen[:, index] = fallback
    return group_means(spectra, chosen)


def agreement(regions: Regions, loadings: FloatArray, grid: WindowGrid) -> float:
    """Tell how far maps agree with regions.

    Parameters
    ----------
    regions : Regions
        On the grid.
    loadings : ndarray, shape (n_valid, structure)
        Weights of unit-norm factors.
    grid : WindowGrid
        The windows.

    Returns
    -------
    float
        Smallest part, over the structures, of the windows well inside one that load its own component most.
    """
    labels, core = regions.labels[grid.valid], regions.core[grid.valid]
    strongest = loadings.argmax(axis=1)
    parts = [np.mean(strongest[core & (labels == index)] == index) for index in np.unique(labels[core])]
    return float(min(parts, default=1.0))
