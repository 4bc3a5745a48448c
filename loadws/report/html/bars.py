"""Small bars and signs as inline SVG: a rule's observed value against its limit, and the keys of charts."""

from __future__ import annotations

import math

from markupsafe import Markup

from loadws.metrics.summary import Check
from loadws.report.svg.palette import paint

_WIDTH, _HEIGHT = 132, 18
_LIMIT_AT = 0.7  # of the width, where the observed value is smaller than the limit
_TONES = {"passed": "good", "failed": "bad", "too_close": "warn", "no_data": "bad"}


def check_bar(check: Check) -> Markup:
    """Return a bar from zero to the observed value, its interval, and a line at the limit; empty without a number.

    A value beyond the bar's end, as a latency that never ended, reaches to the end. So does an interval that the samples do
    not bound, without a mark at its end.
    """
    if check.limit is None or check.observed is None or check.limit <= 0:
        return Markup("")
    known = [v for v in (check.observed, check.upper) if v is not None and math.isfinite(v)]
    longest = max([check.limit / _LIMIT_AT, *(min(v, check.limit * 20) for v in known)])
    colour = paint(_TONES[check.outcome])
    parts = [f'<rect y="4" width="{_WIDTH}" height="10" rx="2" fill="{paint("track")}"/>']
    parts.append(f'<rect y="4" width="{_px(check.observed, longest)}" height="10" rx="2" fill="{colour}"/>')
    if check.lower is not None or check.upper is not None:
        lower, upper = _px(check.lower or 0.0, longest), _px(_or_beyond(check.upper), longest)
        ends = "".join(f"M{at} 6v6" for at, end in ((lower, check.lower), (upper, check.upper)) if end is not None)
        parts.append(f'<path d="M{lower} 9H{upper}{ends}" stroke="{paint("ink")}" stroke-width="1.2"/>')
    limit = _px(check.limit, longest)
    parts.append(f'<path d="M{limit} 0v{_HEIGHT}" stroke="{paint("ink")}" stroke-width="2"/>')
    size = f'width="{_WIDTH}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}"'
    return Markup(f'<svg {size} aria-hidden="true">{"".join(parts)}</svg>')


def swatch(colour: str, look: str = "box") -> Markup:
    """Return the sign of a legend: a box, a line, or a dashed line."""
    if look == "box":
        inner = f'<rect y="1" width="10" height="10" rx="2" fill="{paint(colour)}"/>'
        return Markup(f'<svg width="12" height="12" aria-hidden="true">{inner}</svg>')
    dash = ' stroke-dasharray="4 3"' if look == "dash" else ""
    line = f'<path d="M0 6h18" stroke="{paint(colour)}" stroke-width="2.5"{dash}/>'
    return Markup(f'<svg width="20" height="12" aria-hidden="true">{line}</svg>')


def _or_beyond(value: float | None) -> float:
    return math.inf if value is None else value


def _px(value: float, longest: float) -> str:
    return f"{_WIDTH * min(max(value, 0.0) / longest, 1.0):.1f}" if math.isfinite(value) else str(_WIDTH)
