"""The way of fftscape: ``fftscape_flow.py IMAGE.npy WINDOW STEP COMPONENTS FOLDER [plain]``.

By default everything an analysis does: number, regions, factorization, labels, spots. 'plain' is what the peers do,
too: scree plot, factorization of the number given, maps.
"""

import sys

from measured import Stopwatch, answer, asked

watch = Stopwatch()
with watch.stage("imports"):
    import fftscape as fs
    from fftscape.model.settings import PRESETS, merged

    assert fs.analyze  # public names are loaded on first use

PLAIN = {"rank": {"rule": "noise-null"}, "segmentation": {"sharpen": False}}

task, folder = asked()
plain = sys.argv[6:] == ["plain"]
settings = merged(PRESETS["default"], PLAIN if plain else {})
with watch.stage("read"):
    image = fs.read(task.image)
with watch.stage("analyze"):
    analysis = fs.analyze(
        image,
        window=task.window,
        step=task.step,
        n_components=task.components if plain else None,
        settings=settings,
    )
answer(folder, watch, analysis.loadings, analysis.factors, error=analysis.reconstruction_error)
