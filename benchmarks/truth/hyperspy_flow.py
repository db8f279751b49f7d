"""HyperSpy's way: scree of the uncentred SVD of the windows' |FFT|, its elbow, its NMF of as many components.

Run by the benchmark in HyperSpy's own Python: ``hyperspy_flow.py QUESTIONS.npz ANSWERS.npz``.
"""

import warnings

import hyperspy.api as hs
import numpy as np
from exchange import Answer, Question, serve
from window_maps import readings

# HyperSpy's elbow looks at the first 21 values of the scree and no others. ARPACK gives these to ten
# digits, many times faster than the full decomposition that is HyperSpy's default.
SCREE_VALUES = 21


def answer(question: Question) -> Answer:
    """Choose the number by HyperSpy's elbow and take the maps of HyperSpy's NMF."""
    size, step = question.window, question.step
    image = question.image.astype(np.float64)
    windows = np.lib.stride_tricks.sliding_window_view(image, (size, size))[::step, ::step]
    signal = hs.signals.Signal2D(windows.copy()).fft(shift=True).amplitude
    if windows.shape[0] * windows.shape[1] > SCREE_VALUES:
        signal.decomposition(print_info=False, svd_solver="arpack", output_dimension=SCREE_VALUES)
    else:
        signal.decomposition(print_info=False)
    number = int(signal.estimate_elbow_position()) + 1
    signal.decomposition(algorithm="NMF", output_dimension=number, print_info=False, random_state=0)
    # HyperSpy drops the axis of components where there is one alone.
    loadings = signal.get_decomposition_loadings().data.reshape(number, *windows.shape[:2])
    factors = signal.get_decomposition_factors().data.reshape(number, size, size)
    return Answer(readings(loadings, factors, image.shape, window=size, step=step), number)


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # its NMF stops at 200 iterations by default and says so
    hs.set_log_level("ERROR")
    hs.preferences.General.show_progressbar = False
    serve(answer)
