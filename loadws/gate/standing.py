"""Where each threshold stands now, for those that look at a run while it goes.

One rule needs about a millisecond, so the rules are judged one by one, and the event loop has its turn between them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from loadws.gate.check import judge_rule
from loadws.metrics.runinfo import RunInfo
from loadws.metrics.summary import Check, MetricEntry
from loadws.terms.thresholds import Threshold, parse_threshold

#: How many rules are judged at a time; a run that has more shows the others in later turns.
MOST_AT_A_TIME = 10


class Standing:
    """The thresholds of a run, judged by what was measured so far. ``entries_for`` returns what one rule is judged by."""

    def __init__(self, info: RunInfo, entries_for: Callable[[Threshold], Iterable[MetricEntry]]) -> None:
        own = info.own()
        self._thresholds = [parse_threshold(rule.rule, own) for rule in info.rules]
        self._entries_for = entries_for
        self._checks: dict[str, Check] = {}
        self._next = 0

    @property
    def checks(self) -> tuple[Check, ...]:
        """Each rule as it was judged last, in the order of the scenario. One that was never judged has no data."""
        return tuple(
            self._checks.get(each.rule) or Check(each.rule, "no_data", None, each.unit, op=each.op, limit=each.value)
            for each in self._thresholds
        )

    def judging(self) -> Iterator[None]:
        """Judge the rules anew, the next ``MOST_AT_A_TIME`` of them, with a ``yield`` after each."""
        for _ in range(min(MOST_AT_A_TIME, len(self._thresholds))):
            threshold = self._thresholds[self._next]
            self._next = (self._next + 1) % len(self._thresholds)
            self._checks[threshold.rule] = judge_rule(self._entries_for(threshold), threshold)
            yield
