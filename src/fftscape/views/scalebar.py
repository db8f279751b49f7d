"""A scale bar: a round length, about a fifth of the image's width."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fftscape.model.image import PIXEL_UNIT
from fftscape.views.geometry import Extent
from fftscape.views.wording import shown_length

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RAISED = 6.0


@dataclass(frozen=True)
class ScaleBar:
    """A length in the image's unit and how it is written."""

    length: float
    text: str


def scale_bar(width: float, unit: str) -> ScaleBar:
    """Return the bar for an image of a given width.

    Parameters
    ----------
    width : float
        Width of the image in `unit`.
    unit : str
        Unit of distance; bars in 'px' are never shorter than one pixel.

    Returns
    -------
    ScaleBar
        1, 2 or 5 times a power of ten, the nearest to a fifth of the width.

    Examples
    --------
    >>> scale_bar(2.5, "nm")
    ScaleBar(length=0.5, text='500 pm')
    """
    wanted = width / 5
    exponent = math.floor(math.log10(wanted))
    # Written as a decimal, because 2 * 10.0**-7 is not the float nearest to 2e-7.
    choices = [float(f"{digit}e{exponent + up}") for up in (0, 1) for digit in (1, 2, 5)]
    length = min(choices, key=lambda choice: abs(math.log(choice / wanted)))
    if unit == PIXEL_UNIT:
        length = max(length, 1.0)
    return ScaleBar(length, shown_length(length, unit))


def draw_scale_bar(ax: Axes, extent: Extent, unit: str, *, colour: str = "white", rim: str = "black") -> None:
    """Draw the bar into the lower left corner of an image drawn with `extent`, with a rim that sets it off."""
    from matplotlib.patheffects import withStroke
    from matplotlib.transforms import offset_copy

    width = extent.right - extent.left
    bar = scale_bar(width, unit)
    left = extent.left + 0.04 * width
    # A fixed distance from the lower edge, so that thin strips have room for it too.
    raised = offset_copy(ax.transData, ax.get_figure(root=True), y=RAISED, units="points")
    ax.plot(
        [left, left + bar.length], [extent.bottom, extent.bottom], transform=raised, color=colour, linewidth=2.5,
        solid_capstyle="butt", zorder=5, gid="scale-bar", scalex=False, scaley=False,
        path_effects=[withStroke(linewidth=4, foreground=rim)],
    )  # fmt: skip
    ax.annotate(
        bar.text, (left + bar.length / 2, extent.bottom), xytext=(0, RAISED + 3), textcoords="offset points",
        ha="center", va="bottom", fontsize=8, color=colour, zorder=5, parse_math=False,
        path_effects=[withStroke(linewidth=1.5, foreground=rim)],
    )  # fmt: skip
