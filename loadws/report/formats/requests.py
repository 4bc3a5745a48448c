"""What formats of other tools ask of a run: how many requests of each step there were, how many failed, how long they took.

Other tools know one kind of request. It is a request of loadws here that was sent, and its time is the response time of the
judged phases. Requests of turns that never began are in no count; in the percentiles they rank above every value.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import NamedTuple

from loadws.metrics.summary import MetricEntry, Summary
from loadws.report.timings import by_step, judged_value, overall

#: Steps beyond this are left out of the formats, as they are of the curves over time.
MOST_STEPS = 100


class Requests(NamedTuple):
    """The requests of one step; of all steps where ``step`` is empty. ``asked`` were sent, with or without an answer."""

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
    def slowest_ms(self) -> float | None:
        """Return the longest time that ended with an answer; None where none did."""
        return None if self.times.max is None else self.times.max / 1e6


def all_requests(summary: Summary) -> Requests | None:
    """Return the requests of all steps; None where a run sent none."""
    times = overall(summary, "response_time")
    if times is None:
        return None
    steps, unsent = _by_step(summary), sum(_never_sent(summary).values())
    failed = sum(each.failed for each in steps) if steps else times.missing - unsent
    whole = _requests("", times, failed, unsent, summary.run.judged_s)
    return whole if whole.asked else None


def requests_of_steps(summary: Summary) -> list[Requests]:
    """Return the requests of each step that sent any, in the order of the summary, at most a hundred steps."""
    return [each for each in _by_step(summary) if each.asked][:MOST_STEPS]


def _by_step(summary: Summary) -> list[Requests]:
    failed = {entry.labels["step"]: entry.failed for entry in summary.entries("error_rate", kind="request")}
    unsent = _never_sent(summary)
    return [
        _requests(step, times, failed.get(step, times.missing) - unsent[step], unsent[step], summary.run.judged_s)
        for step, times in by_step(summary, "response_time").items()
    ]


def _never_sent(summary: Summary) -> Counter[str]:
    """Return how many requests of each step never began, which count as failed and without an answer elsewhere."""
    return Counter({entry.labels["step"]: entry.count for entry in summary.entries("tries_not_begun", kind="request")})


def _requests(step: str, times: MetricEntry, failed: int, unsent: int, seconds: float) -> Requests:
    asked = max(0, times.count + times.missing - unsent)
    return Requests(step, asked, max(0, min(failed, asked)), asked / seconds if seconds > 0 else 0.0, times)
