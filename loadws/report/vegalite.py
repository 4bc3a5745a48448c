"""The pieces that every chart is made of, in Vega-Lite's words: size, look, axes, lines, the ruler.

They know nothing of a run.

Every colour is written ``var(--name, #rrggbb)``: as a presentation attribute of an SVG element it follows the page's light
or dark palette where styles are allowed, and is the light palette's colour where they are blocked.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

Spec = dict[str, Any]

LIGHT = {
    "ink": "#1b2433",
    "muted": "#5b6678",
    "grid": "#e3e7ee",
    "shade": "#eef1f6",
    "p50": "#0c9a84",
    "p90": "#2a72d8",
    "p99": "#7a3dd0",
    "max": "#9aa4b5",
    "sent": "#2a72d8",
    "received": "#0c9a84",
    "users": "#c77a0a",
    "errors": "#cc2f3c",
}
DARK = {
    "ink": "#e8ecf3",
    "muted": "#a0abbd",
    "grid": "#2a3342",
    "shade": "#1e2735",
    "p50": "#3cc9b1",
    "p90": "#6aa6ff",
    "p99": "#b78bff",
    "max": "#76829a",
    "sent": "#6aa6ff",
    "received": "#3cc9b1",
    "users": "#f0ae4a",
    "errors": "#ff7a80",
}
WIDTH, HEIGHT = 560, 210
_MOST_TICKS = 8
_DURATION_LABEL = (
    "datum.value >= 1000 ? format(datum.value / 1000, '~g') + ' s' : "
    "datum.value >= 1 ? format(datum.value, '~g') + ' ms' : format(datum.value * 1000, '~g') + ' µs'"
)
_SECONDS_LABEL = "format(datum.value, '~g') + ' s'"
_CLOCK_LABEL = "floor(datum.value / 60) + ':' + format(datum.value % 60, '02d')"
_CLOCK_FROM_S = 120


def colour(name: str) -> str:
    return f"var(--{name}, {LIGHT[name]})"


def frame(*layers: Spec, height: int = HEIGHT, above: int = 4) -> Spec:
    """A chart of layers, with what every chart shares; its points come from the data set ``points``.

    ``above`` is the room over it in pixels.
    """
    text = {"labelColor": colour("muted"), "titleColor": colour("muted"), "labelFontSize": 12, "titleFontSize": 12}
    lines = {"gridColor": colour("grid"), "domainColor": colour("grid"), "tickColor": colour("grid")}
    return {
        "width": WIDTH,
        "height": height,
        "background": None,
        "padding": {"left": 4, "right": 8, "top": above, "bottom": 4},
        "autosize": {"type": "pad"},
        "data": {"name": "points"},
        "layer": list(layers),
        "config": {
            "font": "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif",
            "view": {"stroke": None},
            "axis": {**text, **lines, "titleFontWeight": "normal", "labelPadding": 5},
            "legend": {**text, "labelColor": colour("ink"), "symbolSize": 160, "columnPadding": 14},
            "aria": False,
        },
    }


def lines(names: list[str], x: Spec, legend: Spec, dots: bool) -> Spec:
    """A line for each column of ``names``, folded into ``line`` and ``value``; ``dots`` where there are few points."""
    return {
        "transform": [{"fold": names, "as": ["line", "value"]}, {"filter": "isValid(datum.value)"}],
        "params": [
            zoom(),
            {"name": "shown", "select": {"type": "point", "fields": [legend["field"]]}, "bind": "legend"},
        ],
        "mark": {"type": "line", "strokeWidth": 1.8, "strokeJoin": "round", "clip": True, "point": dots},
        "encoding": {
            "x": x,
            "y": {"field": "value", "type": "quantitative", "axis": {"title": None, "tickCount": 5}},
            "color": legend,
            "opacity": {"condition": {"param": "shown", "value": 1}, "value": 0.1},
        },
    }


def ruler(names: list[str], x: Spec, unit: str = "") -> Spec:
    """A line that follows the pointer and tells every column's value at that moment."""
    at = {"type": "point", "on": "pointerover", "nearest": True, "encodings": ["x"], "clear": "pointerout"}
    values = [{"field": name, "title": name + unit, "format": ",.4~r"} for name in names]
    return {
        "mark": {"type": "rule", "color": colour("muted"), "strokeWidth": 1},
        "params": [{"name": "at", "select": at}],
        "encoding": {
            "x": x,
            "opacity": {"condition": {"param": "at", "empty": False, "value": 0.6}, "value": 0},
            "tooltip": [{"field": "t", "title": "second", "format": "~r"}, *values],
        },
    }


