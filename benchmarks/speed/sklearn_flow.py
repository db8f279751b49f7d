"""The best short script around scikit-learn: float32, half plane, randomised PCA, its default NMF.

``sklearn_flow.py IMAGE.npy WINDOW STEP COMPONENTS FOLDER``. Its spectra are those of fftscape's defaults, so that
errors can be compared: mean subtracted, Hann taper, square root of the amplitude, unit norm.
"""

import os
import warnings

from measured import Stopwatch, answer, asked

warnings.simplefilter("ignore")  # its NMF stops at 200 iterations by default and says so
watch = Stopwatch()
with watch.stage("imports"):
    import numpy as np
    from scipy import fft
    from sklearn.decomposition import NMF, PCA

task, folder = asked()
size = task.window
with watch.stage("read"):
    image = np.load(task.image).astype(np.float32)
with watch.stage("windows and FFT"):
    windows = np.lib.stride_tricks.sliding_window_view(image, (size, size))[:: task.step, :: task.step]
    taper = np.outer(*[0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)] * 2).astype(np.float32)
    shape = windows.shape[:2]
    windows = windows.reshape(-1, size, size)
    levels = np.tensordot(windows, taper / taper.sum(), axes=2)[:, None, None]
    spectra = np.abs(fft.rfft2((windows - levels) * taper, workers=os.cpu_count()))
    spectra[:, 0, 0] = 0
    weights = np.full(spectra.shape[-1], np.sqrt(2), np.float32)
    weights[0] = weights[-1] = 1
    spectra = (np.sqrt(spectra) * weights).reshape(len(windows), -1)
    spectra /= np.linalg.norm(spectra, axis=1, keepdims=True)
with watch.stage("PCA"):
    PCA(20, svd_solver="randomized", random_state=0).fit(spectra)
with watch.stage("NMF"):
    model = NMF(task.components, random_state=0)
    loadings = model.fit_transform(spectra)
# Added up in float64: a norm of so many float32 numbers is wrong in the fourth digit, which is where differences lie.
left = np.square(spectra - loadings @ model.components_).sum(dtype=np.float64)
error = float(np.sqrt(left / np.square(spectra).sum(dtype=np.float64)))
answer(folder, watch, loadings.T.reshape(-1, *shape), model.components_, error=error)
