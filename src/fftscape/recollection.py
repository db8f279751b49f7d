"""Recollection: what the last analysis found before it knew the number of components; below the pipeline.

One image's spectra are kept, for as long as the image itself lives and no other one is analysed, so that another number
of components costs a factorization and not a whole analysis.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from fftscape.closer import CloseLook
from fftscape.compute.executors import is_spread
from fftscape.compute.pixels import Scale
from fftscape.model.arrays import BoolArray
from fftscape.model.image import Image
from fftscape.model.notes import Notes
from fftscape.model.records import LocalSpectra, Spectra
from fftscape.model.settings import Backend, Settings, merged
from fftscape.stages.factorization import Sample
from fftscape.survey import Survey


@dataclass(frozen=True, eq=False)
class Prepared:
    """What does not depend on the number of components; it holds no image.

    Parameters
    ----------
    usable : ndarray of bool, shape (y, x)
        False for pixels that hold no data.
    centred : Scale
        Of the pixels, counted from their mean.
    survey : Survey or None
        Where the rule looks for regions.
    spectra : Spectra
        Of the windows of the result.
    notes : Notes
        What was noted on the way.
    look : CloseLook, optional
        At smaller windows, once one was needed.
    """

    usable: BoolArray
    centred: Scale
    survey: Survey | None
    spectra: Spectra
    notes: Notes
    look: CloseLook | None = None

    @property
    def sample(self) -> Sample | None:
        """Of the spectra, where the survey made it."""
        return None if self.survey is None else self.survey.sample_of(self.spectra)


_Key = tuple[Any, ...]
# The image, what of the settings matters, and what was prepared.
_last: tuple[weakref.ref[Image], _Key, Prepared] | None = None


def recalled(
    image: Image, digest: Callable[[], str], settings: Settings, room: int, backend: Backend
) -> Prepared | None:
    """Return what was prepared of this very image, unchanged, with the same settings, if it is still there.

    Parameters
    ----------
    image : Image
        Compared by identity.
    digest : callable
        Returns that of its pixels: whoever made them may have changed them since.
    settings : Settings
        Complete; its number of components does not matter.
    room, backend
        As in `fftscape.ground.Ground`.

    Returns
    -------
    Prepared or None
        None, too, where work is done elsewhere, which wants spectra that are computed there.
    """
    if _last is None or is_spread():
        return None
    kept, key, prepared = _last
    if kept() is not image or key[1:] != _key(settings, room, backend):
        return None
    return prepared if key[0] == digest() else None


def remember(
    image: Image, digest: Callable[[], str], settings: Settings, room: int, backend: Backend, prepared: Prepared
) -> None:
    """Keep what was prepared in place of what was kept before; parameters as in `recalled`."""
    global _last
    if isinstance(prepared.spectra, LocalSpectra):  # others are computed from the image, which they hold
        _last = weakref.ref(image, _forget), (digest(), *_key(settings, room, backend)), prepared


def remember_look(spectra: Spectra, look: CloseLook | None) -> None:
    """Keep a look, too, where what was prepared with these spectra is still kept."""
    global _last
    if _last is not None and _last[2].spectra is spectra:
        _last = *_last[:2], replace(_last[2], look=look)


def forget() -> None:
    """Give back the memory of what is kept."""
    global _last
    _last = None


def _forget(gone: weakref.ref[Image]) -> None:
    if _last is not None and _last[0] is gone:
        forget()


def _key(settings: Settings, room: int, backend: Backend) -> _Key:
    rank = merged(settings, {"rank": {"n_components": "auto"}}).rank
    return settings.windows, settings.spectra, rank, settings.regions, room, backend
