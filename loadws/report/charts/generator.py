"""The generator's own lag and CPU over time, below the latency on the same axis: they show whether loadws caused a
latency.
"""

from __future__ import annotations

from loadws.metrics.summary import Summary
from loadws.report.charts.chart import Chart, Key, all_digits
from loadws.report.charts.timeaxis import TimeAxis, column, milliseconds
from loadws.report.svg import paths
from loadws.report.svg.plot import Plot, Shape
from loadws.report.svg.scales import duration_label, log_scale, share_label, share_scale

_LAG_HEIGHT, _CPU_HEIGHT = 90, 54
_LINES = (
    ("send lag max", "send_lag", "max", "p99", ""),
    ("send lag p99", "send_lag", "p99", "p90", ""),
    ("loop lag max", "loop_lag", "max", "max", "4 3"),
)


def generator_lag(summary: Summary) -> Chart | None:
    axis = TimeAxis(summary)
    found = [
        (name, colour, dash, milliseconds(values.values))
        for name, metric, aggregate, colour, dash in _LINES
        if (values := column(summary.series, metric, aggregate)) and any(values.values)
    ]
    if not found:
        return None
    y = log_scale(value for *_, line in found for value in line if value is not None)
    shapes, names = axis.phases(_LAG_HEIGHT)
    for _, colour, dash, line in found:
        points = [
            (x, None if v is None else _LAG_HEIGHT * (1 - y.at(v))) for x, v in zip(axis.middles(), line, strict=True)
        ]
        shapes.append(Shape(paths.line(points), colour, 1.6, dash))
        if axis.is_sparse and not dash:
            shapes.append(Shape(paths.dots(points), colour, 4))
    plot = Plot(_LAG_HEIGHT, y, duration_label, shapes, axis.ticks(), names, "Lag of the generator", is_over_time=True)
    keys = [Key(name, colour, "dash" if dash else "line") for name, colour, dash, _ in found]
    columns = {"t": axis.starts, **{f"{name} (ms)": all_digits(line) for name, _, _, line in found}}
    caption = (
        "How late loadws sent what was due (send lag), and how late its event loop ran. Compare with the latency above."
    )
    return Chart("lag", "Lag of the generator itself", caption, plot, keys, columns)


def generator_cpu(summary: Summary) -> Chart | None:
    axis = TimeAxis(summary)
    found = column(summary.series, "cpu_share", "max")
    if not found or not any(found.values):
        return None
    y = share_scale()
    shapes, names = axis.phases(_CPU_HEIGHT)
    heights = [
        _CPU_HEIGHT * (1 - y.at(value)) if value is not None and is_long else None
        for value, is_long in zip(found.values, axis.is_long_enough(), strict=True)
    ]
    shapes.append(Shape(paths.steps(axis.edges(), heights), "users", 1.8))
    title = "CPU of the generator's busiest process"
    plot = Plot(_CPU_HEIGHT, y, share_label, shapes, axis.ticks(), names, title, is_over_time=True)
    columns = {"t": axis.starts, "share of a core": all_digits(found.values)}
    caption = "The share of a core that loadws used. Above 90% it begins to measure itself."
    return Chart("cpu", title, caption, plot, [], columns)
