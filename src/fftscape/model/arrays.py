"""Array types by what they hold, and the base of records whose arrays nobody can change."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.signedinteger[Any]]
BoolArray = npt.NDArray[np.bool_]

_LONGEST = 80


class ReadOnlyArrays:
    """Makes every NumPy field of a frozen dataclass read-only after construction."""

    def __post_init__(self) -> None:
        for item in fields(self):  # type: ignore[arg-type]
            value = getattr(self, item.name)
            if isinstance(value, np.ndarray) and value.flags.writeable:
                view = value.view()
                view.flags.writeable = False
                object.__setattr__(self, item.name, view)

    def __repr__(self) -> str:
        """Name the fields, arrays by type and shape only: their values would fill pages."""
        shown = ", ".join(f"{item.name}={_brief(getattr(self, item.name))}" for item in fields(self))  # type: ignore[arg-type]
        return f"{type(self).__name__}({shown})"


def _brief(value: object) -> str:
    if isinstance(value, np.ndarray):
        return f"<{value.dtype} {value.shape}>"
    text = repr(value)
    return text if len(text) <= _LONGEST else f"<{type(value).__name__}>"
