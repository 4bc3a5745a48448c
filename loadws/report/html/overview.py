"""The first screen in words: place and time, the verdict, the most important numbers, the checks with the failed first."""

from __future__ import annotations

from datetime import datetime, timedelta

from loadws.metrics.runinfo import RunInfo
from loadws.metrics.summary import Check, ErrorCount, MetricEntry, Summary
from loadws.report import deliveries, timings
from loadws.report import facts as rows
from loadws.report.course.course import Course, step_error
from loadws.report.course.story import clock
from loadws.report.plain import plain
from loadws.terms.percentiles import percentile_name
from loadws.terms.units import format_count, format_duration, format_rate

_ALIKE = 0.02
_SHORT_COMMIT = 12
#: The sections of charts that sentences link to, for a page on which a chart is missing.
_SECTIONS = {"connections": "traffic", "losses": "traffic", "dropped": "traffic", "undelivered": "delivery"}


def place(summary: Summary, info: RunInfo | None) -> list[tuple[str, str]]:
    """Return target, host, CI job, commit, start and end, as far as they are known."""
    known = info.place if info else {}
    started, ended = _moments(summary)
    found = [
        ("target", plain(summary.run.target, 200)),
        ("when", f"{started} to {ended} UTC" if ended else plain(summary.run.started_at)),
        ("length", _length(summary)),
        ("from", plain(known.get("host", ""), 100)),
        ("CI job", plain(known.get("job", ""), 300)),
        ("commit", plain(known.get("commit", ""), 64)[:_SHORT_COMMIT]),
    ]
    return [(what, value) for what, value in found if value]


def _moments(summary: Summary) -> tuple[str, str]:
    """Return when the run began and ended, in UTC; the end with its date where that is another day."""
    try:
        start = datetime.fromisoformat(summary.run.started_at)
    except ValueError:
        return plain(summary.run.started_at), ""
    end = start + timedelta(seconds=summary.run.duration_s)
    same = end.date() == start.date()
    return f"{start:%Y-%m-%d %H:%M:%S}", f"{end:%H:%M:%S}" if same else f"{end:%Y-%m-%d %H:%M:%S}"


def _length(summary: Summary) -> str:
    run = summary.run
    judged = "" if abs(run.judged_s - run.duration_s) < 0.05 else f" ({format_duration(run.judged_s * 1e9)} judged)"
    return format_duration(run.duration_s * 1e9) + judged


def verdict_lines(summary: Summary) -> list[str]:
    """Return how many checks hold, and the reasons that the table of checks does not show."""
    _, _, others = rows.headline(summary, names_checks=False)
    checks = summary.verdict.checks
    open_checks = [check for check in checks if not check.holds]
    return [_counted(checks, open_checks), *others] if open_checks else others


def _counted(checks: tuple[Check, ...], open_checks: list[Check]) -> str:
    words = {"failed": "failed", "no_data": "had no data", "too_close": "too close to call"}
    counts = {word: sum(check.outcome == outcome for check in open_checks) for outcome, word in words.items()}
    listed = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    held = len(checks) - len(open_checks)
    return f"Of {len(checks)} check{'s' if len(checks) > 1 else ''}: {listed}{f', {held} held' if held else ''}."


def ordered_checks(summary: Summary) -> list[tuple[Check, rows.CheckRow]]:
    """Return the checks, the failed first; within an outcome in the scenario's order."""
    pairs = list(zip(summary.verdict.checks, rows.check_rows(summary), strict=True))
    return sorted(pairs, key=lambda pair: rows.rank(pair[0]))


def tiles(summary: Summary) -> list[tuple[str, str]]:
    """Return the run's few big numbers: name, value. A rate that equals an earlier one is left out."""
    found: list[tuple[str, str]] = []
    response = timings.overall(summary, "response_time")
    if response and (response.count or response.missing):
        found += [(f"response {percentile_name(field)}", timings.cell(response, field)) for field in _carried(response)]
    for probe in deliveries.delivery_rows(summary)[:1]:
        found.append((f"{probe.probe} delivered", probe.cells[deliveries.HEAD.index("complete")]))
        delivery = timings.overall(summary, "delivery")
        if delivery and delivery.count:
            found.append(("delivery p99" if delivery.p99 is not None else "delivery max",
                          timings.cell(delivery, "p99" if delivery.p99 is not None else "max")))  # fmt: skip
    recovery = timings.overall(summary, "recovery_time")
    if recovery and recovery.count:
        found.append(("last recovery", timings.cell(recovery, "max")))
    return [*found, *_rates(summary), *_counts(summary)]


def _carried(entry: MetricEntry) -> list[str]:
    """Return p50 and the highest percentile for which the samples are enough; the maximum where they are enough for
    none.
    """
    known = [field for field in ("p50", "p99", "p95", "p90") if timings.judged_value(entry, field) is not None]
    return known[:2] or ["max"]


def _rates(summary: Summary) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    shown: list[float] = []
    for metric, what in (
        ("messages_sent", "messages sent"),
        ("messages_received", "messages received"),
    ):
        entry = timings.overall(summary, metric)
        if entry and entry.per_s and not any(abs(entry.per_s - other) < _ALIKE * other for other in shown):
            shown.append(entry.per_s)
            per_s = round(entry.per_s, 1) if entry.per_s < 100 else round(entry.per_s)
            found.append((what, format_rate(per_s)))
    return found


def _counts(summary: Summary) -> list[tuple[str, str]]:
    found = []
    users = timings.overall(summary, "users")
    if users and users.max:
        found.append(("users at most", format_count(users.max)))
    connections = summary.ledger.connections
    if connections.attempted:
        opened = format_count(connections.opened)
        is_all = connections.opened == connections.attempted
        found.append(("connections opened", opened if is_all else f"{opened} of {connections.attempted:,}"))
    if dropped := summary.ledger.arrivals.dropped:
        found.append(("arrivals dropped", f"{dropped:,} of {summary.ledger.arrivals.planned:,}"))
    rate = timings.overall(summary, "error_rate")
    if rate and rate.value is not None:
        found.append(("error rate", f"{100 * rate.value:.3g}%"))
    return found


def section_of(chart: str) -> str:
    """Return the section that replaces a missing chart."""
    return _SECTIONS.get(chart, chart)


def first_and_last(course: Course, error: ErrorCount) -> tuple[str, str]:
    """Return when an error was counted first and last; empty where that is not known."""
    counts = course.of(step_error(error.kind, error.step))
    found = [at for at, count in enumerate(counts) if count]
    return (clock(found[0] * course.interval_s), clock((found[-1] + 1) * course.interval_s)) if found else ("", "")


def error_pairs(summary: Summary, most: int) -> list[tuple[rows.ErrorRow, ErrorCount]]:
    """Return the most frequent errors, as rows and as they are."""
    ordered = sorted(summary.errors, key=lambda error: -error.count)
    return list(zip(rows.error_rows(summary), ordered, strict=True))[:most]
