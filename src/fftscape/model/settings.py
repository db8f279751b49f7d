"""Every setting and its default, written once.

Command-line options, the configuration file, presets and the manifest are all derived from
these structures. They are frozen and hashable, so that equality tells what must be run again.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from fftscape.model.errors import InvalidSettingError

Taper = Literal["hann", "hamming", "none"]
Scaling = Literal["amplitude", "sqrt", "log"]
Rule = Literal["regions", "noise-null", "elbow"]
Start = Literal["spa", "nndsvd", "nndsvda", "random"]
Preset = Literal["default", "published"]
# Where spectra are computed; not one of the settings, since it is not part of the method.
Backend = Literal["numpy", "torch", "cupy"]

PositiveInt = Annotated[int, msgspec.Meta(ge=1)]
# The upper bound keeps infinity out.
PositiveFloat = Annotated[float, msgspec.Meta(gt=0, le=1e12)]
Seed = Annotated[int, msgspec.Meta(ge=0)]
Pair = tuple[PositiveInt, PositiveInt]


class _Frozen(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of the settings: immutable, hashable, strict about unknown names."""


class WindowSettings(_Frozen, frozen=True, kw_only=True):
    """The moving window, in pixels, axis order (y, x); None leaves the choice to the advisor.

    `keep_burned_in` lets windows hold data bars, scale bars and blank edges, which otherwise take no part.
    """

    size: Pair | None = None
    step: Pair | None = None
    keep_burned_in: bool = False


class SpectraSettings(_Frozen, frozen=True, kw_only=True):
    """What happens to each window before (taper, mean) and after (scaling, norm) its transform."""

    taper: Taper = "hann"
    remove_mean: bool = True
    scaling: Scaling = "sqrt"
    unit_norm: bool = True


class RankSettings(_Frozen, frozen=True, kw_only=True):
    """How the number of components is chosen.

    `margin` is the factor by which an eigenvalue must exceed the largest one of the noise null
    for the rule 'noise-null'.
    """

    n_components: PositiveInt | Literal["auto"] = "auto"
    rule: Rule = "regions"
    margin: PositiveFloat = 2.0
    max_components: PositiveInt = 20
    seed: Seed = 0


class RegionSettings(_Frozen, frozen=True, kw_only=True):
    """When two places hold two structures.

    `ridge` is how many times more abruptly spectra must change at a boundary than within what it
    divides; `separation` the distance of two structures' spectra in units of the sum of their
    spreads; `contrast` how much of it, in the same units, must change across the boundary of structures
    that are uneven in themselves; `narrowest` the width, in windows, below which a structure counts as a boundary.
    """

    ridge: PositiveFloat = 2.3
    separation: PositiveFloat = 3.0
    contrast: PositiveFloat = 3.6
    narrowest: PositiveFloat = 1.3
    seed: Seed = 0


class SegmentationSettings(_Frozen, frozen=True, kw_only=True):
    """How pixels are assigned: `sharpen` looks at the boundaries again with smaller windows."""

    sharpen: bool = True


class FactorizationSettings(_Frozen, frozen=True, kw_only=True):
    """How the non-negative factorization is started and stopped."""

    starts: Annotated[tuple[Start, ...], msgspec.Meta(min_length=1)] = ("spa", "nndsvda", "random", "random", "random")
    max_iter: PositiveInt = 2000
    tolerance: PositiveFloat = 1e-6
    seed: Seed = 0


class PeakSettings(_Frozen, frozen=True, kw_only=True):
    """Which maxima of a factor count as spots.

    `min_significance` is the height above the surroundings in units of their scatter.
    """

    min_significance: PositiveFloat = 6.0
    max_peaks: PositiveInt = 24


class RotationSettings(_Frozen, frozen=True, kw_only=True):
    """Whether one structure in several orientations is one component (`tolerant`) or several."""

    tolerant: bool = False


class Settings(_Frozen, frozen=True, kw_only=True):
    """All settings of one analysis."""

    preset: Preset = "default"
    windows: WindowSettings = WindowSettings()
    spectra: SpectraSettings = SpectraSettings()
    rank: RankSettings = RankSettings()
    regions: RegionSettings = RegionSettings()
    factorization: FactorizationSettings = FactorizationSettings()
    peaks: PeakSettings = PeakSettings()
    segmentation: SegmentationSettings = SegmentationSettings()
    rotation: RotationSettings = RotationSettings()


