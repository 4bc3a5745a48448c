"""Metrics side by side, each from its lowest to its highest value with its percentiles as dots: connecting, delivery."""

from __future__ import annotations

from collections.abc import Sequence

from loadws.metrics.summary import MetricEntry, Summary
from loadws.report import deliveries, timings
from loadws.report.charts.chart import Chart, Key, Value, digits
from loadws.report.plain import plain
from loadws.report.svg import paths
from loadws.report.svg.plot import SPAN, Plot, Shape, gutter_for, spaced
from loadws.report.svg.scales import duration_label, linear_scale, log_scale

_FIELDS = ("p50", "p90", "p99", "max")
_ROW = 30  # pixels
_MOST_PROBES = 6
#: Colours of the parts of connecting, in their order.
_PARTS = ("kind6", "p50", "p90", "p99", "users", "kind2")


def connect_parts(summary: Summary) -> Chart | None:
    rows = [(what, timings.overall(summary, name)) for name, what in timings.CONNECT_METRICS]
    caption = "Only connections that opened. Refused and failed attempts have no time; they are counted in the ledger."
    return _ranges("connect", "Opening a connection", caption, rows)


def connect_means(summary: Summary) -> Chart | None:
    """Return the chart of the mean of each part of connecting, one behind the other: means, unlike percentiles, add up."""
    whole_name, *_ = (name for name, what in timings.CONNECT_METRICS if what == "whole")
    whole = timings.overall(summary, whole_name)
    parts = [
        (what, entry.mean * entry.count / whole.count / 1e6)
        for name, what in timings.CONNECT_METRICS
        if name != whole_name and whole and whole.count
        if (entry := timings.overall(summary, name)) and entry.count and entry.mean
    ]
    if len(parts) < 2:
        return None
    x = linear_scale([sum(ms for _, ms in parts)])
    shapes, at = [], 0.0
    for (_, ms), colour in zip(parts, _PARTS, strict=False):
        left, right = (paths.short(SPAN * x.at(end)) for end in (at, at + ms))
        shapes.append(Shape(f"M{left} {_ROW / 2:g}H{right}", colour, 16, is_scaled=True))
        at += ms
    ticks = spaced([(x.at(tick), duration_label(tick)) for tick in x.ticks])
    title = "Where the time to connect goes"
    plot = Plot(_ROW, x, duration_label, shapes, ticks, title=title, y_grid=False, y_texts=[(_ROW / 2, "mean")])
    keys = [Key(what, colour, "box") for (what, _), colour in zip(parts, _PARTS, strict=False)]
    columns: dict[str, list[Value]] = {"": [what for what, _ in parts], "mean (ms)": [digits(ms) for _, ms in parts]}
    caption = "The mean of each part over all connections that opened; the parts follow one another."
    return Chart("connect-means", title, caption, plot, keys, columns)


def delivery_spreads(summary: Summary) -> Chart | None:
    """Return the chart of when the first, the median and the last receiver had a probe, for each probe."""
    probes = list(dict.fromkeys(e.labels["probe"] for e in summary.metrics if "probe" in e.labels))[:_MOST_PROBES]
    rows = [
        (
            f"{plain(probe, 20)} {word}" if len(probes) > 1 else word,
            next(iter(summary.entries(metric, probe=probe)), None),
        )
        for probe in probes
        for metric, word in deliveries.SPREADS
    ]
    caption = "From the publish to the first, the median and the last receiver, over all publications of a probe."
    return _ranges("delivery", "Fan-out: when receivers had it", caption, rows)


def _ranges(name: str, title: str, caption: str, rows: Sequence[tuple[str, MetricEntry | None]]) -> Chart | None:
    found = {
        what: {field: ms for field in _FIELDS if (ms := (getattr(entry, field) or 0.0) / 1e6) > 0}
        for what, entry in rows
        if entry and entry.count
    }
    found = {what: values for what, values in found.items() if values}
    if not found:
        return None
    x = log_scale(ms for values in found.values() for ms in values.values())
    middles = {what: _ROW * number + _ROW / 2 for number, what in enumerate(found)}
    spans = "".join(
        f"M{paths.short(SPAN * x.at(min(ends)))} {middles[what]:g}H{paths.short(SPAN * x.at(max(ends)))}"
        for what, ends in ((what, values.values()) for what, values in found.items())
    )
    shapes = [Shape(spans, "track", 7)]
    for field in _FIELDS:
        points = [(SPAN * x.at(values[field]), middles[what]) for what, values in found.items() if field in values]
        if points:
            shapes.append(Shape(paths.dots(points), field, 10))
    ticks = spaced([(x.at(tick), duration_label(tick)) for tick in x.ticks])
    texts = [(middle, what) for what, middle in middles.items()]
    plot = Plot(_ROW * len(found), x, duration_label, shapes, ticks, title=title, y_grid=False, y_texts=texts,
                gutter=gutter_for(found))  # fmt: skip
    keys = [Key(field, field, "box") for field in _FIELDS if any(field in values for values in found.values())]
    columns: dict[str, list[Value]] = {
        "": list(found),
        **{f"{f} (ms)": [_or_none(v.get(f)) for v in found.values()] for f in _FIELDS},
    }
    return Chart(name, title, caption, plot, keys, columns)


def _or_none(value: float | None) -> float | None:
    return None if value is None else digits(value)
