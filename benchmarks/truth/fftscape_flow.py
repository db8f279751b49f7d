"""The way of fftscape: it is told the window or, after ``--advisor``, nothing at all.

Run by the benchmark: ``fftscape_flow.py QUESTIONS.npz ANSWERS.npz [--advisor]``.
"""

import sys
import warnings

from exchange import Answer, Question, serve

import fftscape as fs


def answer(question: Question) -> Answer:
    """Let fftscape find number and regions by itself."""
    advised = "--advisor" in sys.argv[3:]
    windows = {} if advised else {"window": question.window, "step": question.step}
    found = fs.analyze(question.image, **windows)
    size, step = found.settings.windows.size, found.settings.windows.step
    return Answer(found.labels[None], found.n_components, f"window {size}, step {step}; {found.scree.reason}")


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # they are meant for people who look at one image
    serve(answer)
