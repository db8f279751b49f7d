"""Notes: what stages say on their way in, sentences of a result and warnings for its user out."""

from __future__ import annotations

import warnings

from fftscape.model.errors import FftscapeWarning


class Notes:
    """What a reader of the result must know; what deserves attention is given as a warning as well."""

    def __init__(self) -> None:
        self.sentences: list[str] = []
        self._warnings: list[tuple[str, type[FftscapeWarning]]] = []

    def add(self, sentence: str) -> None:
        """Note a sentence."""
        self.sentences.append(sentence)

    def warn(self, sentence: str, category: type[FftscapeWarning]) -> None:
        """Note a sentence that is to be given as a warning."""
        self.add(sentence)
        self._warnings.append((sentence, category))

    def extend(self, other: Notes) -> None:
        """Note all that another one holds."""
        self.sentences.extend(other.sentences)
        self._warnings.extend(other._warnings)

    def give_warnings(self) -> None:
        """Warn the caller of the function that calls this."""
        for sentence, category in self._warnings:
            warnings.warn(sentence, category, stacklevel=3)
