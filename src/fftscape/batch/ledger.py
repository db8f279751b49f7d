"""The ledgers of a job array: each portion writes down what it did, and the summary is of all of them.

Portions share an output folder and end in any order. Whichever ends writes the summary anew from its
own outcomes and the others' ledgers, so that the last one leaves the summary that one run of
everything would have left.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from fftscape.batch.outcome import Outcome, Status
from fftscape.batch.portion import Portion
from fftscape.batch.summary import told
from fftscape.files.write_errors import named_write_errors
from fftscape.model.errors import UnreadableFileError

LEDGER = ".fftscape-part-"


class Entry(msgspec.Struct, frozen=True):
    """An outcome without its result, which lies in the folder, and its place in the order of the inputs."""

    number: int
    source: str
    name: str
    status: Status
    seconds: float | None
    reason: str
    asked: dict[str, Any]


class Ledger(msgspec.Struct, frozen=True):
    """What a portion of a batch did; `batch` tells whether another one is of the same batch."""

    batch: str
    entries: list[Entry]


def batch_mark(titles: Sequence[str]) -> str:
    """Return what tells a batch from others: equal inputs in equal order are one batch."""
    return hashlib.sha256(msgspec.json.encode(list(titles))).hexdigest()


def keep(output: Path, portion: Portion, batch: str, outcomes: Mapping[int, Outcome]) -> None:
    """Write a portion's ledger.

    Raises
    ------
    UnwritableOutputError
        If the file system refuses.
    """
    entries = [
        Entry(number, one.source, one.name, one.status, one.seconds, one.reason, dict(one.asked))
        for number, one in sorted(outcomes.items())
    ]
    path = output / f"{LEDGER}{portion.number}-of-{portion.count}.json"
    fresh = path.with_name(f"{path.name}.new")
    with named_write_errors(path):
        fresh.write_bytes(msgspec.json.encode(Ledger(batch, entries)))
        os.replace(fresh, path)


def outcomes_of_all(output: Path, portion: Portion, batch: str) -> tuple[Outcome, ...]:
    """Return what all portions of the batch did so far, in the order of the inputs."""
    found: dict[int, Outcome] = {}
    for number in range(1, portion.count + 1):
        for entry in _entries(output / f"{LEDGER}{number}-of-{portion.count}.json", batch):
            outcome = _outcome(entry, output)
            if outcome is not None:
                found[entry.number] = outcome
    return tuple(found[number] for number in sorted(found))


def forget(output: Path) -> None:
    """Remove the ledgers of earlier job arrays; a run of everything needs none."""
    for path in output.glob(f"{LEDGER}*"):
        with named_write_errors(path):
            path.unlink(missing_ok=True)


def _entries(path: Path, batch: str) -> list[Entry]:
    try:
        ledger = msgspec.json.decode(path.read_bytes(), type=Ledger)
    except (OSError, msgspec.DecodeError):  # that portion has not ended yet, or on a full disk
        return []
    return ledger.entries if ledger.batch == batch else []


def _outcome(entry: Entry, output: Path) -> Outcome | None:
    result: Mapping[str, Any] = {}
    if entry.status != "failed":
        try:
            result = told(output / entry.name)
        except UnreadableFileError:  # damaged or removed since
            return None
    return Outcome(entry.source, entry.name, entry.status, entry.seconds, entry.reason, result, entry.asked)
