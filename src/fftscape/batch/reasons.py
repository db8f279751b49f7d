"""Why something went wrong with a file: an exception enters, one sentence for people leaves."""

from __future__ import annotations

from pathlib import Path

from fftscape.model.errors import FftscapeError


def reason_of(error: Exception, path: Path) -> str:
    """Return one sentence about why an image failed, for a line that names the image already.

    Parameters
    ----------
    error : Exception
        Expected or not.
    path : Path
        The image.
    """
    sentence = without_name(" ".join(str(error).split()), path)
    if isinstance(error, FftscapeError):
        return sentence
    if isinstance(error, OSError) and error.strerror:
        remedy = "its permissions" if isinstance(error, PermissionError) else "the disk that it lies on"
        other = "" if error.filename in (None, str(path), path) else f"{error.filename}, which belongs to it, "
        return f"{other}cannot be read ({error.strerror}); check {remedy}."
    kind = type(error).__name__
    return f"unexpected {kind}: {sentence} (a fault of fftscape, please report it; run --verbose shows where)."


def without_name(sentence: str, path: Path) -> str:
    """Return a sentence without the image's name at its start.

    Examples
    --------
    >>> without_name("a.tif: is empty", Path("data/a.tif"))
    'is empty'
    """
    for name in (str(path), path.name, path.stem):
        sentence = sentence.removeprefix(f"{name}: ")
    return sentence
