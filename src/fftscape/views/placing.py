"""Where the labels of spots go, so that they cover neither spots nor each other; all sizes in points."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fftscape.model.records import Peaks
from fftscape.views.wording import shown_unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_LABELS = 4
_LETTER, _LINE = 4.6, 10.0


@dataclass(frozen=True)
class Box:
    """A rectangle on the page, in points."""

    left: float
    bottom: float
    right: float
    top: float

    @staticmethod
    def around(middle: tuple[float, float], width: float, height: float) -> Box:
        """Return the box of that size about a point."""
        (x, y), w, h = middle, width / 2, height / 2
        return Box(x - w, y - h, x + w, y + h)

    def overlaps(self, other: Box) -> bool:
        """Whether the two share any area."""
        aside = self.right <= other.left or other.right <= self.left
        return not (aside or self.top <= other.bottom or other.top <= self.bottom)

    def within(self, other: Box) -> bool:
        """Whether this one lies wholly inside the other."""
        aside = self.left < other.left or self.right > other.right
        return not (aside or self.bottom < other.bottom or self.top > other.top)


@dataclass(frozen=True)
class SpotLabel:
    """A label: the spot it belongs to (kx, ky), its middle's offset from there in points, its text."""

    spot: tuple[float, float]
    offset: tuple[float, float]
    text: str


class Points:
    """Turns data coordinates of axes, as they now lie on the page, into points."""

    def __init__(self, ax: Axes) -> None:
        figure = ax.get_figure(root=True)
        self._scale = 72 / figure.dpi if figure is not None else 1.0
        self._transform = ax.transData
        frame = ax.get_window_extent()
        self.panel = Box(*(self._scale * edge for edge in (frame.x0, frame.y0, frame.x1, frame.y1)))

    def of(self, x: float, y: float) -> tuple[float, float]:
        """Return the place of a data point."""
        place = self._transform.transform((x, y)) * self._scale
        return float(place[0]), float(place[1])


def spot_labels(peaks: Peaks, points: Points, spot_size: float) -> Iterator[SpotLabel]:
    """Yield the labels of one component's strongest spots that find a free place.

    Parameters
    ----------
    peaks : Peaks
        Of one component, strongest first.
    points : Points
        The axes they are drawn in.
    spot_size : float
        Diameter of the circles in points.
    """
    pairs = [((x, y), (-x, -y)) for x, y in zip(peaks.frequency_x, peaks.frequency_y, strict=True)]
    taken = [Box.around(points.of(*spot), spot_size, spot_size) for pair in pairs for spot in pair]
    for pair, spacing in list(zip(pairs, peaks.d_spacing, strict=True))[:MOST_LABELS]:
        text = f"{spacing:.3g} {shown_unit(peaks.unit)}"
        width = _LETTER * len(text)
        for spot, offset in _places(pair, (spot_size + width) / 2 + 2, (spot_size + _LINE) / 2 + 1):
            x, y = points.of(*spot)
            box = Box.around((x + offset[0], y + offset[1]), width, _LINE)
            if box.within(points.panel) and not any(box.overlaps(other) for other in taken):
                taken.append(box)
                yield SpotLabel((float(spot[0]), float(spot[1])), offset, text)
                break


def _places(
    pair: tuple[tuple[float, float], tuple[float, float]], aside: float, above: float
) -> Iterator[tuple[tuple[float, float], tuple[float, float]]]:
    """Yield where a label may go, best first: beside, above or below either spot of the pair."""
    for offset in ((aside, 0.0), (-aside, 0.0), (0.0, above), (0.0, -above)):
        for spot in pair:
            yield spot, offset
