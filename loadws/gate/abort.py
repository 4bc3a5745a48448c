"""Rules with ``abort``: they are judged once per second, and end the run as soon as they are certainly broken.

A rule is not broken while it has no data, while it is too close to call (the end of the run decides that), or where
only the generator's own lag breaks it. ``after`` counts judged time.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable

from loadws.gate.check import judge_rule
from loadws.gate.judgement import without_lag
from loadws.metrics.frame import Frame
from loadws.metrics.runinfo import EarlyEnd, Rule, RunInfo
from loadws.metrics.summary import MetricEntry, Summary
from loadws.terms.thresholds import Threshold, parse_threshold

#: Threshold -> the entries that a ``Summariser`` has for it so far.
EntriesFor = Callable[[Threshold], Iterable[MetricEntry]]


class AbortRules:
    """The output that ends a run whose rules are broken. ``entries_for`` returns the entries of a rule so far."""

    def __init__(self, entries_for: EntriesFor) -> None:
        self._entries_for = entries_for
        self._rules: list[tuple[Rule, Threshold]] = []
        self._judged_s: dict[int, float] = {}

    def begin(self, info: RunInfo) -> None:
        """Parse the rules that may end the run."""
        own = info.own()
        self._rules = [(rule, parse_threshold(rule.rule, own)) for rule in info.rules if rule.abort]

    def adding(self, frame: Frame) -> Generator[None, None, EarlyEnd | None]:
        """Judge the rules again; return the first that does not hold any more."""
        self._note(frame)
        yield
        broken = self._broken()
        return None if broken is None else EarlyEnd(rule=broken)

    def finish(self, _: Summary) -> list[str]:
        """Return no sentences: the verdict of the run judges the same rules."""
        return []

    def _note(self, frame: Frame) -> None:
        """Count judged time, which is the same for every process; for a lost one it stops."""
        if not frame.warmup:
            self._judged_s[frame.process] = self._judged_s.get(frame.process, 0.0) + frame.duration_s

    def _broken(self) -> str | None:
        """Return the first rule that does not hold any more; None where all may still hold."""
        judged_s = max(self._judged_s.values(), default=0.0)
        for rule, threshold in self._rules:
            if judged_s >= rule.after_s and _is_broken(threshold, self._entries_for):
                return rule.rule
        return None


def _is_broken(threshold: Threshold, entries_for: EntriesFor) -> bool:
    twin = without_lag(threshold)
    return all(
        judge_rule(entries_for(each), each).outcome == "failed" for each in (threshold, twin) if each is not None
    )
