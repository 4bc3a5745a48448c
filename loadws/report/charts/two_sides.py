"""Two sides of a comparison on the same axes: percentiles, times and rates over time, and each run's value.

Where a side has several runs, the line over time is the median of the runs at that moment, and the band reaches from the
least to the highest of them: the noise between runs is seen beside the difference.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence

import msgspec

from loadws.metrics.histograms.histogram import LatencyHistogram
from loadws.metrics.summary import Summary
from loadws.report import timings
from loadws.report.charts.chart import Chart, Key, Value, all_digits
from loadws.report.charts.spectrum import HEIGHT, columns_of, curve, odds_scale, odds_ticks, points_of
from loadws.report.charts.timeaxis import TimeAxis, column, until_s
from loadws.report.svg import paths
from loadws.report.svg.plot import SPAN, Plot, Shape
from loadws.report.svg.scales import Scale, duration_label, linear_scale, log_scale, number_label
from loadws.terms.percentiles import percentile_name

_TIME_HEIGHT, _RATE_HEIGHT = 180, 130
#: Of each side: its colour, and its line's dashes.
LOOKS = (("users", "5 3"), ("p90", ""))
_RATES = (
    ("messages_sent", "Messages sent per second"),
    ("messages_received", "Messages received per second"),
    ("errors", "Errors per second"),
)
_ALIKE = 0.02
Cells = list[list[float]]  # the values of all runs of a side, for each interval


class SideRuns(msgspec.Struct, frozen=True):
    """The runs of one side, and its name on the charts."""

    name: str
    runs: Sequence[Summary]


Sides = tuple[SideRuns, SideRuns]


def charts_of_sides(sides: Sides) -> list[Chart]:
    """Return every chart that the runs have data for."""
    return list(_charts(sides))


def _charts(sides: Sides) -> Iterator[Chart]:
    if (percentiles := sides_spectrum(sides)) is not None:
        yield percentiles
    if not all(any(run.series.start_s for run in side.runs) for side in sides):
        return
    upper = next((field for field in ("p99", "p90") if _has(sides, "response_time", field)), "max")
    for field in ("p50", upper):
        name = percentile_name(field)
        title = f"Response time over time: {name}"
        if (chart := _over_time(sides, f"time-{field}", title, "response_time", field)) is not None:
            yield chart
    shown: list[Chart] = []
    for metric, title in _RATES:
        chart = _over_time(sides, metric.replace("_", "-"), title, metric, "rate")
        if chart is not None and not any(_is_alike(chart, other) for other in shown):
            shown.append(chart)
            yield chart


def sides_spectrum(sides: Sides) -> Chart | None:
    """Return the chart of the percentiles of both sides, each from the histograms of all of its runs together."""
    curves = {side.name: points for side in sides if (points := points_of(_merged(side)))}
    if len(curves) < len(sides):
        return None
    every = [point for points in curves.values() for point in points]
    x, y = odds_scale(every), log_scale([v for _, *values in every for v in values if v is not None])
    shapes = [
        shape for points, look in zip(curves.values(), LOOKS, strict=True) for shape in curve(points, *look, x, y)
    ]
    title = "Response time: percentiles of both sides"
    plot = Plot(HEIGHT, y, duration_label, shapes, odds_ticks(x), title=title)
    caption = (
        "All runs of a side together. Each step to the right looks at a rarer message; the band is the 95% interval of each "
        "percentile within these runs, and says nothing of the noise between runs."
    )
    return Chart("spectrum", title, caption, plot, _keys(sides), columns_of("side", curves))


def _merged(side: SideRuns) -> LatencyHistogram:
    """Return the response times of all runs of a side."""
    whole = LatencyHistogram()
    for run in side.runs:
        entry = timings.overall(run, "response_time")
        if entry and (entry.histogram or entry.missing):
            whole.add(LatencyHistogram.of_entry(entry))
    return whole


def _has(sides: Sides, metric: str, aggregate: str) -> bool:
    return all(any(_values(run, metric, aggregate) for run in side.runs) for side in sides)


def _values(run: Summary, metric: str, aggregate: str) -> tuple[float | None, ...]:
    """Return a column of a run; empty where it holds nothing."""
    found = column(run.series, metric, aggregate)
    return found.values if found and any(found.values) else ()


def _over_time(sides: Sides, name: str, title: str, metric: str, aggregate: str) -> Chart | None:
    longest = max((run for side in sides for run in side.runs), key=until_s)
    axis = TimeAxis(longest)
    is_time = aggregate != "rate"
    gathered = [_gathered(side, axis, metric, aggregate, 1e6 if is_time else 1.0) for side in sides]
    every = [value for cells in gathered for cell in cells for value in cell]
    if not any(every):
        return None
    y = log_scale(value for value in every if value) if is_time else linear_scale(every)
    height = _TIME_HEIGHT if is_time else _RATE_HEIGHT
    shapes, names = axis.phases(height)
    for cells, look in zip(gathered, LOOKS, strict=True):
        shapes += _lines(axis, cells, look, y, height)
    plot = Plot(height, y, duration_label if is_time else number_label, shapes, axis.ticks(), names, title, True)
    unit = " (ms)" if is_time else ""
    columns = {"t": axis.starts}
    for side, cells in zip(sides, gathered, strict=True):
        columns[f"{side.name}{unit}"] = all_digits([_middle(cell) for cell in cells])
    return Chart(name, title, _caption(sides), plot, _keys(sides), columns)


def _gathered(side: SideRuns, axis: TimeAxis, metric: str, aggregate: str, factor: float) -> Cells:
    """Return the values of all runs of a side by the axis' intervals, divided by ``factor``."""
    interval_s, count = axis.series.interval_s, len(axis.series.start_s)
    cells: Cells = [[] for _ in range(count)]
    for run in side.runs:
        for start_s, value in zip(run.series.start_s, _values(run, metric, aggregate), strict=False):
            at = int((start_s + 1e-6) / interval_s)
            if value is not None and at < count:
                cells[at].append(value / factor)
    return cells


