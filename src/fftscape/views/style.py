"""Colours and type of every figure, written once; nothing here touches matplotlib's global state."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

# Okabe and Ito's colour-blind-safe set first, then Paul Tol's muted and bright tones; neighbours in
# the list differ in lightness as well as in hue.
PALETTE = (
    "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#332288",
    "#999933", "#882255", "#44aa99", "#aa4499", "#ddcc77", "#117733", "#cc6677", "#6699cc",
    "#661100", "#bbcc33", "#aa4466", "#888888",
)  # fmt: skip

INK = "#22272e"
FAINT = "#6b7480"
NO_DATA = "#dfe2e6"
SPOT = "#7fe3ff"
MAP_COLOURS = "viridis"
FACTOR_COLOURS = "magma"
RESIDUAL_COLOURS = "cividis"
ABRUPTNESS_COLOURS = "inferno"
MARGIN_COLOURS = "bone"
# All directions need colours that close into a circle; a slight bend is seen better on a scale with a middle.
DIRECTION_COLOURS = "twilight"
BEND_COLOURS = "PuOr"

_RC: dict[str, Any] = {
    "font.family": ["sans-serif"],
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.titlepad": 5,
    # No ticks are above, so that matplotlib need not look for them, which takes a twentieth of all drawing.
    "axes.titley": 1.0,
    "axes.labelsize": 8,
    "axes.labelcolor": INK,
    "axes.edgecolor": FAINT,
    "axes.linewidth": 0.8,
    "text.color": INK,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "figure.facecolor": "white",
    "savefig.facecolor": "auto",
}


def component_colour(component: int) -> str:
    """Return the colour that stands for a component (counted from 0) in every figure and table.

    Examples
    --------
    >>> component_colour(0), component_colour(20) == component_colour(0)
    ('#0072b2', True)
    """
    return PALETTE[component % len(PALETTE)]


def styled(draw: Callable[P, T]) -> Callable[P, T]:
    """Run a function with fftscape's type and colours, whatever the user's matplotlibrc says.

    The context starts from matplotlib's own defaults, so that equal results give equal figures
    for everybody, and leaves the user's parameters as they were.
    """

    @wraps(draw)
    def inside(*args: P.args, **kwargs: P.kwargs) -> T:
        from matplotlib import style

        with style.context(["default", _RC], after_reset=True):
            return draw(*args, **kwargs)

    return inside
