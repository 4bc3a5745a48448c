"""An equation of the ledger as a flow: the whole on the left, and how much of it went where, as inline SVG.

The parts that are nothing are not drawn; the list below the drawing has all of them as text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from markupsafe import Markup, escape

from loadws.report.ledger_table import Equation, Part
from loadws.report.svg.palette import paint

_WIDTH, _BLOCK, _FROM, _TO = 340, 8, 8, 150
_LEAST_HEIGHT, _LINE, _GAP = 44, 15, 4
#: What almost nothing is drawn as, so that it can still be seen.
_THINNEST = 1.5


def ledger_flow(equation: Equation) -> Markup:
    """Return the drawing; empty where nothing was begun."""
    parts = [part for part in equation.parts if part.count]
    if not equation.whole.count or not parts:
        return Markup("")
    height = max(_LEAST_HEIGHT, _LINE * len(parts))
    marks = [f'<rect width="{_BLOCK}" height="{height}" rx="2" fill="{paint("max")}"/>']
    for part, source, target in _bands(parts, height):
        marks += _band(part, source, target)
    size = f'width="100%" height="{height}" viewBox="0 0 {_WIDTH} {height}" preserveAspectRatio="xMinYMid meet"'
    return Markup(f'<svg {size} aria-hidden="true">{"".join(marks)}</svg>')


def _bands(parts: Sequence[Part], height: float) -> Iterator[tuple[Part, tuple[float, float], tuple[float, float]]]:
    """Yield each part with its (top, bottom) on the left and on the right, in px.

    Each part has a line of its own on the right, so that its name can stand beside it.
    """
    total = sum(part.count for part in parts)
    free = height - _GAP * (len(parts) - 1) - _LINE * len(parts)
    left = right = 0.0
    for part in parts:
        share = part.count / total
        room = _LINE + max(0.0, free) * share
        thick = max(_THINNEST, min(room, share * height))
        middle = right + room / 2
        yield part, (left, left + share * height), (middle - thick / 2, middle + thick / 2)
        left += share * height
        right += room + _GAP * (free > 0)


def _band(part: Part, source: tuple[float, float], target: tuple[float, float]) -> Iterator[str]:
    colour = paint(part.tone if part.tone != "plain" else "max")
    (top, bottom), (upper, lower) = source, target
    bend = (_FROM + _TO) / 2
    yield (
        f'<path d="M{_FROM} {top:.1f}C{bend} {top:.1f} {bend} {upper:.1f} {_TO} {upper:.1f}V{lower:.1f}'
        f'C{bend} {lower:.1f} {bend} {bottom:.1f} {_FROM} {bottom:.1f}Z" fill="{colour}" fill-opacity="0.35"/>'
    )
    yield f'<rect x="{_TO}" y="{upper:.1f}" width="{_BLOCK}" height="{lower - upper:.1f}" fill="{colour}"/>'
    yield (
        f'<text x="{_TO + _BLOCK + 6}" y="{(upper + lower) / 2 + 4:.1f}" font-size="12" fill="{paint("ink")}">'
        f"{escape(part.name)} {part.count:,}</text>"
    )