def _lines(axis: TimeAxis, cells: Cells, look: tuple[str, str], y: Scale, height: int) -> list[Shape]:
    def placed(values: Sequence[float | None]) -> list[tuple[float, float | None]]:
        is_shown = [value is not None and (value > 0 or not y.is_log) for value in values]
        return [
            (x, height * (1 - y.at(value or 0.0)) if shown else None)
            for x, value, shown in zip(axis.middles(), values, is_shown, strict=True)
        ]

    colour, dash = look
    line = placed([_middle(cell) for cell in cells])
    least, most = (placed([of(cell) if len(cell) > 1 else None for cell in cells]) for of in (min, max))
    band = paths.band(least, most)
    shapes = [Shape(band, colour, opacity=0.16)] if band else []
    shapes.append(Shape(paths.line(line), colour, 2, dash))
    return [*shapes, Shape(paths.dots(line), colour, 5)] if axis.is_sparse else shapes


def _middle(cell: list[float]) -> float | None:
    return statistics.median(cell) if cell else None


def _caption(sides: Sides) -> str:
    if all(len(side.runs) == 1 for side in sides):
        return ""
    return "The line is the median of a side's runs, the band reaches from the least to the highest of them."


def _keys(sides: Sides) -> list[Key]:
    return [
        Key(side.name, colour, "dash" if dash else "line") for side, (colour, dash) in zip(sides, LOOKS, strict=True)
    ]


def _is_alike(one: Chart, other: Chart) -> bool:
    """Return whether two charts show nearly the same rates."""
    (_, *ours), (_, *theirs) = one.columns.values(), other.columns.values()
    return all(_near(a, b) for mine, yours in zip(ours, theirs, strict=True) for a, b in zip(mine, yours, strict=True))


def _near(a: Value, b: Value) -> bool:
    if not isinstance(a, int | float) or not isinstance(b, int | float):
        return a == b
    return abs(a - b) <= _ALIKE * max(abs(a), abs(b))


def each_run(
    name: str, title: str, sides: Sides, values: tuple[Sequence[float | None], ...], is_time: bool
) -> Chart | None:
    """Return the chart of one value of each run in order; None where a side has but one. Times are in ms."""
    known = [value for of_side in values for value in of_side if value is not None]
    if max(map(len, values)) < 2 or not any(known):
        return None
    y = log_scale(value for value in known if value > 0) if is_time else linear_scale(known)
    count = max(map(len, values))
    shapes: list[Shape] = []
    for of_side, (colour, dash), shift in zip(values, LOOKS, (-0.12, 0.12), strict=True):
        points = [
            (SPAN * (at + 0.5 + shift) / count, None if value is None else _RATE_HEIGHT * (1 - y.at(value)))
            for at, value in enumerate(of_side)
        ]
        shapes += [Shape(paths.line(points), colour, 1.2, dash or "2 3", 0.7), Shape(paths.dots(points), colour, 8)]
    step = max(1, -(-count // 12))
    ticks = [((at + 0.5) / count, str(at + 1)) for at in range(0, count, step)]
    plot = Plot(_RATE_HEIGHT, y, duration_label if is_time else number_label, shapes, ticks, title=title)
    unit = " (ms)" if is_time else ""
    columns: dict[str, list[Value]] = {"number": [float(at + 1) for at in range(count)]}
    for side, of_side in zip(sides, values, strict=True):
        columns[f"{side.name}{unit}"] = all_digits([*of_side, *[None] * (count - len(of_side))])
    return Chart(name, title, "Each dot is one run, in their order.", plot, _keys(sides), columns)
