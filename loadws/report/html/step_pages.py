"""The part of the page that each step has of its own: its facts, its charts, its errors. The slowest steps come first."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
from markupsafe import Markup

from loadws.metrics.summary import MetricEntry, Summary
from loadws.report import timings
from loadws.report.charts.charts import slowest_steps
from loadws.report.charts.timeaxis import column
from loadws.report.facts import ErrorRow, error_rows
from loadws.report.plain import plain
from loadws.report.svg import paths
from loadws.report.svg.palette import paint
from loadws.terms.percentiles import percentile_name
from loadws.terms.units import format_count, format_size

#: How many steps are unfolded from the start.
_OPEN = 6
_MOST_ERRORS = 10
_SHOWN = ("p50", "p90", "p99", "max")
_WIDTH, _HEIGHT, _MOST_POINTS = 120, 18, 60


class StepPage(msgspec.Struct, frozen=True):
    """A step's part of the page. ``facts`` are (what, value); its charts are named after ``number``."""

    number: int
    step: str
    facts: tuple[tuple[str, str], ...]
    errors: tuple[ErrorRow, ...]
    is_open: bool

    @property
    def charts(self) -> tuple[str, ...]:
        """Return the names of its charts, in their order."""
        return tuple(f"{kind}-{self.number}" for kind in ("step", "spread", "heat", "errors"))


def step_pages(summary: Summary) -> list[StepPage]:
    """Return the parts of the slowest steps; none where there is but one step, which the whole page is about."""
    response = timings.by_step(summary, "response_time")
    rows = error_rows(summary)
    return [
        StepPage(
            number,
            plain(step),
            (*_latency(response[step]), *_tries(summary, step), *_size(summary, step)),
            tuple([row for row in rows if row.step == plain(step)][:_MOST_ERRORS]),
            number < _OPEN,
        )
        for number, step in enumerate(slowest_steps(summary))
    ]


def _latency(entry: MetricEntry) -> list[tuple[str, str]]:
    known = [
        (percentile_name(field), timings.cell(entry, field))
        for field in _SHOWN
        if timings.judged_value(entry, field) is not None
    ]
    missing = [("without an answer", format_count(entry.missing))] if entry.missing else []
    return [("answers", format_count(entry.count)), *missing, *known]


def _tries(summary: Summary, step: str) -> list[tuple[str, str]]:
    rates = [entry for entry in summary.entries("error_rate", step=step) if entry.count]
    tried, failed = sum(entry.count for entry in rates), sum(entry.failed for entry in rates)
    return [("failed", f"{format_count(failed)} of {format_count(tried)}")] if tried else []


def _size(summary: Summary, step: str) -> list[tuple[str, str]]:
    """Return the mean size of the messages that the step sent, warm-up included."""
    messages, size = (counts.get(step, 0) for counts in (summary.ledger.sent_by_step, summary.ledger.bytes_by_step))
    return [("mean message sent", format_size(size / messages))] if messages else []


def sparklines(summary: Summary) -> dict[str, Markup]:
    """Return the course of the slowest steps' median response time as small drawings, by the step's plain name."""
    drawn = {}
    for step in slowest_steps(summary):
        found = column(summary.series, "response_time", "p50", {"step": step})
        if found and any(found.values):
            drawn[plain(step)] = _sparkline(found.values)
    return drawn


def _sparkline(values: Sequence[float | None]) -> Markup:
    """Return a line from zero to the highest value; of neighbours that share a place the highest is drawn."""
    size = max(1, math.ceil(len(values) / _MOST_POINTS))
    groups = [[v for v in values[at : at + size] if v is not None] for at in range(0, len(values), size)]
    points = [max(group, default=None) for group in groups]
    top = max(value for value in points if value) * 1.05
    step = _WIDTH / max(1, len(points))
    line = paths.line(
        [
            ((at + 0.5) * step, None if value is None else 1 + (_HEIGHT - 3) * (1 - value / top))
            for at, value in enumerate(points)
        ]
    )
    size_of = f'width="{_WIDTH}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}"'
    drawn = f'<path d="{line}" fill="none" stroke="{paint("p90")}" stroke-width="1.4" stroke-linecap="round"/>'
    return Markup(f'<svg {size_of} aria-hidden="true">{drawn}</svg>')
