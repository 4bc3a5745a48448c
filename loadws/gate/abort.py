"""Rules with ``abort``: looked at once a second, they end the run as soon as they are broken.

A rule without data yet is not broken: that is for the end to say. ``after`` counts judged time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from loadws.gate.check import judge_rule
from loadws.metrics.frame import Frame
from loadws.metrics.runinfo import Rule
from loadws.metrics.summary import MetricEntry
from loadws.terms.metrics import Metric
from loadws.terms.thresholds import Threshold, parse_threshold


class AbortRules:
    def __init__(self, rules: Sequence[Rule], own: Mapping[str, Metric]) -> None:
        self._rules = [(rule, parse_threshold(rule.rule, own)) for rule in rules if rule.abort]
        self._judged_s: dict[int, float] = {}

    def note(self, frame: Frame) -> None:
        """Judged time passes, for every process the same; of one that is lost it stands still."""
        if not frame.warmup:
            self._judged_s[frame.process] = self._judged_s.get(frame.process, 0.0) + frame.duration_s

    def broken(self, entries_for: Callable[[Threshold], Iterable[MetricEntry]]) -> str | None:
        """The first rule that does not hold any more. ``entries_for``: what a ``Summariser`` has for a threshold so far."""
        judged_s = max(self._judged_s.values(), default=0.0)
        for rule, threshold in self._rules:
            if judged_s >= rule.after_s and judge_rule(entries_for(threshold), threshold).outcome == "failed":
                return rule.rule
        return None
