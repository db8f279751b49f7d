"""One of the portions that job arrays split a batch into: text enters, which items belong to it leaves."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from fftscape.model.errors import InvalidSettingError

Item = TypeVar("Item")


@dataclass(frozen=True)
class Portion:
    """Portion `number` (from 1) of `count`.

    Parameters
    ----------
    number, count : int
        ``1 <= number <= count``.
    """

    number: int
    count: int

    @classmethod
    def parsed(cls, text: str) -> Portion:
        """Return the portion that ``i/n`` means.

        Raises
        ------
        InvalidSettingError
            If it means none.

        Examples
        --------
        >>> Portion.parsed("2/8")
        Portion(number=2, count=8)
        """
        match = re.fullmatch(r"\s*(\d{1,9})\s*/\s*(\d{1,9})\s*", text)
        number, count = (int(match[1]), int(match[2])) if match else (0, 0)
        if not 1 <= number <= count:
            raise InvalidSettingError(f"--part must be i/n with i from 1 to n (2/8), not {text!r}.")
        return cls(number, count)

    def of(self, items: Sequence[Item]) -> dict[int, Item]:
        """Return every `count`-th item by its place, so that neighbours (often alike in size) are spread.

        Examples
        --------
        >>> Portion(2, 3).of("abcde")
        {1: 'b', 4: 'e'}
        """
        return {place: items[place] for place in range(self.number - 1, len(items), self.count)}

    def __str__(self) -> str:
        """Return it as the option takes it."""
        return f"{self.number}/{self.count}"


WHOLE = Portion(1, 1)
