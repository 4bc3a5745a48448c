"""The curve of a search: a rule's metric over the load, with the rule's limit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from itertools import groupby
from statistics import fmean

from loadws.report.plain import plain
from loadws.report.svg import paths
from loadws.report.svg.plot import SPAN, Label, Plot, Shape
from loadws.report.svg.scales import Scale, linear_scale, log_scale, number_label
from loadws.terms.thresholds import Threshold, format_value

#: A level: its load, the value of the rule's metric, None where unknown, and its result.
Point = tuple[float, float | None, str]
_HEIGHT = 220
_COLOURS = {"held": "good", "failed": "bad", "unsure": "warn", "limit": "muted"}
#: From how many times between the least and the largest value on an axis is logarithmic.
_WIDE = 30
#: Room beyond the largest value of an axis, so that its dot is whole.
_ROOM = 1.04


def curve(vary: str, rule: Threshold, points: Sequence[Point]) -> str:
    """Return the chart as HTML; a sentence where no level has a value."""
    known = [(load, value, held) for load, value, held in points if value is not None and math.isfinite(value)]
    if not known:
        return "<p>No level has a value of it.</p>"
    y = _scale([value for _, value, _ in known], rule.value)
    x = linear_scale(load * _ROOM for load, _, _ in points)
    plot = Plot(
        _HEIGHT,
        y,
        partial(format_value, unit=rule.unit),
        [*_line(known, x, y), *_dots(known, x, y), *_limit(rule, y)],
        [(x.at(tick), number_label(tick)) for tick in x.ticks],
        [_name_of(rule, y)],
        plain(f"{rule.rule} over {vary}", 200),
    )
    chart = f'<div class="curve"><div>{plot.axis()}</div><div>{plot.view()}</div></div>'
    return f'{chart}<p class="note">Across: {_ACROSS[vary]}. {_LEGEND}</p>'


_ACROSS = {"users": "users", "rate": "arrivals per second"}
_LEGEND = (
    "Green: held; red: not kept; amber: too close to call; grey: loadws was too slow. The dashed line is the limit."
)


def _scale(values: Sequence[float], limit: float) -> Scale:
    """Return the axis of the values; logarithmic where they are far apart, so that the limit can be seen among them."""
    all_of = [*values, limit]
    is_wide = min(all_of) > 0 and max(all_of) / min(all_of) > _WIDE
    return log_scale(all_of) if is_wide else linear_scale(value * _ROOM for value in all_of)


def _line(known: Sequence[tuple[float, float, str]], x: Scale, y: Scale) -> list[Shape]:
    """Return the line through each load's value; a load that was tried twice has their mean."""
    middles = [(load, fmean(value for _, value, _ in same)) for load, same in groupby(known, key=lambda each: each[0])]
    return [Shape(paths.line([_place(load, value, x, y) for load, value in middles]), "p99", 1.8)]


def _dots(known: Sequence[tuple[float, float, str]], x: Scale, y: Scale) -> list[Shape]:
    return [
        Shape(paths.dots([_place(load, value, x, y) for load, value, was in known if was == held]), colour, 9)
        for held, colour in _COLOURS.items()
        if any(was == held for _, _, was in known)
    ]


def _limit(rule: Threshold, y: Scale) -> list[Shape]:
    at = _HEIGHT * (1 - y.at(rule.value))
    return [Shape(f"M0 {paths.short(at)}H{paths.short(SPAN)}", "bad", 1.5, "7 4")]


def _name_of(rule: Threshold, y: Scale) -> Label:
    at = _HEIGHT * (1 - y.at(rule.value))
    text = f"{rule.op} {format_value(rule.value, rule.unit)}"
    return Label(text, 0.0, 1.0, at - 4 if at > 18 else at + 14, "bad", at_end=True)


def _place(load: float, value: float, x: Scale, y: Scale) -> tuple[float, float]:
    return SPAN * x.at(load), _HEIGHT * (1 - y.at(value))
