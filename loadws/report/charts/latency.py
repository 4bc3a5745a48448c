"""Latency over time, of all steps and of each, with the limits of the rules that judge it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from loadws.metrics.summary import Check, Summary
from loadws.report import timings
from loadws.report.charts.chart import Chart, Key, all_digits
from loadws.report.charts.timeaxis import TimeAxis, column, milliseconds, per_second
from loadws.report.course.course import CLOSED, Course
from loadws.report.plain import plain
from loadws.report.svg import paths
from loadws.report.svg.plot import SPAN, Label, Plot, Shape
from loadws.report.svg.scales import Scale, duration_label, log_scale
from loadws.terms.rule_text import RuleError
from loadws.terms.thresholds import Threshold, parse_threshold

_HEIGHT, _STEP_HEIGHT = 240, 120
_LINES = (
    ("response p50", "response_time", "p50", "p50", ""),
    ("response p90", "response_time", "p90", "p90", ""),
    ("response p99", "response_time", "p99", "p99", ""),
    ("response max", "response_time", "max", "max", ""),
    ("service p50", "service_time", "p50", "p50", "4 3"),
    ("service p99", "service_time", "p99", "p99", "4 3"),
)
_STEP_LINES = (
    ("p50", "response_time", "p50", "p50", ""),
    ("p99", "response_time", "p99", "p99", ""),
    ("max", "response_time", "max", "max", ""),
)
_STRIP = 8  # pixels
Line = tuple[str, str, str, str, str]


def latency_over_time(summary: Summary, course: Course) -> Chart | None:
    """Return the chart of the percentiles of each interval: response time as a line, service time dashed, events below."""
    axis = TimeAxis(summary)
    lines = _found(summary, _LINES, {})
    if not lines:
        return None
    limits = list(_limits(summary, None))
    strips = [strip for strip in _strips(axis, summary, course) if strip[2]]
    plot = _plot(axis, lines, limits, _HEIGHT, "Latency over time", strips)
    keys = [Key(name, colour, "dash" if dash else "line") for (name, _, _, colour, dash), _ in lines]
    keys += [Key(name, colour, "box") for name, colour, _ in strips]
    return Chart("latency", "Latency over time", timings.gap_sentence(summary), plot, keys, _columns(axis, lines))


def step_over_time(summary: Summary, step: str, number: int) -> Chart | None:
    """Return the chart of one step's percentiles of each interval."""
    axis = TimeAxis(summary)
    lines = _found(summary, _STEP_LINES, {"step": step})
    if not lines:
        return None
    plot = _plot(axis, lines, list(_limits(summary, step)), _STEP_HEIGHT, f"Latency of {plain(step, 80)} over time", [])
    keys = [Key(name, colour) for (name, _, _, colour, _), _ in lines]
    title = f"{plain(step, 80)}: response time"
    return Chart(f"step-{number}", title, "", plot, keys, _columns(axis, lines))


def _found(
    summary: Summary, wanted: Sequence[Line], labels: Mapping[str, str]
) -> list[tuple[Line, list[float | None]]]:
    found = []
    for line in wanted:
        values = column(summary.series, line[1], line[2], labels)
        if values and any(values.values):
            found.append((line, milliseconds(values.values)))
    return found


def _columns(axis: TimeAxis, lines: Sequence[tuple[Line, list[float | None]]]) -> dict[str, list[float | str | None]]:
    return {"t": axis.starts, **{f"{line[0]} (ms)": all_digits(values) for line, values in lines}}


def _plot(
    axis: TimeAxis,
    lines: Sequence[tuple[Line, list[float | None]]],
    limits: Sequence[tuple[Check, Threshold]],
    height: int,
    title: str,
    strips: Sequence[tuple[str, str, str]],
) -> Plot:
    values = [value for _, line in lines for value in line if value is not None]
    y = log_scale([*values, *(limit.value / 1e6 for _, limit in limits)])
    shapes, names = axis.phases(height)
    xs = axis.middles()
    for (_, _, _, colour, dash), line in lines:
        points = [(x, None if v is None else height * (1 - y.at(v))) for x, v in zip(xs, line, strict=True)]
        shapes.append(Shape(paths.line(points), colour, 1.8, dash))
        if axis.is_sparse and not dash:
            shapes.append(Shape(paths.dots(points), colour, 5))
    for number, (_, colour, d) in enumerate(strips):
        shapes.append(Shape(d.replace("{y}", str(height + 3 + 10 * number)), colour))
    limit_shapes, limit_names = _limit_marks(axis, limits, y, height)
    return Plot(
        height, y, duration_label, [*shapes, *limit_shapes], axis.ticks(), [*names, *limit_names], title,
        is_over_time=True, strips=len(strips),
    )  # fmt: skip


def _limit_marks(
    axis: TimeAxis, limits: Sequence[tuple[Check, Threshold]], y: Scale, height: int
) -> tuple[list[Shape], list[Label]]:
    """Return a line at each limit, over the phase that it judges, with its rule's percentile as a label."""
    shapes, labels = [], []
    for check, limit in limits:
        at = height * (1 - y.at(limit.value / 1e6))
        begin, end = 0.0, SPAN
        if (phase := limit.labels.get("phase")) is not None:
            begin, end = axis.spans_of(phase) or (begin, end)
        colour = {"passed": "good", "too_close": "warn"}.get(check.outcome, "bad")
        shapes.append(Shape(f"M{paths.short(begin)} {paths.short(at)}H{paths.short(end)}", colour, 1.5, "7 4"))
        text = f"{limit.aggregate} {limit.op} {duration_label(limit.value / 1e6)}"
        labels.append(Label(text, begin / SPAN, end / SPAN, at - 4 if at > 18 else at + 14, colour, at_end=True))
    return shapes, labels


def _limits(summary: Summary, step: str | None) -> Iterator[tuple[Check, Threshold]]:
    """Yield the rules on response time, of one step or of all, that have a limit to draw."""
    only = set(timings.by_step(summary, "response_time"))
    for check in summary.verdict.checks:
        try:
            rule = parse_threshold(check.rule)
        except RuleError:  # it judges a metric of the scenario's own
            continue
        judged = rule.labels.get("step")
        fits = judged == step or (step is None and only == {judged})
        if rule.metric == "response_time" and rule.unit == "ns" and rule.value > 0 and fits:
            yield check, rule


def _strips(axis: TimeAxis, summary: Summary, course: Course) -> Iterator[tuple[str, str, str]]:
    """Yield rows of marks below the values: (name, colour, path with ``{y}`` for its top)."""
    errors = per_second(summary.series, "errors")
    lost = per_second(summary.series, "disconnects")
    if course.covered_s:
        closed = course.kinds(CLOSED)
        lost = [float(sum(n[at] for n in closed.values())) for at in range(len(course.covered_s))]
    for name, colour, values in (("errors", "errors", errors), ("connections lost", "lost", lost)):
        marks = "".join(
            f"M{paths.short(left)} {{y}}h{paths.short(right - left)}v{_STRIP}h{paths.short(left - right)}z"
            for (left, right), value in zip(axis.edges(), values, strict=False)
            if value
        )
        yield name, colour, marks
