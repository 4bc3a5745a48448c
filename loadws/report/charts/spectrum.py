"""The percentile spectrum: latency over 1 / (1 - p), both logarithmic, with the band in which the true percentile lies."""

from __future__ import annotations

import math

from loadws.metrics.histograms.histogram import LatencyHistogram
from loadws.metrics.summary import Summary
from loadws.report import timings
from loadws.report.charts.chart import Chart, Key, all_digits
from loadws.report.svg import paths
from loadws.report.svg.plot import SPAN, Plot, Shape, spaced
from loadws.report.svg.scales import Scale, duration_label, log_scale
from loadws.terms.percentiles import interval_ranks, rank_of, supports

HEIGHT = 240
_TICKS = (1, 2, 4, 10, 20, 100, 1_000, 10_000, 100_000, 1_000_000)
_COLOURS = {"response": ("p90", ""), "service": ("p50", "5 4")}
#: With this many counts on either side, the interval's ranks are those of the normal distribution.
_NORMAL_FROM = 400.0
_Z = 1.959964
Point = tuple[float, float, float | None, float | None]  # percentile, its value, lower and upper end in ms


def spectrum(summary: Summary) -> Chart | None:
    """Return the chart of the spectrum of response and service time over all steps."""
    curves = {what: points for name, what in timings.LATENCY_METRICS if (points := _points(summary, name))}
    if not curves:
        return None
    x_scale = odds_scale([point for points in curves.values() for point in points])
    y = log_scale([v for points in curves.values() for _, *values in points for v in values if v is not None])
    shapes: list[Shape] = []
    for what, points in curves.items():
        shapes += curve(points, *_COLOURS[what], x_scale, y)
    title = "Percentiles of response and service time"
    plot = Plot(HEIGHT, y, duration_label, shapes, odds_ticks(x_scale), title=title)
    keys = [Key(what, _COLOURS[what][0], "dash" if _COLOURS[what][1] else "line") for what in curves]
    caption = (
        "Each step to the right looks at a rarer message. The curves end where fewer than ten samples lie beyond; the band "
        "is the 95% interval of each percentile, for independent samples. Requests without an answer rank above all others."
    )
    return Chart("spectrum", "Percentiles", caption, plot, keys, columns_of("time", curves))


def _points(summary: Summary, name: str) -> list[Point]:
    entry = timings.overall(summary, name)
    if not entry or not entry.count or not entry.histogram:
        return []
    return points_of(LatencyHistogram.of_entry(entry))


def points_of(histogram: LatencyHistogram) -> list[Point]:
    """Return the curve as far as the samples are enough: n(1 - p) >= 10, and below the requests without an answer."""
    whole = histogram.count + histogram.missing
    ticks = [percentile for percentile, _ in histogram.curve() if percentile > 0 and supports(whole, percentile)]
    return [point for percentile in ticks if (point := _point(histogram, percentile)) is not None]


def _point(histogram: LatencyHistogram, percentile: float) -> Point | None:
    whole = histogram.count + histogram.missing
    value = histogram.value_at_rank(rank_of(percentile, whole))
    if not 0 < value < math.inf:
        return None
    low, high = _ranks(whole, percentile)
    ends = [None if rank is None else histogram.value_at_rank(rank) for rank in (low, high)]
    lower, upper = (None if end is None or not 0 < end < math.inf else end / 1e6 for end in ends)
    return percentile, value / 1e6, lower, upper


def _ranks(count: int, percentile: float) -> tuple[int | None, int | None]:
    share = percentile / 100
    spread = math.sqrt(count * share * (1 - share))
    if spread**2 < _NORMAL_FROM:
        return interval_ranks(count, percentile)
    middle = count * share
    return max(1, math.floor(middle - _Z * spread)), min(count, math.ceil(middle + _Z * spread) + 1)


def odds_scale(points: list[Point]) -> Scale:
    """Return the logarithmic axis of 1 / (1 - p) that has room for all points."""
    highest = max(100 / (100 - percentile) for percentile, *_ in points)
    return Scale(1.0, max(highest, 2.0), True, ())


def odds_ticks(x: Scale) -> list[tuple[float, str]]:
    """Return the percentiles that the axis has labels for."""
    return spaced([(x.at(tick), _percentile_label(tick)) for tick in _TICKS if tick <= x.high])


def curve(points: list[Point], colour: str, dash: str, x: Scale, y: Scale) -> list[Shape]:
    """Return a curve with its band."""

    def placed(at: int) -> list[tuple[float, float | None]]:
        return [
            (SPAN * x.at(100 / (100 - point[0])), None if point[at] is None else HEIGHT * (1 - y.at(point[at] or 0.0)))
            for point in points
        ]

    line = placed(1)
    band = paths.band(placed(2), placed(3))
    shapes = [Shape(band, colour, opacity=0.16)] if band else []
    return [*shapes, Shape(paths.line(line), colour, 2, dash), Shape(paths.dots(line), colour, 4)]


def _percentile_label(odds: float) -> str:
    return f"p{100 - 100 / odds:.7g}"


def columns_of(which: str, curves: dict[str, list[Point]]) -> dict[str, list[float | str | None]]:
    """Return the points of all curves as numbers. ``which`` names the column that tells the curves apart."""
    every = [(what, *point) for what, points in curves.items() for point in points]
    return {
        which: [what for what, *_ in every],
        "percentile": [round(point[1], 5) for point in every],
        "value (ms)": all_digits([point[2] for point in every]),
        "lower (ms)": all_digits([point[3] for point in every]),
        "upper (ms)": all_digits([point[4] for point in every]),
    }
