"""Plain values: what JSON can hold exactly, in and out."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np


def as_text(value: object) -> str:
    r"""Return `value` as text that every encoding can hold.

    File names may carry bytes that are no text (lone surrogates); they are written as escapes.

    Examples
    --------
    >>> as_text("caf\udce9")
    'caf\\udce9'
    """
    return str(value).encode("utf-8", "backslashreplace").decode("utf-8")


def as_plain(value: Any) -> Any:
    """Return `value` made of dictionaries, lists, text, numbers, booleans and None only.

    JSON knows no NaN or infinity: they become the texts 'nan', 'inf' and '-inf', which `float`
    reads. Anything unknown becomes its text.

    Examples
    --------
    >>> as_plain({"gain": np.float32(0.5), "size": (2, 3), "bias": float("nan")})
    {'gain': 0.5, 'size': [2, 3], 'bias': 'nan'}
    """
    if isinstance(value, np.generic | np.ndarray):
        return as_plain(value.tolist())
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {as_text(key): as_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [as_plain(item) for item in value]
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return as_text(value)


def to_json(value: Mapping[str, Any]) -> bytes:
    """Return plain values as UTF-8 JSON that people can read; equal values give equal bytes."""
    return (json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()
