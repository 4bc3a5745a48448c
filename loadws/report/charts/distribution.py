"""How often each latency was measured, of one step: answers by response time, and by service time where that differs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from loadws.metrics.histograms.histogram import LatencyHistogram
from loadws.metrics.summary import MetricEntry, Summary
from loadws.report import timings
from loadws.report.charts.chart import Chart, Key, all_digits
from loadws.report.plain import plain
from loadws.report.svg import paths
from loadws.report.svg.plot import SPAN, Label, Plot, Shape, spaced
from loadws.report.svg.scales import Scale, duration_label, linear_scale, log_scale, share_of_whole_label
from loadws.terms.percentiles import percentile_name

_HEIGHT, _MOST_BARS = 120, 48
_MARKED = ("p50", "p99")
_COLOURS = {"response": "p90", "service": "p50"}
#: The share of the width that a mark's name needs.
_ROOM = 0.3


def step_distribution(summary: Summary, step: str, number: int) -> Chart | None:
    """Return the chart of one step's latencies; None where none was measured."""
    entries = {
        what: entry
        for name, what in timings.LATENCY_METRICS
        if (entry := timings.by_step(summary, name).get(step)) and entry.count and entry.histogram
    }
    if "response" not in entries:
        return None
    counted = {what: LatencyHistogram.of_entry(entry) for what, entry in entries.items()}
    known = [value / 1e6 for histogram in counted.values() for value, count in histogram.items() if count and value > 0]
    if not known:
        return None
    x = log_scale(known)
    edges = [SPAN * at / _MOST_BARS for at in range(_MOST_BARS + 1)]
    shares = {what: _shares(histogram, x) for what, histogram in counted.items()}
    y = linear_scale(share for each in shares.values() for share in each)
    marks, names = _marks(entries["response"], x)
    shapes = [*_bars(shares["response"], edges, y), *_outline(shares.get("service"), edges, y), *marks]
    title = f"{plain(step, 80)}: distribution"
    ticks = spaced([(x.at(tick), duration_label(tick)) for tick in x.ticks])
    plot = Plot(_HEIGHT, y, share_of_whole_label, shapes, ticks, names, title)
    keys = [Key(what, _COLOURS[what], "box" if what == "response" else "dash") for what in entries]
    return Chart(f"spread-{number}", title, _caption(entries["response"]), plot, keys, _columns(shares, x))


def _caption(entry: MetricEntry) -> str:
    missing = f" {entry.missing:,} without an answer are in none of them." if entry.missing else ""
    return f"Each bar is the share of the {entry.count:,} answers in a range of times.{missing}"


def _shares(histogram: LatencyHistogram, x: Scale) -> list[float]:
    """Return the share of the values in each of the bars."""
    counts = [0] * _MOST_BARS
    for value, count in histogram.items():
        counts[min(_MOST_BARS - 1, math.floor(x.at(value / 1e6) * _MOST_BARS))] += count
    whole = sum(counts) or 1
    return [count / whole for count in counts]


def _bars(shares: Sequence[float], edges: Sequence[float], y: Scale) -> list[Shape]:
    width = 0.92 * SPAN / _MOST_BARS
    tops = [_HEIGHT * (1 - y.at(share)) for share in shares]
    d = paths.bars(edges[:-1], width, [float(_HEIGHT)] * len(tops), tops)
    return [Shape(d, _COLOURS["response"], width, opacity=0.75, is_scaled=True)]


def _outline(shares: Sequence[float] | None, edges: Sequence[float], y: Scale) -> list[Shape]:
    """Return the service times as a line round their bars: what lies behind stays visible."""
    if not shares:
        return []
    sides = list(pairwise(edges))
    line = paths.steps(sides, [_HEIGHT * (1 - y.at(share)) for share in shares])
    return [Shape(line, _COLOURS["service"], 1.4, "4 3")]


def _marks(entry: MetricEntry, x: Scale) -> tuple[list[Shape], list[Label]]:
    """Return a line at each percentile that the samples carry, and its name above: where there is room, on its left for
    the first and on its right for the last.
    """
    shapes: list[Shape] = []
    names: list[Label] = []
    taken = 0.0  # up to where a name reaches
    for field in _MARKED:
        value = timings.judged_value(entry, field)
        if value is None or not 0 < value < math.inf:
            continue
        at = x.at(value / 1e6)
        shapes.append(Shape(f"M{paths.short(SPAN * at)} 0V{_HEIGHT}", "ink", 1.2, "2 3"))
        text = f"{percentile_name(field)} {timings.cell(entry, field)}"
        is_before = at - taken >= _ROOM and (field == _MARKED[0] or at > 1 - _ROOM)
        if is_before:
            names.append(Label(text, max(taken, at - 2 * _ROOM), at, -6, at_end=True))
        elif at <= 1 - _ROOM and at >= taken:
            names.append(Label(text, at, 1.0, -6))
        taken = at if is_before else at + _ROOM
    return shapes, names


def _columns(shares: dict[str, list[float]], x: Scale) -> dict[str, list[float | str | None]]:
    """Return the bars that hold something, as numbers."""
    held = [at for at in range(_MOST_BARS) if any(each[at] for each in shares.values())]
    limits = [x.low * (x.high / x.low) ** (at / _MOST_BARS) for at in range(_MOST_BARS + 1)]
    return {
        "from (ms)": all_digits([limits[at] for at in held]),
        "to (ms)": all_digits([limits[at + 1] for at in held]),
        **{f"share of {what}": all_digits([each[at] for at in held]) for what, each in shares.items()},
    }
