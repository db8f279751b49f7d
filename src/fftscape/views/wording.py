"""Numbers and sentences as people read them: lengths, uncertainties, percentages, the answer."""

from __future__ import annotations

import math
from collections.abc import Sequence

from fftscape.model.analysis import AnalysisRecord

_METRES = {"pm": 1e-12, "nm": 1e-9, "um": 1e-6, "mm": 1e-3, "m": 1.0, "km": 1e3}
_SAME_AS = {"µm": "um", "μm": "um", "micron": "um"}


def shown_unit(unit: str) -> str:
    """Return a unit as it is printed.

    Examples
    --------
    >>> shown_unit("um"), shown_unit("1/um"), shown_unit("A")
    ('µm', '1/µm', 'Å')
    """
    if unit.startswith("1/"):
        return f"1/{shown_unit(unit[2:])}"
    return {"um": "µm", "micron": "µm", "A": "Å", "angstrom": "Å"}.get(unit, unit)


def shown_length(value: float, unit: str) -> str:
    """Return a distance with the prefix that makes its number lie between 1 and 999, where there is one.

    Examples
    --------
    >>> shown_length(0.5, "nm"), shown_length(1000, "nm"), shown_length(20, "px"), shown_length(0.5, "1/nm")
    ('500 pm', '1 µm', '20 px', '0.5 1/nm')
    """
    metres = _METRES.get(_SAME_AS.get(unit, unit))
    if metres is None or value <= 0:
        return f"{value:.6g} {shown_unit(unit)}"
    # The small slack keeps 1000 pm, which is 0.99999 nm in floating point, from staying 1000 pm.
    fitting = [name for name, size in _METRES.items() if value * metres / size >= 1 - 1e-9] or ["pm"]
    best = fitting[-1]
    return f"{value * metres / _METRES[best]:.6g} {shown_unit(best)}"


def measured(value: float, uncertainty: float) -> str:
    """Return a value with its uncertainty, rounded to what the uncertainty allows.

    Examples
    --------
    >>> measured(0.40512, 0.0013), measured(31.96, 0.44), measured(5.0, float("nan"))
    ('0.4051 ± 0.0013', '32.0 ± 0.4', '5')
    """
    if not (math.isfinite(uncertainty) and uncertainty > 0 and math.isfinite(value)):
        return f"{value:.4g}"
    exponent = math.floor(math.log10(uncertainty))
    leading = uncertainty / 10.0**exponent
    decimals = -exponent + (1 if leading < 1.95 else 0)
    if decimals > 8:
        return f"{value:.4g} ± {uncertainty:.1g}"
    return f"{value:.{max(decimals, 0)}f} ± {uncertainty:.{max(decimals, 0)}f}"


def percent(fraction: float) -> str:
    """Return a fraction as a percentage.

    Examples
    --------
    >>> percent(0.6), percent(0.0042), percent(0.0)
    ('60 %', '0.4 %', '0 %')
    """
    if not math.isfinite(fraction):
        return "–"
    number = 100 * fraction
    return f"{number:.1f} %" if 0 < number < 9.95 else f"{number:.0f} %"


def shortened(text: str, length: int) -> str:
    """Return `text` with its middle left out where it is longer than `length` characters.

    Examples
    --------
    >>> shortened("a_very_long_name.tif", 11)
    'a_ver…e.tif'
    """
    if len(text) <= length:
        return text
    head = length // 2
    return f"{text[:head]}…{text[len(text) - (length - head - 1) :]}"


def below_half_turn(angle: str) -> str:
    """Return a printed angle of [0, 180) degrees with 0 in place of 180, which rounding may make of it.

    Examples
    --------
    >>> below_half_turn("180.0 ± 0.4"), below_half_turn("180"), below_half_turn("179.9 ± 0.4")
    ('0.0 ± 0.4', '0', '179.9 ± 0.4')
    """
    return angle.replace("180", "0", 1) if angle.startswith("180") else angle


def brief_answer(n_components: int, rule: str, *, is_constant: bool, perhaps: Sequence[int] = ()) -> str:
    """Return the result in a few words; `perhaps` are other numbers, where the one found is ambiguous.

    Examples
    --------
    >>> brief_answer(3, "noise-null", is_constant=False), brief_answer(1, "user", is_constant=False)
    ('3 structures', '1 component, as asked')
    >>> brief_answer(1, "noise-null", is_constant=False), brief_answer(1, "noise-null", is_constant=True)
    ('no second structure found', 'no structure: all pixels are equal')
    >>> brief_answer(1, "rotation", is_constant=False)
    '1 structure in several orientations'
    >>> brief_answer(2, "regions", is_constant=False, perhaps=(1, 3))
    '2 structures, perhaps 1 or 3'
    """
    if is_constant:
        return "no structure: all pixels are equal"
    if rule == "user":
        return f"{n_components} component{'s' if n_components != 1 else ''}, as asked"
    if n_components == 1 and rule != "rotation":
        found = "no second structure found"
    else:
        several = " in several orientations" if rule == "rotation" else ""
        found = f"{n_components} structure{'s' if n_components > 1 else ''}{several}"
    return f"{found}, perhaps {' or '.join(map(str, perhaps))}" if perhaps else found


def answer(record: AnalysisRecord) -> str:
    """Return the result in one sentence."""
    n = record.n_components
    asked = record.scree.rule == "user"
    perhaps = record.scree.alternatives if record.scree.is_ambiguous else ()
    if n == 1 or record.image.is_constant:
        brief = brief_answer(n, record.scree.rule, is_constant=record.image.is_constant, perhaps=perhaps)
        return f"{brief[0].upper()}{brief[1:]}."
    others = f" (perhaps {' or '.join(map(str, perhaps))})" if perhaps else ""
    found = f"Split into {n} components, as asked" if asked else f"{n} structures found{others}"
    parts = [f"{percent(share)}" for share in record.area_fractions[:6]]
    rest = " and smaller parts" if n > 6 else ""
    listed = ", ".join(parts) if rest else f"{', '.join(parts[:-1])} and {parts[-1]}"
    return f"{found}, covering {listed}{rest} of the analysed area."
