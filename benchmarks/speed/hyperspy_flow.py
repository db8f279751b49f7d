"""HyperSpy's full flow, as the method's authors use it: |FFT| of windows, SVD, NMF.

``hyperspy_flow.py IMAGE.npy WINDOW STEP COMPONENTS FOLDER``, in HyperSpy's own Python.
"""

import warnings

from measured import Stopwatch, answer, asked

warnings.simplefilter("ignore")
watch = Stopwatch()
with watch.stage("imports"):
    import hyperspy.api as hs
    import numpy as np

hs.set_log_level("ERROR")
hs.preferences.General.show_progressbar = False
task, folder = asked()
size, number = task.window, task.components
with watch.stage("read"):
    image = np.load(task.image).astype(np.float64)
with watch.stage("windows and FFT"):
    windows = np.lib.stride_tricks.sliding_window_view(image, (size, size))[:: task.step, :: task.step]
    signal = hs.signals.Signal2D(windows.copy()).fft(shift=True).amplitude
with watch.stage("PCA"):
    signal.decomposition(print_info=False)
    signal.estimate_elbow_position()
with watch.stage("NMF"):
    signal.decomposition(algorithm="NMF", output_dimension=number, print_info=False, random_state=0)
    loadings = signal.get_decomposition_loadings().data.reshape(number, *windows.shape[:2])
    factors = signal.get_decomposition_factors().data.reshape(number, size, size)
answer(folder, watch, loadings, factors)
