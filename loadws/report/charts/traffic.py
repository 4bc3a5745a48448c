"""Messages, users and connections, losses and refusals, errors, and dropped arrivals, over time."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from loadws.metrics.summary import Summary
from loadws.report import timings
from loadws.report.charts.chart import Chart
from loadws.report.charts.levels import LOW, Level, levels, stacked
from loadws.report.charts.timeaxis import TimeAxis, column, per_second
from loadws.report.course.course import CLOSED, ERROR, FAILED, REFUSED, Course, errors_of
from loadws.report.plain import plain
from loadws.terms.failures import explain_close

_SMALL = 80  # pixels


def messages_over_time(summary: Summary) -> Chart | None:
    axis = TimeAxis(summary)
    caption = "Sent is counted when the kernel took the last byte, received when the last byte was read."
    lines = [
        Level("sent", "sent", per_second(summary.series, "messages_sent")),
        Level("received", "received", per_second(summary.series, "messages_received"), dash="5 3"),
    ]
    return levels(axis, "messages", "Messages per second", caption, [line for line in lines if line.values])


def users_over_time(summary: Summary) -> Chart | None:
    """Return the chart of users and open connections; where connections were lost, also of the fewest open at any
    moment.
    """
    axis = TimeAxis(summary)
    caption = "Users without a connection are connecting, waiting before they try again, or done."
    lines = [
        _gauge(summary, "users", "max", "users", "users", width=5),
        _gauge(summary, "open connections", "max", "sent", "open_connections"),
    ]
    lost = per_second(summary.series, "disconnects")
    if any(lost):
        fewest = _gauge(summary, "fewest open", "min", "errors", "open_connections")
        shown = [value if loss else None for value, loss in zip(fewest.values, lost, strict=False)]
        lines.append(replace(fewest, values=shown, is_shown=any(value is not None for value in shown)))
        caption += (
            " Fewest open is drawn where connections were lost: a short loss shows below the most that were open."
        )
    return levels(axis, "connections", "Users and open connections", caption, [line for line in lines if line.values])


def _gauge(summary: Summary, name: str, aggregate: str, colour: str, metric: str, width: float = 1.8) -> Level:
    found = column(summary.series, metric, aggregate)
    return Level(name, colour, found.values if found else (), is_step=True, width=width)


def losses_over_time(summary: Summary, course: Course) -> Chart | None:
    """Return the chart of connections that the server closed, or that were lost, refused or never opened, by kind."""
    axis = TimeAxis(summary)
    kinds = {_closed(code): _rates(course, n) for code, n in course.kinds(CLOSED).items() if code != "peer.1000"}
    kinds |= {f"refused: HTTP {status}": _rates(course, n) for status, n in course.kinds(REFUSED).items()}
    kinds |= {f"not opened: {kind}": _rates(course, n) for kind, n in course.kinds(FAILED).items()}
    if not kinds:
        kinds = {"lost": _known(per_second(summary.series, "disconnects"))}
    title = "Connections closed by the server, lost or refused, per second"
    return stacked(axis, "losses", title, "", kinds)


def _closed(code: str) -> str:
    return f"closed: {code.removeprefix('peer.')}" if code.startswith("peer.") else f"lost: {explain_close(code)[0]}"


def reopened_over_time(summary: Summary) -> Chart | None:
    axis = TimeAxis(summary)
    lines = [
        Level("reopened", "received", per_second(summary.series, "reconnects")),
        Level("lost", "lost", per_second(summary.series, "disconnects"), dash="5 3"),
    ]
    if not any(lines[0].values):
        return None
    title = "Connections lost and reopened, per second"
    return levels(axis, "reopened", title, timings.recovery_sentence(summary), lines, LOW)


def errors_over_time(summary: Summary, course: Course) -> Chart | None:
    axis = TimeAxis(summary)
    kinds: dict[str, Sequence[float]] = {kind: _rates(course, n) for kind, n in course.kinds(ERROR).items()}
    if not kinds:
        kinds = {"errors": _known(per_second(summary.series, "errors"))}
    return stacked(axis, "errors", "Errors per second, by kind", "", kinds)


def step_errors(summary: Summary, course: Course, step: str, number: int) -> Chart | None:
    """Return the chart of one step's errors by kind; None where it had none, or where their times are not known."""
    axis = TimeAxis(summary)
    kinds = {kind: _rates(course, counts) for kind, counts in course.kinds(errors_of(step)).items()}
    return stacked(axis, f"errors-{number}", f"{plain(step, 80)}: errors per second, by kind", "", kinds, _SMALL)


def arrivals_over_time(summary: Summary, course: Course) -> Chart | None:
    """Return the chart of arrivals that were started and dropped; without the run's folder only of those dropped."""
    axis = TimeAxis(summary)
    dropped = _known(per_second(summary.series, "arrivals_dropped"))
    planned = _rates(course, course.of("arrivals")) if any(course.of("arrivals")) else []
    lines = [Level("dropped", "errors", dropped, is_step=True)]
    if planned:
        lost = _rates(course, course.of("dropped"))
        started = [whole - part for whole, part in zip(planned, lost, strict=True)]
        lines = [Level("started", "sent", started, is_step=True), Level("dropped", "errors", lost, is_step=True)]
    caption = "Dropped arrivals found as many users as max_users allows: they were not started, only counted."
    return levels(axis, "dropped", "Arrivals per second", caption if any(dropped) else "", lines, LOW)


def _rates(course: Course, counts: Sequence[int]) -> list[float]:
    """Return counts per second, by how much of each interval was measured."""
    return [count / s if s else float(count) for count, s in zip(counts, course.covered_s, strict=True)]


def _known(values: Sequence[float | None]) -> list[float]:
    return [value or 0.0 for value in values]
