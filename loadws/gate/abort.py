"""Rules with ``abort``: looked at once a second, they end the run as soon as they are surely broken.

A rule without data yet is not broken, nor is one that is too close to call: that is for the end to say. Nor is one that only
the generator's own lag breaks. ``after`` counts judged time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from loadws.gate.check import judge_rule
from loadws.gate.judgement import without_lag
from loadws.metrics.frame import Frame
from loadws.metrics.runinfo import Rule
from loadws.metrics.summary import MetricEntry
from loadws.terms.metrics import Metric
from loadws.terms.thresholds import Threshold, parse_threshold

#: Threshold -> what a ``Summariser`` has for it so far.
EntriesFor = Callable[[Threshold], Iterable[MetricEntry]]


class AbortRules:
    """The rules of a run that may end it."""

    def __init__(self, rules: Sequence[Rule], own: Mapping[str, Metric]) -> None:
        self._rules = [(rule, parse_threshold(rule.rule, own)) for rule in rules if rule.abort]
        self._judged_s: dict[int, float] = {}

    def note(self, frame: Frame) -> None:
        """Count judged time, which passes the same for every process; for one that is lost it stands still."""
        if not frame.warmup:
            self._judged_s[frame.process] = self._judged_s.get(frame.process, 0.0) + frame.duration_s

    def broken(self, entries_for: EntriesFor) -> str | None:
        """Return the first rule that does not hold any more; None where all may still hold."""
        judged_s = max(self._judged_s.values(), default=0.0)
        for rule, threshold in self._rules:
            if judged_s >= rule.after_s and _is_broken(threshold, entries_for):
                return rule.rule
        return None


def _is_broken(threshold: Threshold, entries_for: EntriesFor) -> bool:
    twin = without_lag(threshold)
    return all(
        judge_rule(entries_for(each), each).outcome == "failed" for each in (threshold, twin) if each is not None
    )
