"""A change with its interval as a small drawing: no change in the middle, the limit as a line."""

from __future__ import annotations

import math

from markupsafe import Markup

from loadws.report.svg.palette import paint
from loadws.report.svg.paths import short

_WIDTH, _HEIGHT = 200, 20
_MIDDLE = _WIDTH / 2
_ROOM = 1.25  # how much further than the farthest number the drawing reaches
_LIMITS = 4.0  # an interval that reaches further than this many limits is cut off


def change_bar(
    change: float | None, low: float | None, high: float | None, limit: float | None = None, tone: str = "max"
) -> Markup:
    """Return the drawing; empty where the change is not known. An end that is None is not known, and open."""
    if change is None or not math.isfinite(change):
        return Markup("")
    far = [abs(value) for value in (change, limit) if value is not None]
    ends = [abs(end) for end in (low, high) if end is not None and math.isfinite(end)]
    reach = max(*far, *(min(end, _LIMITS * (max(far) or end)) for end in ends), 1e-9) * _ROOM
    left, right = (_x(end, reach, side) for end, side in ((low, -1), (high, 1)))
    colour = paint(tone)
    parts = [
        f'<path d="M0 10H{_WIDTH}" stroke="{paint("track")}" stroke-width="2"/>',
        f'<path d="M{_MIDDLE:g} 2V18" stroke="{paint("muted")}" stroke-width="1"/>',
        f'<path d="M{left} 10H{right}" stroke="{colour}" stroke-width="5" opacity="0.45"/>',
    ]
    if limit is not None:
        at = _x(limit, reach, 1)
        parts.append(f'<path d="M{at} 0V{_HEIGHT}" stroke="{paint("ink")}" stroke-width="1.6" stroke-dasharray="3 2"/>')
    parts.append(f'<circle cx="{_x(change, reach, 1)}" cy="10" r="4" fill="{colour}"/>')
    size = f'width="{_WIDTH}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}"'
    return Markup(f'<svg {size} aria-hidden="true">{"".join(parts)}</svg>')


def _x(value: float | None, reach: float, side: int) -> str:
    """Return where a value lies; one that is not known lies at the end of its side."""
    share = side if value is None or not math.isfinite(value) else max(-1.0, min(1.0, value / reach))
    return short(_MIDDLE * (1 + share))
