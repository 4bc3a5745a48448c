"""A chart's picture: axes, a view of the data that scripts can zoom, names of phases, lines of limits.

The labels of the y axis are in a picture of fixed width, and the data beside it in one that is as wide as its place. So
letters have the same size on a telephone and on a wall, and nothing needs a script or a style to fit. Inside the view x
runs from 0 to ``SPAN``, however wide it is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec
from markupsafe import Markup, escape

from loadws.report.svg.palette import paint
from loadws.report.svg.paths import short
from loadws.report.svg.scales import Scale

SPAN = 1000.0
GUTTER = 54  # pixels, of a y axis with numbers
_APART = 0.17  # of the width, two labels of an x axis
_CHARACTER, _MOST_GUTTER = 6.6, 170  # pixels
_ABOVE, _BELOW = 18, 22  # pixels, for names of phases and for the x axis
_EDGE = 2  # pixels, in which a line at the least or the highest value is seen whole
_FONT = 'font-family="system-ui, -apple-system, \'Segoe UI\', Roboto, sans-serif" font-size="12"'


class Shape(msgspec.Struct, frozen=True):
    """A path in the view. ``width`` 0: filled, else a stroke of this many pixels at any zoom.

    ``is_scaled``: the stroke is as wide as its width in the view, with square ends, so it grows with the zoom: a bar.
    """

    d: str
    colour: str
    width: float = 0.0
    dash: str = ""
    opacity: float = 1.0
    is_scaled: bool = False


class Label(msgspec.Struct, frozen=True):
    """A text over the view, cut off to the range from ``begin`` to ``end`` (0 to 1), at ``y`` pixels from the view's
    top.
    """

    text: str
    begin: float
    end: float
    y: float
    colour: str = "muted"
    at_end: bool = False


class Dot(msgspec.Struct, frozen=True):
    """A round mark over the view, ``at`` of its width (0 to 1) and ``y`` pixels from its top, with a text for the mouse."""

    at: float
    y: float
    text: str
    colour: str


class Plot(msgspec.Struct, frozen=True):
    """Everything that is drawn for a chart; ``x_ticks`` are (position from 0 to 1, text)."""

    height: int
    y: Scale
    y_label: Callable[[float], str]
    shapes: Sequence[Shape] = ()
    x_ticks: Sequence[tuple[float, str]] = ()
    labels: Sequence[Label] = ()
    title: str = ""
    is_over_time: bool = False
    y_grid: bool = True
    strips: int = 0  # rows of 8 pixels below the view's values
    y_texts: Sequence[tuple[float, str]] = ()  # instead of the scale's ticks: (pixels, text)
    gutter: int = GUTTER  # pixels, of the y axis
    dots: Sequence[Dot] = ()

    @property
    def whole_height(self) -> int:
        return _ABOVE + self.height + 10 * self.strips + _BELOW

    def axis(self) -> Markup:
        """Return the y axis: an ``svg`` of ``gutter`` pixels."""
        return Markup(
            f'<svg width="{self.gutter}" height="{self.whole_height}" aria-hidden="true" {_FONT}>{self._y_labels()}</svg>'
        )

    def view(self) -> Markup:
        """Return the data and the x axis: an ``svg`` as wide as its place."""
        kind = "time" if self.is_over_time else "other"
        return Markup(
            f'<svg class="view" data-axis="{kind}" role="img" aria-label="{escape(self.title)}" width="100%" '
            f'height="{self.whole_height}" {_FONT}>{self._data()}{self._overlay()}{self._x_labels()}</svg>'
        )

    def y_at(self, value: float) -> float:
        """Return the position of a value, in pixels from the view's top."""
        return self.height * (1 - self.y.at(value))

    def _data(self) -> str:
        height = self.height + 10 * self.strips
        room = _EDGE if self.y_grid else 0
        grid = "".join(
            f'<path d="M0 {short(self.y_at(tick))}H{short(SPAN)}" stroke="{paint("grid")}" {_STEADY}/>'
            for tick in (self.y.ticks if self.y_grid else ())
        )
        shapes = "".join(map(_shape, self.shapes))
        return (
            f'<svg class="data" y="{_ABOVE - room}" width="100%" height="{height + 2 * room}" '
            f'viewBox="0 {-room} {short(SPAN)} {height + 2 * room}" '
            f'preserveAspectRatio="none" fill="none">{grid}{shapes}</svg>'
        )

    def _overlay(self) -> str:
        return "".join((*map(_label, self.labels), *map(_dot, self.dots)))

    def _y_labels(self) -> str:
        texts = self.y_texts or [(self.y_at(tick), self.y_label(tick)) for tick in self.y.ticks]
        return "".join(
            f'<text x="{self.gutter - 6}" y="{short(_ABOVE + y + 4)}" text-anchor="end" fill="{paint("muted")}">'
            f"{escape(text)}</text>"
            for y, text in texts
        )

    def _x_labels(self) -> str:
        y = _ABOVE + self.height + 10 * self.strips + 16
        return "".join(
            f'<text class="tick" x="{short(100 * at)}%" y="{y}" text-anchor="{_anchor(at)}" fill="{paint("muted")}">'
            f"{escape(text)}</text>"
            for at, text in self.x_ticks
        )


