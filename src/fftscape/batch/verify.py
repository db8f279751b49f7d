"""Check an output folder: every published result against its manifest, and whether all are there."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from fftscape.batch.summary import SUMMARY, published
from fftscape.files.result_folder import MANIFEST, STORE, check, own_files
from fftscape.model.errors import UnreadableFileError


@dataclass(frozen=True)
class Verdict:
    """What the check of one result said; no problems mean that it is intact.

    Parameters
    ----------
    folder : Path
        The result.
    problems : tuple of str
        One sentence for each damage.
    own_files : tuple of str
        What people put there, where it can be told from the result.
    """

    folder: Path
    problems: tuple[str, ...]
    own_files: tuple[str, ...] = ()


def verify(output: Path) -> tuple[Verdict, ...]:
    """Check every published result in a folder, or the one result that the folder is.

    Parameters
    ----------
    output : Path
        What ``run`` wrote, or one result in it.

    Returns
    -------
    tuple of Verdict
        One for each result that is there, and for each that the summary lists and that is not.

    Raises
    ------
    UnreadableFileError
        If there is no result.
    """
    if not output.is_dir():
        raise UnreadableFileError(f"{output} is not a folder; give the folder that run wrote its results to.")
    is_result = any((output / part).exists() for part in (MANIFEST, STORE))
    folders = [output] if is_result else published(output)
    # In a table, the name of a folder that a spreadsheet would run as a formula has an apostrophe before it.
    present = {name for folder in folders for name in (folder.name, f"'{folder.name}")}
    lost = [] if is_result else sorted(_listed(output) - present)
    if not folders and not lost:
        raise UnreadableFileError(f"{output} holds no result; give the folder that run wrote its results to.")
    missing = f"it is listed in {SUMMARY} and not there; analyse the image again."
    return (*map(_verdict, folders), *(Verdict(output / name, (missing,)) for name in lost))


def _listed(output: Path) -> set[str]:
    """Return the names of the results in a folder's summary, as they stand there; none where there is no summary."""
    try:
        text = (output / SUMMARY).read_text("utf-8", "replace")
    except OSError:
        return set()
    return {name for row in csv.DictReader(io.StringIO(text)) if (name := row.get("result"))}


def _verdict(folder: Path) -> Verdict:
    problems = check(folder)
    try:
        return Verdict(folder, problems, own_files(folder))
    except UnreadableFileError:  # one of the problems
        return Verdict(folder, problems)
