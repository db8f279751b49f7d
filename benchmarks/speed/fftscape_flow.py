"""The way of fftscape: ``fftscape_flow.py IMAGE.npy WINDOW STEP COMPONENTS FOLDER [WORD ...]``.

By default everything an analysis does: number, regions, factorization, labels, spots. ``plain`` takes the number that
is given, without regions; ``maps`` leaves the boundaries of the labels where the windows put them. ``stages`` is what
the peers do and no more, from the stages themselves: spectra, scree plot, factorization into the number given; with
``number`` into the one that the regions tell, which are looked for, too.
``threads=N``, ``memory=1GiB`` and ``scheduler=local`` choose how; ``again`` measures an analysis of the same image in a
process that has done one before, and another number after it.
"""

import sys

from measured import Stopwatch, answer, asked

watch = Stopwatch()
with watch.stage("imports"):
    import numpy as np

    import fftscape as fs
    from fftscape.compute.executors import one_blas_thread
    from fftscape.compute.memory import allowed_memory
    from fftscape.ground import Ground
    from fftscape.model.notes import Notes
    from fftscape.model.settings import PRESETS, merged
    from fftscape.preparation import laid_grid, resolve_settings
    from fftscape.stages.factorization import factorize
    from fftscape.stages.references import mean_spectra
    from fftscape.stages.spectra import local_spectra
    from fftscape.stages.windows import window_grid
    from fftscape.survey import scree_beside_noise, surveyed
    from fftscape.usable import usable_pixels

    assert fs.analyze  # public names are loaded on first use

WORDS = ("plain", "maps", "stages", "number", "again", "threads", "memory", "scheduler")
MAPS = {"segmentation": {"sharpen": False}}
PLAIN = {"rank": {"rule": "noise-null"}, **MAPS}

task, folder = asked()
words = dict(word.partition("=")[::2] for word in sys.argv[6:])
if unknown := [word for word in sys.argv[6:] if word.partition("=")[0] not in WORDS]:
    raise SystemExit(f"{', '.join(unknown)}: there is no such word; there are {', '.join(WORDS)}")
plain = "plain" in words
if "threads" in words:
    from fftscape.compute.executors import limit_threads

    limit_threads(int(words["threads"]))


def analysis_of(image: fs.Image) -> fs.Analysis:
    """Analyse an image as the words say."""
    return fs.analyze(
        image,
        window=task.window,
        step=task.step,
        n_components=task.components if plain else None,
        settings=merged(PRESETS["default"], PLAIN if plain else MAPS if "maps" in words else {}),
        memory=words.get("memory"),
        scheduler=words.get("scheduler"),
    )


def decomposed(image: fs.Image, watch: Stopwatch) -> tuple[np.ndarray, np.ndarray, float]:
    """Do what the peers do; return maps, factors and the error."""
    settings = PRESETS["default"]
    with one_blas_thread():
        with watch.stage("windows and FFT"):
            grid = window_grid(np.ones(image.shape, bool), (task.window,) * 2, (task.step,) * 2)
            spectra = local_spectra(image.data, grid, settings.spectra)
        with watch.stage("scree"):
            scree_beside_noise(spectra, settings.rank)
        with watch.stage("NMF"):
            result = factorize(spectra, task.components, settings.factorization)
    return grid.to_map(result.loadings), result.factors, result.reconstruction_error


def decomposed_by_regions(image: fs.Image, watch: Stopwatch) -> tuple[np.ndarray, np.ndarray, float]:
    """Find the number as an analysis does, and decompose; return maps, factors and the error."""
    settings, notes = merged(resolve_settings(window=task.window, step=task.step), MAPS), Notes()
    with one_blas_thread():
        with watch.stage("windows, FFT, scree, number"):
            ground = Ground(image, usable_pixels(image, settings, notes), allowed_memory() // 4)
            survey = surveyed(ground, settings)
        with watch.stage("NMF"):
            grid = laid_grid(ground.usable, settings, notes)
            spectra = survey.spectra_on(grid, settings.spectra)
            if spectra is None:
                spectra = ground.spectra(grid, settings.spectra)
            regions, sample = survey.regions_on(spectra.grid), survey.sample_of(spectra)
            start = None if regions is None else mean_spectra(spectra, regions)
            result = factorize(spectra, survey.scree.n_components, settings.factorization, start=start, sample=sample)
    return spectra.grid.to_map(result.loadings), result.factors, result.reconstruction_error


if __name__ == "__main__":  # workers of a local cluster import this file again
    stages, again = "stages" in words, "again" in words
    by_stages = decomposed_by_regions if "number" in words else decomposed
    if again:
        first = fs.read(task.image)
        by_stages(first, Stopwatch()) if stages else analysis_of(first)
    with watch.stage("read"):
        image = fs.read(task.image)
    if stages:
        loadings, factors, error = by_stages(image, watch)
    else:
        with watch.stage("analyze"):
            analysis = analysis_of(image)
        loadings, factors, error = analysis.loadings, analysis.factors, analysis.reconstruction_error
        if again:
            with watch.stage("another number"):
                analysis.with_components(task.components + 1)
    answer(folder, watch, loadings, factors, error=error)
