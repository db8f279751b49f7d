"""What the words that are given for options mean: texts enter, settings and numbers leave, or the option is named."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from fftscape.batch.progress import Reporter
from fftscape.model.errors import InvalidSettingError
from fftscape.model.settings import PRESETS, Backend, Settings, merged


def settings_of(config: Path | None, wanted: Mapping[str, Any]) -> Settings:
    """Return the preset with the file's settings over it and what the options want over both."""
    from_file = _toml(config) if config is not None else {}
    preset = from_file.get("preset", Settings().preset) if wanted["preset"] is None else wanted["preset"]
    if not isinstance(preset, str) or preset not in PRESETS:
        where = "--preset" if wanted["preset"] is not None else f"--config {config}: preset"
        raise InvalidSettingError(f"{where} must be one of {', '.join(PRESETS)}, not {preset!r}.")
    with named(f"--config {config}"):
        settings = merged(PRESETS[preset], {**from_file, "preset": preset})
    return merged(settings, {name: value for name, value in wanted.items() if value})


def _toml(path: Path) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidSettingError(f"--config {path} cannot be read ({error.strerror}); check the name.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidSettingError(f"--config {path} is not valid TOML: {error}.") from None


@contextlib.contextmanager
def named(option: str) -> Iterator[None]:
    """Put the option's name before what is wrong with its value."""
    try:
        yield
    except InvalidSettingError as error:
        raise InvalidSettingError(f"{option}: {error}") from None


def given(**options: Any) -> dict[str, Any]:
    """Leave out what was not given."""
    return {name: value for name, value in options.items() if value is not None}


def pair(text: str | None, option: str) -> tuple[int, int] | None:
    """Return a size in pixels, (y, x), from '64' or '64x96'."""
    if text is None:
        return None
    try:
        numbers = [int(part) for part in text.lower().split("x")]
    except ValueError:
        numbers = []
    if len(numbers) not in (1, 2) or min(numbers) < 1:
        raise InvalidSettingError(
            f"{option} must be a number of pixels from 1 (64) or height x width (64x96), not {text!r}."
        )
    return numbers[0], numbers[-1]


def number(text: str | None, option: str) -> int | None:
    """Return a whole number from 1."""
    value = number_or_text(text)
    if isinstance(value, str) or (value is not None and value < 1):
        raise InvalidSettingError(f"{option} must be a whole number from 1, not {text!r}.")
    return value


def backend_of(name: str | None) -> Backend:
    """Return the backend of that name; NumPy where none was given."""
    if name is None:
        return "numpy"
    from fftscape.compute.backend import checked

    return checked(name, "--backend")


def number_or(text: str | None, word: str, option: str, *, least: int) -> int | str | None:
    """Return a whole number, or the one word that is allowed instead."""
    value = number_or_text(text)
    if (isinstance(value, str) and value != word) or (isinstance(value, int) and value < least):
        raise InvalidSettingError(f"{option} must be a whole number from {least} or '{word}', not {text!r}.")
    return value


def number_or_text(text: str | None) -> int | str | None:
    """Return a number where it is one: channels and frames have numbers or names."""
    try:
        return None if text is None else int(text)
    except ValueError:
        return text


def reporter_of(quiet: bool | None) -> Reporter:
    """Return where lines go; None is neither quiet nor verbose."""
    return Reporter(quiet=quiet is True, verbose=quiet is False)
