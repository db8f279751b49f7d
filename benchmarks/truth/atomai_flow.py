"""AtomAI's way: its sliding FFT (Hamming, log, zoomed) and NMF as released, told the true number of components.

Run by the benchmark in AtomAI's own Python: ``atomai_flow.py QUESTIONS.npz ANSWERS.npz``.
"""

import contextlib
import tempfile
import warnings
from pathlib import Path

warnings.simplefilter("ignore")  # before the import, whose libraries warn of what is not used here

from atomai.stat import SlidingFFTNMF  # noqa: E402
from exchange import Answer, Question, serve  # noqa: E402
from window_maps import readings  # noqa: E402


def answer(question: Question) -> Answer:
    """Take AtomAI's maps; the number is given, since AtomAI chooses it for nobody."""
    size, step, number = question.window, question.step, question.true_number
    flow = SlidingFFTNMF(size, size, step, step, components=number)
    # It prints each stage and writes its arrays beside a path, the working directory if none is given.
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(None):
        factors, loadings = flow.analyze_image(question.image, str(Path(folder, "scene")))
    return Answer(readings(loadings, factors, question.image.shape, window=size, step=step), number)


if __name__ == "__main__":
    serve(answer)
