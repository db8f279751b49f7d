"""AtomAI's flow as released: sliding FFT (Hamming, log, zoomed) and NMF, no PCA.

``atomai_flow.py IMAGE.npy WINDOW STEP COMPONENTS FOLDER``, in AtomAI's own Python.
"""

import contextlib
import warnings

from measured import Stopwatch, answer, asked

warnings.simplefilter("ignore")
watch = Stopwatch()
with watch.stage("imports"):
    import numpy as np
    from atomai.stat import SlidingFFTNMF

task, folder = asked()
with watch.stage("read"):
    image = np.load(task.image)
with watch.stage("windows, FFT and NMF"), contextlib.redirect_stdout(None):
    flow = SlidingFFTNMF(task.window, task.window, task.step, task.step, components=task.components)
    factors, loadings = flow.analyze_image(image, str(folder / "atomai"))
answer(folder, watch, loadings, factors)