def phase_marks(phases: list[Spec], length_s: float) -> list[Spec]:
    """Warm-up shaded, each phase's beginning marked and named, the name cut to its phase's width.

    ``phases`` have ``name``, ``t``, ``end`` and ``warmup``; ``length_s`` is what the whole chart spans.
    """
    x = {"field": "t", "type": "quantitative"}
    name = {
        "type": "text",
        "align": "left",
        "baseline": "bottom",
        "dx": 2,
        "clip": False,
        "fontSize": 11,
        "color": colour("muted"),
        "limit": {"expr": f"max(1, (datum.end - datum.t) * width / {length_s} - 5)"},
    }
    return [
        {
            "data": {"values": [phase for phase in phases if phase["warmup"]]},
            "mark": {"type": "rect", "color": colour("shade"), "clip": True},
            "encoding": {"x": x, "x2": {"field": "end"}},
        },
        {
            "data": {"values": phases},
            "mark": {"type": "rule", "color": colour("muted"), "strokeDash": [2, 3], "opacity": 0.7, "clip": True},
            "encoding": {"x": x},
        },
        {
            "data": {"values": phases},
            "mark": name,
            "encoding": {"x": x, "y": {"value": -2}, "text": {"field": "name"}},
        },
    ]


def time_axis(until_s: float) -> Spec:
    """Seconds since the run's start, as minutes and seconds where the run is longer than two minutes."""
    label = _CLOCK_LABEL if until_s > _CLOCK_FROM_S else _SECONDS_LABEL
    axis = {"title": None, "labelExpr": label, "grid": False, "tickCount": 6, "tickMinStep": 1}
    return {"field": "t", "type": "quantitative", "scale": {"nice": False}, "axis": axis}


def duration_axis(field: str, milliseconds: Iterable[float]) -> Spec:
    """Durations on a logarithmic scale that spans ``milliseconds``, labelled in the unit that suits each."""
    low, high = _span(milliseconds)
    axis = {"title": None, "labelExpr": _DURATION_LABEL, "values": log_ticks(low, high), "labelOverlap": "greedy"}
    scale = {"type": "log", "domain": [low, high], "nice": False}
    return {"field": field, "type": "quantitative", "scale": scale, "axis": axis}


def log_ticks(low: float, high: float) -> list[float]:
    """Of 1, 2, 5; 1, 3; or 1 in each decade (then each second decade, and so on) the most that are not too many."""
    for leading, every in (((1, 2, 5), 1), ((1, 3), 1), *(((1,), step) for step in range(1, 9))):
        ticks = [tick for tick in _each_decade(leading, every, low, high) if low <= tick <= high]
        if len(ticks) <= _MOST_TICKS:
            return ticks
    return [low, high]


def _each_decade(leading: tuple[int, ...], every: int, low: float, high: float) -> Iterator[float]:
    for decade in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1, every):
        yield from (float(f"{digit}e{decade}") for digit in leading)


def _span(milliseconds: Iterable[float]) -> tuple[float, float]:
    """From the lowest to the highest, widened to at least a factor of three and to a tick of its first digit."""
    values = list(milliseconds)
    low, high = min(values), max(values)
    middle = math.sqrt(low * high)
    return _one_digit(min(low, middle / 2), math.floor), _one_digit(max(high, middle * 2), math.ceil)


def _one_digit(value: float, to: Any) -> float:
    decade = math.floor(math.log10(value))
    return float(f"{to(round(value / 10.0**decade, 9))}e{decade}")


def legend(field: str, names: dict[str, str], above: int = 6) -> Spec:
    """A colour for each value of ``field``; ``above`` is the legend's distance to the chart, in pixels."""
    scale = {"domain": list(names), "range": [colour(name) for name in names.values()]}
    return {"field": field, "scale": scale, "legend": {"title": None, "orient": "top", "offset": above}}


def dashes(above: int = 6) -> Spec:
    """Response time drawn through, service time dashed."""
    scale = {"domain": ["response", "service"], "range": [[1, 0], [4, 3]]}
    shown = {"title": None, "orient": "top", "symbolStrokeColor": colour("muted"), "offset": above}
    return {"field": "time", "scale": scale, "legend": shown}


def zoom() -> Spec:
    """The mouse wheel and dragging change what of the x axis is seen."""
    return {"name": "zoom", "select": {"type": "interval", "encodings": ["x"]}, "bind": "scales"}
