"""Which of a file's images is meant: what is offered, what is taken unasked, and what is said about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from fftscape.files.entry import ALPHA, RGB, Entry
from fftscape.model.errors import InvalidSettingError

LUMINANCE = "luminance"
CHANNEL_ADVICE = "--channel 0, 1 or 2 takes red, green or blue alone"
# An image this much smaller than the largest one is a thumbnail.
_THUMBNAIL = 0.25
# As many as a sentence bears.
_SPELT = 12


def offered(entries: list[Entry]) -> list[Entry]:
    """Return what people can choose from: colour pictures also by sample, no name twice."""
    return _named_apart(_split(entries))


def _split(entries: list[Entry]) -> list[Entry]:
    """Offer the samples of a single colour picture one by one, before the picture itself."""
    if len(entries) != 1 or not entries[0].samples:
        return entries
    picture = entries[0]
    kept = [k for k, name in enumerate(picture.samples) if name != ALPHA]
    if picture.samples[:3] == RGB:
        return [*(picture.sample(k) for k in kept), replace(picture, name=LUMINANCE)]
    if len(kept) == 1:
        return entries
    return [picture.sample(k) for k in kept]


def _named_apart(entries: list[Entry]) -> list[Entry]:
    """Give equal names a number, so that each can be chosen."""
    total = Counter(entry.name for entry in entries)
    seen: Counter[str] = Counter()
    result = []
    for entry in entries:
        seen[entry.name] += 1
        has_twin = total[entry.name] > 1
        result.append(replace(entry, name=f"{entry.name} {seen[entry.name]}") if has_twin else entry)
    return result


def default_entry(entries: Sequence[Entry]) -> Entry:
    """Choose the image people mean: data rather than a copy or a rendering, grey rather than colour, large, first."""
    largest = max(entry.shape[0] * entry.shape[1] for entry in entries)
    luminance = next((entry for entry in entries if entry.name == LUMINANCE), None)
    if luminance is not None:
        return luminance

    def merit(entry: Entry) -> tuple[bool, bool, bool, int]:
        size = entry.shape[0] * entry.shape[1]
        return size >= _THUMBNAIL * largest, not entry.is_copy, not entry.is_colour, size

    return max(entries, key=merit)


def chosen_entry(path: Path, entries: Sequence[Entry], channel: int | str | None) -> Entry:
    """Find the entry that a number or a name means, in any case; a beginning or part that only one name has will do."""
    if channel is None:
        return default_entry(entries)
    meant = _meant(entries, channel)
    if not meant:
        raise InvalidSettingError(f"{path}: there is no channel {channel!r}; the file holds {_spelt(entries)}")
    if len(meant) > 1:
        several = ", ".join(repr(entry.name) for entry in meant[:_SPELT])
        raise InvalidSettingError(
            f"{path}: channel {channel!r} fits {len(meant)} names ({several}{_more(meant)}); "
            "give more of the name, or the number that inspect shows"
        )
    return meant[0]


def _meant(entries: Sequence[Entry], channel: int | str) -> list[Entry]:
    """Find what a channel may mean, by the first of these ways that finds anything."""
    wanted = str(channel).strip().casefold()
    is_text = bool(wanted) and not wanted.isdecimal()
    ways: tuple[Callable[[int, str], bool], ...] = (
        lambda _, name: name == channel,  # names may differ in case only
        lambda _, name: name.strip().casefold() == wanted,
        lambda index, _: wanted.isdecimal() and index == int(wanted),
        lambda _, name: is_text and name.casefold().startswith(wanted),
        lambda _, name: is_text and wanted in name.casefold(),
    )
    found = ([entry for index, entry in enumerate(entries) if way(index, entry.name)] for way in ways)
    return next(filter(None, found), [])


def chosen_frame(path: Path, entry: Entry, frame: int | None) -> int:
    """Check the number of a frame; the first one where none is given."""
    if frame is None:
        return 0
    if isinstance(frame, bool) or not isinstance(frame, int) or not 0 <= frame < entry.n_frames:
        raise InvalidSettingError(
            f"{path}: there is no frame {frame!r}; "
            + (f"frames are 0 to {entry.n_frames - 1}" if entry.n_frames > 1 else "it is a single image (frame 0)")
        )
    return frame


def choice_notes(entries: Sequence[Entry], entry: Entry, channel: int | str | None, frame: int | None) -> list[str]:
    """Say what was taken where nothing was chosen, and how to take something else."""
    notes = []
    if channel is None and len(entries) > 1 and entry.name != LUMINANCE:
        notes.append(f"the file holds {_spelt(entries)}; {entry.name!r} is taken (--channel takes another one)")
    if frame is None and entry.n_frames > 1:
        notes.append(f"the file holds {entry.n_frames} frames; frame 0 is taken (or use --frame N, --frame all)")
    return notes


def _spelt(entries: Sequence[Entry]) -> str:
    """Spell the images of a file, as many as a sentence bears, with their sizes where these differ."""
    sized = len({entry.shape for entry in entries}) > 1
    shown = [
        f"{index} {entry.name!r}" + (f" ({entry.shape[0]} x {entry.shape[1]})" if sized else "")
        for index, entry in enumerate(entries[:_SPELT])
    ]
    return f"{len(entries)} image{'s' if len(entries) > 1 else ''}: {', '.join(shown)}{_more(entries)}"


def _more(entries: Sequence[Entry]) -> str:
    return f" and {len(entries) - _SPELT} more" if len(entries) > _SPELT else ""
