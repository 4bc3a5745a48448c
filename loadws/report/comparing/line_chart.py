"""A small line chart as SVG, drawn without a library: points in order, gaps where a value is missing, and marked places.

The page needs no script and no network. Colours are those of the page's style sheet.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from html import escape

WIDTH, HEIGHT = 720, 180
_LEFT, _RIGHT, _TOP, _BOTTOM = 90, 12, 12, 26


def line_chart(
    values: Sequence[float | None],
    labels: Sequence[str],
    texts: Sequence[str],
    marks: Collection[int] = (),
    title: str = "",
) -> str:
    """Return the drawing. ``labels`` name the points, ``texts`` are their values, ``marks`` the indexes of changes."""
    known = [value for value in values if value is not None and math.isfinite(value)]
    if not known:
        return ""
    scale = _Scale(len(values), 0.0, max(known) * 1.08 or 1.0)
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title, quote=True)}">',
        *_axes(scale, texts, values, known, labels),
        *(f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{HEIGHT - _BOTTOM}"/>'
          for x in (scale.x(at) - scale.step / 2 for at in sorted(marks))),
        *(f'<polyline class="line" points="{points}"/>' for points in _pieces(scale, values)),
        *_points(scale, values, labels, texts),
        "</svg>",
    ]  # fmt: skip
    return "".join(parts)


class _Scale:
    """The conversion of points and values to the drawing's units."""

    def __init__(self, count: int, low: float, high: float) -> None:
        self.step = (WIDTH - _LEFT - _RIGHT) / max(1, count)
        self._low = low
        self._high = high

    def x(self, at: int) -> float:
        return _LEFT + (at + 0.5) * self.step

    def y(self, value: float) -> float:
        share = (min(value, self._high) - self._low) / (self._high - self._low)
        return HEIGHT - _BOTTOM - share * (HEIGHT - _TOP - _BOTTOM)


def _axes(
    scale: _Scale,
    texts: Sequence[str],
    values: Sequence[float | None],
    known: Sequence[float],
    labels: Sequence[str],
) -> Iterator[str]:
    for value in {max(known), min(known)}:
        y, text = scale.y(value), texts[values.index(value)]
        yield f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{escape(text)}</text>'
    yield f'<text x="{_LEFT}" y="{HEIGHT - 8}">{escape(labels[0])}</text>'
    if len(labels) > 1:
        yield f'<text x="{WIDTH - _RIGHT}" y="{HEIGHT - 8}" text-anchor="end">{escape(labels[-1])}</text>'


def _pieces(scale: _Scale, values: Sequence[float | None]) -> Iterator[str]:
    """Yield the points of each stretch without a gap."""
    piece: list[str] = []
    for at, value in enumerate([*values, None]):
        if value is not None and math.isfinite(value):
            piece.append(f"{scale.x(at):.1f},{scale.y(value):.1f}")
        elif piece:
            yield " ".join(piece)
            piece = []


def _points(
    scale: _Scale, values: Sequence[float | None], labels: Sequence[str], texts: Sequence[str]
) -> Iterator[str]:
    for at, value in enumerate(values):
        if value is not None and math.isfinite(value):
            said = escape(f"{labels[at]}: {texts[at]}")
            yield f'<circle cx="{scale.x(at):.1f}" cy="{scale.y(value):.1f}" r="3"><title>{said}</title></circle>'
