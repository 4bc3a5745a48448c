"""Summary -> Vega-Lite specifications: one a chart, from which the static SVG and the interactive view are both made.

A chart's points stand apart from its specification, in columns, because that is a third of their size as rows. Times are in
milliseconds, rounded to four digits: enough for any screen. No text of a server or a scenario is ever the name of a field
or part of an expression; such texts are only values.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from loadws.metrics.histograms.histogram import LatencyHistogram
from loadws.metrics.summary import Column, Series, Summary
from loadws.report import timings, vegalite
from loadws.report.plain import plain
from loadws.report.vegalite import Spec, colour
from loadws.terms.percentiles import supports

Value = float | str | None

_FEW_POINTS = 60
_LOW = 130  # pixels, of a chart that is no headline
_PERCENTILES = ("p50", "p90", "p99", "max")
_HEADROOM = 1.06  # of the highest value, so that its dot is whole
_ABOVE_NAMES = 20  # pixels between a legend and the chart where phases are named


@dataclass(frozen=True, slots=True)
class Chart:
    """``spec`` reads its points from the data set ``points``; ``columns`` are those points, all of one length.

    ``ruler`` is a layer that only the interactive view has: it would be one unseen line a point in the static one.
    """

    name: str
    title: str
    caption: str
    spec: Spec
    columns: dict[str, list[Value]]
    ruler: Spec | None = None

    def static_spec(self) -> Spec:
        """The specification with its points in it, as the static renderer wants it."""
        points = [dict(zip(self.columns, row, strict=True)) for row in zip(*self.columns.values(), strict=True)]
        return {**self.spec, "datasets": {"points": points}}

    def live_spec(self) -> Spec:
        """The specification as wide as its place on the page; its points are put in there."""
        layers = [*self.spec["layer"], self.ruler] if self.ruler else self.spec["layer"]
        return {
            **self.spec,
            "width": "container",
            "autosize": {"type": "fit-x", "contains": "padding"},
            "layer": layers,
        }


def charts(summary: Summary) -> list[Chart]:
    """Every chart that this run has data for, in the order of the report."""
    makers = (
        latency_over_time,
        latency_curve,
        messages_over_time,
        users_over_time,
        losses_over_time,
        connect_parts,
        errors_over_time,
        generator_cpu,
        generator_lag,
        dropped_over_time,
    )
    return [chart for chart in (make(summary) for make in makers) if chart]


# --- the charts ----------------------------------------------------------------------------------------------------------


def latency_over_time(summary: Summary) -> Chart | None:
    """Response time's percentiles drawn through, service time's dashed beside them."""
    columns = _measured(
        summary.series,
        {
            f"{what} {aggregate}": (name, aggregate)
            for name, what in timings.LATENCY_METRICS
            for aggregate in (_PERCENTILES if what == "response" else ("p50", "p99"))
        },
    )
    if not columns:
        return None
    above = _legend_offset(summary)
    shown = [p for p in _PERCENTILES if any(line.endswith(f" {p}") for line in columns)]
    legend = vegalite.legend("percentile", {p: p for p in shown}, above)
    x = vegalite.time_axis(_until_s(summary))
    layer = vegalite.lines(list(columns), x, legend, _few(summary))
    layer["transform"] += [
        {"calculate": "split(datum.line, ' ')[0]", "as": "time"},
        {"calculate": "split(datum.line, ' ')[1]", "as": "percentile"},
    ]
    layer["encoding"]["strokeDash"] = vegalite.dashes(above)
    layer["encoding"]["y"] = vegalite.duration_axis("value", _values(columns))
    spec = vegalite.frame(*_phases(summary), layer)
    points: dict[str, list[Value]] = {"t": _starts(summary.series)}
    points.update((name, list(values)) for name, values in columns.items())
    caption = timings.gap_sentence(summary)
    return Chart("latency", "Latency over time", caption, spec, points, vegalite.ruler(list(columns), x, " ms"))


def latency_curve(summary: Summary) -> Chart | None:
    """How slow the slowest were: latency over 1 / (1 − p), both logarithmic."""
    points = [(what, *point) for name, what in timings.LATENCY_METRICS for point in _carried_curve(summary, name)]
    if not points:
        return None
    odds = [100 / (100 - percentile) for _, percentile, _ in points]
    curves: Spec = {
        "mark": {"type": "line", "interpolate": "monotone", "strokeWidth": 2, "clip": True},
        "encoding": {
            "x": _odds_axis(max(odds)),
            "y": vegalite.duration_axis("ms", [value_ns / 1e6 for _, _, value_ns in points]),
            "color": vegalite.legend("time", {"response": "p90", "service": "p50"}),
            "strokeDash": {**vegalite.dashes(), "legend": None},
            "tooltip": [
                {"field": "time"},
                {"field": "percentile", "title": "percentile", "format": ".6~r"},
                {"field": "ms", "title": "ms", "format": ",.4~r"},
            ],
        },
    }
    columns: dict[str, list[Value]] = {
        "time": [what for what, _, _ in points],
        "percentile": [round(percentile, 4) for _, percentile, _ in points],
        "odds": [_digits(value) for value in odds],
        "ms": [_digits(value_ns / 1e6) for _, _, value_ns in points],
    }
    caption = (
        "How slow the slowest were: each step to the right looks at a rarer message. The curves end where the samples end "
        "that could carry them (ten beyond each percentile). From the merged histograms of the judged time."
    )
    return Chart("curve", "Percentiles", caption, vegalite.frame(curves), columns)


def messages_over_time(summary: Summary) -> Chart | None:
    return _levels(
        summary,
        "messages",
        "Messages a second",
        "Sent is counted when the kernel took the last byte, received when the last byte was read.",
        {"sent": ("messages_sent", "sent"), "received": ("messages_received", "received")},
    )


def users_over_time(summary: Summary) -> Chart | None:
    lines = {"users": ("users", "users"), "open connections": ("open_connections", "sent")}
    caption = "Users without a connection are connecting, waiting before they try again, or done."
    if _has_losses(summary):
        lines["fewest open"] = ("open_connections.min", "errors")
        caption += (
            " Open at most and at the fewest in each point's time: a loss that is soon mended shows between the two."
        )
    return _levels(summary, "connections", "Open connections and users", caption, lines)


def losses_over_time(summary: Summary) -> Chart | None:
    """Connections that ended unasked, and those opened in their place: a storm, and how it passed."""
    if not _has_losses(summary):
        return None
    return _levels(
        summary,
        "losses",
        "Connections ended unasked and opened again, a second",
        timings.recovery_sentence(summary),
        {"ended unasked": ("disconnects", "errors"), "opened again": ("reconnects", "received")},
    )


def connect_parts(summary: Summary) -> Chart | None:
    """One line a part of connecting, from its lowest to its highest figure, with its percentiles as dots."""
    found = [
        (what, field, value / 1e6)
        for name, what in timings.CONNECT_METRICS
        if (entry := timings.overall(summary, name)) and entry.count
        for field in _PERCENTILES
        if (value := getattr(entry, field)) is not None and value > 0
    ]
    if not found:
        return None
    order = list(dict.fromkeys(what for what, _, _ in found))
    y = {"field": "part", "type": "nominal", "sort": order, "axis": {"title": None, "grid": False, "ticks": False}}
    x = vegalite.duration_axis("ms", [ms for _, _, ms in found])
    spans: Spec = {
        "mark": {"type": "rule", "color": colour("grid"), "strokeWidth": 6, "strokeCap": "round"},
        "encoding": {"y": y, "x": {**x, "aggregate": "min"}, "x2": {"field": "ms", "aggregate": "max"}},
    }
    dots: Spec = {
        "mark": {"type": "point", "filled": True, "size": 90, "opacity": 1},
        "encoding": {
            "y": y,
            "x": x,
            "color": vegalite.legend("percentile", {field: field for field in _PERCENTILES}),
            "tooltip": [{"field": "part"}, {"field": "percentile"}, {"field": "ms", "format": ",.4~r"}],
        },
    }
    columns: dict[str, list[Value]] = {
        "part": [what for what, _, _ in found],
        "percentile": [field for _, field, _ in found],
        "ms": [_digits(ms) for _, _, ms in found],
    }
    caption = "Only connections that opened: a refused or failed attempt is counted below and times nothing here."
    spec = vegalite.frame(spans, dots, height=34 * len(order))
    return Chart("connect", "Opening a connection", caption, spec, columns)


def errors_over_time(summary: Summary) -> Chart | None:
    caption = "Everything that went wrong, of every kind."
    return _bars(summary, "errors", "Errors a second", caption, "errors")


def dropped_over_time(summary: Summary) -> Chart | None:
    caption = "Arrivals that found as many users as max_users allows: they were not started, only counted."
    return _bars(summary, "dropped", "Arrivals dropped a second", caption, "arrivals_dropped")


def generator_cpu(summary: Summary) -> Chart | None:
    found = _column(summary.series, "cpu_share", "max")
    if not found or not any(found.values):
        return None
    line = "busiest process"
    x = vegalite.time_axis(_until_s(summary))
    layer = vegalite.lines([line], x, vegalite.legend("line", {line: "users"}, _legend_offset(summary)), _few(summary))
    scale, axis = {"domain": [0, 1], "nice": False}, {"title": None, "tickCount": 5, "format": "%"}
    layer["encoding"]["y"] = {"field": "value", "type": "quantitative", "scale": scale, "axis": axis}
    points: dict[str, list[Value]] = {"t": _starts(summary.series), line: _rounded(found.values)}
    caption = "The share of a core that loadws itself used. Near 100 % it begins to measure itself."
    spec = vegalite.frame(*_phases(summary), layer, height=_LOW)
    return Chart("cpu", "CPU of the generator", caption, spec, points, vegalite.ruler([line], x))


def generator_lag(summary: Summary) -> Chart | None:
    columns = _measured(summary.series, {"send lag p99": ("send_lag", "p99"), "loop lag max": ("loop_lag", "max")})
    if not columns:
        return None
    x = vegalite.time_axis(_until_s(summary))
    legend = vegalite.legend("line", {line: line.split()[-1] for line in columns}, _legend_offset(summary))
    layer = vegalite.lines(list(columns), x, legend, _few(summary))
    layer["encoding"]["y"] = vegalite.duration_axis("value", _values(columns))
    points: dict[str, list[Value]] = {"t": _starts(summary.series)}
    points.update((line, list(values)) for line, values in columns.items())
    caption = "How late loadws sent what was due, and how late its own loop ran."
    spec = vegalite.frame(*_phases(summary), layer, height=_LOW)
    return Chart("lag", "Lag of the generator", caption, spec, points, vegalite.ruler(list(columns), x, " ms"))


# --- what they share -----------------------------------------------------------------------------------------------------


def _levels(summary: Summary, name: str, title: str, caption: str, wanted: dict[str, tuple[str, str]]) -> Chart | None:
    """Lines of one unit from zero up: ``wanted`` is line -> (metric, colour)."""
    found = {line: values for line, (metric, _) in wanted.items() if (values := _level(summary.series, metric))}
    if not any(value for values in found.values() for value in values):
        return None
    legend = vegalite.legend("line", {line: wanted[line][1] for line in found}, _legend_offset(summary))
    x = vegalite.time_axis(_until_s(summary))
    layer = vegalite.lines(list(found), x, legend, _few(summary))
    layer["encoding"]["y"]["scale"] = {"domain": [0, max(_values(found)) * _HEADROOM], "nice": False}
    spec = vegalite.frame(*_phases(summary), layer)
    points: dict[str, list[Value]] = {"t": _starts(summary.series)}
    points.update((line, list(values)) for line, values in found.items())
    return Chart(name, title, caption, spec, points, vegalite.ruler(list(found), x))


def _bars(summary: Summary, name: str, title: str, caption: str, metric: str) -> Chart | None:
    """A bar a point for what should not happen; None where it did not."""
    found = _per_second(summary.series, metric)
    if found is None or not any(found):
        return None
    bars: Spec = {
        "mark": {"type": "rect", "color": colour("errors"), "clip": True},
        "params": [vegalite.zoom()],
        "encoding": {
            "x": vegalite.time_axis(_until_s(summary)),
            "x2": {"field": "until"},
            "y": {"field": name, "type": "quantitative", "axis": {"title": None, "tickCount": 4, "tickMinStep": 1}},
            "y2": {"datum": 0},
            "tooltip": [{"field": "t", "title": "second"}, {"field": name, "format": ",.4~r"}],
        },
    }
    width_s = summary.series.interval_s * 0.9
    columns: dict[str, list[Value]] = {
        "t": _starts(summary.series),
        "until": [_digits(start_s + width_s) for start_s in summary.series.start_s],
        name: list(found),
    }
    spec = vegalite.frame(*_phases(summary), bars, height=_LOW, above=_legend_offset(summary))
    return Chart(name, title, caption, spec, columns)


def _few(summary: Summary) -> bool:
    return len(summary.series.start_s) <= _FEW_POINTS


def _until_s(summary: Summary) -> float:
    """Where the charts over time end, in seconds since the start."""
    series = summary.series
    return series.start_s[-1] + series.interval_s if series.start_s else 0.0


def _phases_are_named(summary: Summary) -> bool:
    return len(summary.run.phases) > 1 or any(phase.warmup for phase in summary.run.phases)


def _legend_offset(summary: Summary) -> int:
    return _ABOVE_NAMES if _phases_are_named(summary) else 6


def _phases(summary: Summary) -> list[Spec]:
    """The phases behind a chart over time, where there are several to tell apart."""
    series = summary.series
    if not _phases_are_named(summary) or not series.start_s:
        return []
    until_s = _until_s(summary)
    shown = [phase for phase in summary.run.phases if phase.start_s < until_s]
    return vegalite.phase_marks(
        [
            {
                "name": plain(phase.name, 40),
                "t": _digits(phase.start_s),
                "end": _digits(min(phase.end_s, until_s)),
                "warmup": phase.warmup,
            }
            for phase in shown
        ],
        until_s - series.start_s[0],
    )


def _odds_axis(highest: float) -> Spec:
    """1 / (1 − p), labelled with p."""
    ticks = [tick for tick in (1, 2, 4, 10, 20, 100, 1_000, 10_000, 100_000, 1_000_000) if tick <= highest]
    axis = {"title": None, "values": ticks, "labelExpr": "'p' + format(100 - 100 / datum.value, '.7~r')", "grid": True}
    scale = {"type": "log", "domain": [1, max(highest, 2)], "nice": False}
    return {"field": "odds", "type": "quantitative", "scale": scale, "axis": axis}


def _carried_curve(summary: Summary, name: str) -> list[tuple[float, float]]:
    """(percentile, ns) over all steps, as far as the samples carry: n(1 − p) ≥ 10."""
    entry = timings.overall(summary, name)
    if not entry or not entry.count or not entry.histogram:
        return []
    histogram = LatencyHistogram.of_entry(entry)
    return [(p, value) for p, value in histogram.curve() if supports(histogram.count, p) and value > 0]


def _column(series: Series, name: str, aggregate: str) -> Column | None:
    return next((c for c in series.columns if c.name == name and c.aggregate == aggregate and not c.labels), None)


def _has_losses(summary: Summary) -> bool:
    return any(_per_second(summary.series, "disconnects") or ())


def _level(series: Series, metric: str) -> list[float | None] | None:
    """A counter a second, or the highest of a gauge; its lowest by ``.min``."""
    name, _, aggregate = metric.partition(".")
    if found := _column(series, name, aggregate or "max"):
        return [None if value is None else _digits(value) for value in found.values]
    return _per_second(series, metric)


def _per_second(series: Series, metric: str) -> list[float | None] | None:
    if found := _column(series, metric, "rate"):
        return [None if value is None else _digits(value) for value in found.values]
    if found := _column(series, metric, "count"):
        return [None if value is None else _digits(value / series.interval_s) for value in found.values]
    return None


def _starts(series: Series) -> list[Value]:
    return [_digits(start_s) for start_s in series.start_s]


def _rounded(values: Iterable[float | None]) -> list[Value]:
    return [None if value is None else _digits(value) for value in values]


def _measured(series: Series, wanted: dict[str, tuple[str, str]]) -> dict[str, list[float | None]]:
    """Times in milliseconds: ``wanted`` is line -> (metric, aggregate); lines without one value are left out."""
    found = {line: _column(series, name, aggregate) for line, (name, aggregate) in wanted.items()}
    columns = {line: _milliseconds(column.values) for line, column in found.items() if column}
    return {line: values for line, values in columns.items() if any(values)}


def _values(columns: dict[str, list[float | None]]) -> list[float]:
    return [value for values in columns.values() for value in values if value is not None]


def _milliseconds(values: Iterable[float | None]) -> list[float | None]:
    """Zero has no place on a logarithmic axis."""
    return [_digits(value / 1e6) if value else None for value in values]


def _digits(number: float) -> float:
    """Four significant digits, and whole where it is whole: a third of the bytes, and no screen shows more."""
    rounded = round(number) if abs(number) >= 1000 else float(f"{number:.4g}")
    return int(rounded) if rounded == int(rounded) else rounded
