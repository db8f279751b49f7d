"""Scenes in, answers out: the files by which the benchmark talks to each package in a Python of its own.

Every flow imports this module, so it needs NumPy alone.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

FAILED = -1  # the number of components that a package found which raised an exception


@dataclass(frozen=True, eq=False)
class Question:
    """An image, the window a microscopist would choose, and the true number for those who must be told it."""

    image: np.ndarray
    window: int
    true_number: int

    @property
    def step(self) -> int:
        """Distance of neighbouring windows in pixels."""
        return max(1, self.window // 4)


@dataclass(frozen=True, eq=False)
class Answer:
    """What a package says about an image.

    `readings` holds label images, (reading, y, x): more than one where the package leaves it to
    its user how its maps are to be compared. `number` is the number of components it found.
    """

    readings: np.ndarray
    number: int
    note: str = ""
    seconds: float = 0.0


def save_questions(path: Path, questions: Sequence[Question]) -> None:
    """Write questions for `load_questions`."""
    arrays = {f"image_{index}": question.image for index, question in enumerate(questions)}
    settings = np.array([(question.window, question.true_number) for question in questions])
    np.savez(path, settings=settings, **arrays)


def load_questions(path: Path) -> Iterator[Question]:
    """Yield the questions one after another, never all in memory."""
    with np.load(path) as stored:
        for index, (window, true_number) in enumerate(stored["settings"].tolist()):
            yield Question(stored[f"image_{index}"], window, true_number)


def save_answers(path: Path, answers: Sequence[Answer]) -> None:
    """Write answers for `load_answers`."""
    arrays = {f"readings_{index}": answer.readings.astype(np.int16) for index, answer in enumerate(answers)}
    for field in ("number", "note", "seconds"):
        arrays[field] = np.array([getattr(answer, field) for answer in answers])
    np.savez(path, **arrays)


def load_answers(path: Path) -> list[Answer]:
    """Read what `save_answers` wrote."""
    with np.load(path) as stored:
        said = zip(stored["number"].tolist(), stored["note"].tolist(), stored["seconds"].tolist(), strict=True)
        return [Answer(stored[f"readings_{index}"], *rest) for index, rest in enumerate(said)]


def serve(answer: Callable[[Question], Answer]) -> None:
    """Be a flow's main program: answer the questions in argv[1] into argv[2].

    A package that raises an exception over an image has failed there, which its note tells. A
    package that lacks another one is a broken environment and ends the program.
    """
    answers = []
    for question in load_questions(Path(sys.argv[1])):
        start = time.perf_counter()
        try:
            said = answer(question)
        except ImportError:
            raise
        except Exception as error:
            nothing = np.full((1, *question.image.shape), -1)
            said = Answer(nothing, FAILED, f"{type(error).__name__}: {error}")
        answers.append(replace(said, seconds=time.perf_counter() - start))
    save_answers(Path(sys.argv[2]), answers)
