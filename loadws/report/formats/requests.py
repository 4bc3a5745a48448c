"""What formats of other tools ask of a run: how many requests of each step there were, how many failed, how long they took.

Other tools know one kind of request. It is a request of loadws here, and its time is the response time of the judged phases.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from loadws.metrics.summary import MetricEntry, Summary
from loadws.report.timings import by_step, judged_value, overall

#: Steps beyond this are left out of the formats, as they are of the curves over time.
MOST_STEPS = 100


class Requests(NamedTuple):
    """The requests of one step; of all steps where ``step`` is empty. ``asked`` includes those without an answer."""

    step: str
    asked: int
    failed: int
    per_s: float
    times: MetricEntry

    def milliseconds(self, field: str) -> float | None:
        """Return a percentile, the minimum, mean or maximum of the response time, as the checks judge it.

        None where the samples do not support it, and where it never ended: no format has a number for that.
        """
        value = judged_value(self.times, field)
        return None if value is None or not math.isfinite(value) else value / 1e6

    @property
    def slowest_ms(self) -> float:
        """Return the longest time that ended with an answer; 0 where none did."""
        return (self.times.max or 0.0) / 1e6


def all_requests(summary: Summary) -> Requests | None:
    """Return the requests of all steps; None where a run had none."""
    times = overall(summary, "response_time")
    if times is None or not times.count + times.missing:
        return None
    steps = _by_step(summary)
    failed = sum(each.failed for each in steps) if steps else times.missing
    return _requests("", times, failed)


def requests_of_steps(summary: Summary) -> list[Requests]:
    """Return the requests of each step that made any, in the order of the summary, at most a hundred steps."""
    return [each for each in _by_step(summary) if each.asked][:MOST_STEPS]


def _by_step(summary: Summary) -> list[Requests]:
    failed = {entry.labels["step"]: entry.failed for entry in summary.entries("error_rate", kind="request")}
    return [
        _requests(step, times, failed.get(step, times.missing))
        for step, times in by_step(summary, "response_time").items()
    ]


def _requests(step: str, times: MetricEntry, failed: int) -> Requests:
    asked = times.count + times.missing
    per_s = (times.per_s or 0.0) * asked / times.count if times.count else 0.0
    return Requests(step, asked, min(failed, asked), per_s, times)