# The 2020 paper's flow as far as its text tells: raw |FFT| of the bare window, uncentred SVD for
# the scree plot, scikit-learn's NMF defaults of the time. An assumption, stated in the docs.
PRESETS: Mapping[str, Settings] = {
    "default": Settings(),
    "published": Settings(
        preset="published",
        spectra=SpectraSettings(taper="none", remove_mean=False, scaling="amplitude", unit_norm=False),
        rank=RankSettings(rule="elbow"),
        factorization=FactorizationSettings(starts=("nndsvd",), max_iter=200, tolerance=1e-4),
        segmentation=SegmentationSettings(sharpen=False),
    ),
}

T = TypeVar("T", bound=_Frozen)


def merged(settings: T, changes: Mapping[str, Any]) -> T:
    """Return `settings` with nested `changes` applied and everything validated.

    Parameters
    ----------
    settings : Settings
        The values to start from.
    changes : mapping
        Nested plain values as a TOML file holds them, for example
        ``{"windows": {"size": [64, 64]}}``.

    Returns
    -------
    Settings
        A new, validated structure of the same type.

    Raises
    ------
    InvalidSettingError
        If a name is unknown or a value is not allowed; the message names the setting.

    Examples
    --------
    >>> merged(Settings(), {"rank": {"n_components": 3}}).rank.n_components
    3
    """
    plain = msgspec.to_builtins(settings)
    _overlay(plain, changes)
    windows = plain.get("windows")
    if isinstance(windows, dict):  # one number counts for both axes, as everywhere
        windows |= {name: as_pair(windows[name], f"windows.{name}") for name in ("size", "step") if name in windows}
    try:
        return msgspec.convert(plain, type(settings))
    except msgspec.ValidationError as error:
        raise InvalidSettingError(_sentence(str(error), type(settings), plain)) from None


def _overlay(plain: dict[str, Any], changes: Mapping[str, Any]) -> None:
    for key, value in changes.items():
        if isinstance(value, Mapping) and isinstance(plain.get(key), dict):
            _overlay(plain[key], value)
        else:
            plain[key] = value


def _sentence(reason: str, kind: type[_Frozen], plain: Any) -> str:
    """Say which setting is wrong, what is allowed and what was found."""
    _, _, where = reason.partition(" - at `$.")
    path = [name.partition("[")[0] for name in where.rstrip("`").split(".") if name]
    hint: Any = kind
    for name in path:
        hint, plain = get_type_hints(hint)[name], plain[name]
    unknown = re.search(r"unknown field `(.+?)`", reason)
    if unknown:
        name, known = ".".join([*path, unknown[1]]), ", ".join(get_type_hints(hint))
        return f"There is no setting '{name}'; there are {known}."
    return f"The setting '{'.'.join(path)}' must be {_allowed(hint)}, not {plain!r}."


def _allowed(hint: Any) -> str:
    """Say in words which values a type allows."""
    if get_origin(hint) is Literal:
        return " or ".join(repr(choice) for choice in get_args(hint))
    if get_origin(hint) in {Union, UnionType}:
        return " or ".join(_allowed(choice) for choice in get_args(hint) if choice is not type(None))
    if get_origin(hint) is tuple:
        return f"a list of {_allowed(get_args(hint)[0])}"
    words = {bool: "true or false", int: "a whole number in its range", float: "a positive number", str: "a text"}
    return words.get(hint, "a table of settings")


def as_pair(value: int | tuple[int, int] | None, name: str) -> Pair | None:
    """Return `value` as (y, x): one int counts for both axes.

    Raises
    ------
    InvalidSettingError
        If it is neither a positive int nor a pair of them.

    Examples
    --------
    >>> as_pair(64, "window")
    (64, 64)
    """
    if value is None:
        return None
    numbers = tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else (value, value)
    try:
        pair = tuple(operator.index(number) for number in numbers)
    except TypeError:
        pair = ()
    if len(pair) != 2 or min(pair) < 1:
        raise InvalidSettingError(
            f"{name} must be a positive whole number of pixels or a pair (y, x) of them, not {value!r}."
        )
    return pair[0], pair[1]
