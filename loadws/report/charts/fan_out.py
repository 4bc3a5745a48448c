"""Fan-out over time: when the first, the median and the last receiver had a publication, and deliveries that went wrong."""

from __future__ import annotations

from collections.abc import Iterator

from loadws.metrics.summary import Summary
from loadws.report.charts.chart import Chart, Key, all_digits
from loadws.report.charts.levels import stacked
from loadws.report.charts.timeaxis import TimeAxis, column, milliseconds, per_second
from loadws.report.plain import plain
from loadws.report.svg import paths
from loadws.report.svg.plot import Plot, Shape
from loadws.report.svg.scales import duration_label, log_scale

_HEIGHT = 180
_LINES = (
    ("first receiver", "delivery_first", "p50", "p50", ""),
    ("median receiver", "delivery_median", "p50", "p90", ""),
    ("last receiver", "delivery_last", "p50", "p99", ""),
    ("slowest of all", "delivery_last", "max", "max", "4 3"),
)
_WRONG = (
    ("out of order", "deliveries_out_of_order"),
    ("duplicate", "deliveries_duplicate"),
    ("late", "deliveries_late"),
)


def fan_out_charts(summary: Summary) -> Iterator[Chart]:
    """Yield the spread of each probe over time, then the deliveries that went wrong."""
    probes = list(dict.fromkeys(c.labels["probe"] for c in summary.series.columns if "probe" in c.labels))
    for number, probe in enumerate(probes):
        if (chart := _spread(summary, probe, number)) is not None:
            yield chart
    if (wrong := _wrong(summary, probes)) is not None:
        yield wrong


def _spread(summary: Summary, probe: str, number: int) -> Chart | None:
    axis = TimeAxis(summary)
    found = []
    for name, metric, aggregate, colour, dash in _LINES:
        values = column(summary.series, metric, aggregate, {"probe": probe})
        if values and any(values.values):
            found.append((name, colour, dash, milliseconds(values.values)))
    if not found:
        return None
    y = log_scale(value for *_, line in found for value in line if value is not None)
    shapes, names = axis.phases(_HEIGHT)
    for _, colour, dash, line in found:
        points = [
            (x, None if v is None else _HEIGHT * (1 - y.at(v))) for x, v in zip(axis.middles(), line, strict=True)
        ]
        shapes.append(Shape(paths.line(points), colour, 1.8, dash))
        if axis.is_sparse and not dash:
            shapes.append(Shape(paths.dots(points), colour, 5))
    title = f"{plain(probe, 60)}: fan-out over time"
    plot = Plot(_HEIGHT, y, duration_label, shapes, axis.ticks(), names, title, is_over_time=True)
    keys = [Key(name, colour, "dash" if dash else "line") for name, colour, dash, _ in found]
    columns = {"t": axis.starts, **{f"{name} (ms)": all_digits(line) for name, _, _, line in found}}
    caption = (
        "How long the first, the median and the last receiver of the median publication waited, by when it was made."
    )
    return Chart(f"fan-out-{number}", title, caption, plot, keys, columns)


def _wrong(summary: Summary, probes: list[str]) -> Chart | None:
    """Return the chart of deliveries that are missing, by the time of the publish, and of those that came wrong."""
    axis = TimeAxis(summary)
    kinds = {}
    missing = [column(summary.series, "deliveries_missing", "rate", {"probe": probe}) for probe in probes]
    if known := [each.values for each in missing if each]:
        kinds["missing"] = [sum(value or 0.0 for value in values) for values in zip(*known, strict=True)]
    kinds |= {word: [value or 0.0 for value in per_second(summary.series, metric)] for word, metric in _WRONG}
    caption = "Missing are counted when they were published, the others when they came."
    return stacked(axis, "undelivered", "Deliveries that went wrong, per second", caption, kinds)
