"""The way of fftscape: ``fftscape_flow.py IMAGE.npy WINDOW STEP COMPONENTS FOLDER [WORD ...]``.

By default everything an analysis does: number, regions, factorization, labels, spots. ``plain`` is what the peers do,
too: scree plot, factorization of the number given, maps; ``maps`` leaves the boundaries of the labels where the windows
put them. ``threads=N``, ``memory=1GiB`` and ``scheduler=local`` choose how; ``again`` measures an analysis of the same
image in a process that has done one before, and another number after it.
"""

import sys

from measured import Stopwatch, answer, asked

watch = Stopwatch()
with watch.stage("imports"):
    import fftscape as fs
    from fftscape.model.settings import PRESETS, merged

    assert fs.analyze  # public names are loaded on first use

WORDS = ("plain", "maps", "again", "threads", "memory", "scheduler")
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


if __name__ == "__main__":  # workers of a local cluster import this file again
    if "again" in words:
        analysis_of(fs.read(task.image))
    with watch.stage("read"):
        image = fs.read(task.image)
    with watch.stage("analyze"):
        analysis = analysis_of(image)
    loadings, factors, error = analysis.loadings, analysis.factors, analysis.reconstruction_error
    if "again" in words:
        with watch.stage("another number"):
            analysis.with_components(task.components + 1)
    answer(folder, watch, loadings, factors, error=error)
