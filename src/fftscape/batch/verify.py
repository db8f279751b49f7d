"""Check an output folder: every published result against its manifest."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fftscape.batch.summary import published
from fftscape.files.result_folder import MANIFEST, check, own_files
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
        One for each result.

    Raises
    ------
    UnreadableFileError
        If there is no result.
    """
    if not output.is_dir():
        raise UnreadableFileError(f"{output} is not a folder; give the folder that run wrote its results to.")
    folders = [output] if (output / MANIFEST).is_file() else published(output)
    if not folders:
        raise UnreadableFileError(f"{output} holds no result; give the folder that run wrote its results to.")
    return tuple(_verdict(folder) for folder in folders)


def _verdict(folder: Path) -> Verdict:
    problems = check(folder)
    try:
        return Verdict(folder, problems, own_files(folder))
    except UnreadableFileError:  # one of the problems
        return Verdict(folder, problems)