def gutter_for(texts: Iterable[str]) -> int:
    """Return how wide a y axis with these texts is, in pixels; a longer text than has room is cut off at its beginning."""
    longest = max(map(len, texts), default=0)
    return min(_MOST_GUTTER, max(GUTTER, round(longest * _CHARACTER) + 12))


def spaced(ticks: Iterable[tuple[float, str]]) -> list[tuple[float, str]]:
    """Return the labels of an x axis that do not overlap on a telephone."""
    kept: list[tuple[float, str]] = []
    for at, text in ticks:
        if not kept or at - kept[-1][0] > _APART:
            kept.append((at, text))
    return kept


_STEADY = 'vector-effect="non-scaling-stroke"'


def _shape(shape: Shape) -> str:
    faded = f' opacity="{shape.opacity:g}"' if shape.opacity < 1 else ""
    if not shape.width:
        return f'<path d="{shape.d}" fill="{paint(shape.colour)}"{faded}/>'
    if shape.is_scaled:
        width = short(shape.width)
        return f'<path d="{shape.d}" stroke="{paint(shape.colour)}" stroke-width="{width}"{faded}/>'
    dash = f' stroke-dasharray="{shape.dash}"' if shape.dash else ' stroke-linecap="round"'
    return (
        f'<path d="{shape.d}" stroke="{paint(shape.colour)}" stroke-width="{shape.width:g}" stroke-linejoin="round"{dash} '
        f"{_STEADY}{faded}/>"
    )


def _label(label: Label) -> str:
    """Return a text in a window of its own, so that it ends where its phase ends. A halo keeps lines behind it apart."""
    x, anchor = ("100%", ' text-anchor="end"') if label.at_end else ("0", "")
    halo = f'stroke="{paint("card")}" stroke-width="3" stroke-linejoin="round" paint-order="stroke" '
    return (
        f'<svg class="over" data-begin="{short(label.begin * SPAN)}" data-end="{short(label.end * SPAN)}" '
        f'x="{short(100 * label.begin)}%" width="{short(100 * (label.end - label.begin))}%" '
        f'y="{short(_ABOVE + label.y - 12)}" height="16"><text x="{x}" dx="{-4 if label.at_end else 4}" y="12"{anchor} '
        f'{halo}fill="{paint(label.colour)}">{escape(label.text)}</text></svg>'
    )


def _dot(dot: Dot) -> str:
    place = f'cx="{short(100 * dot.at)}%" cy="{short(_ABOVE + dot.y)}" r="3.5"'
    return f'<circle {place} fill="{paint(dot.colour)}"><title>{escape(dot.text)}</title></circle>'


def _anchor(at: float) -> str:
    return "start" if at < 0.02 else "end" if at > 0.98 else "middle"
