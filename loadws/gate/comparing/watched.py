"""Values without a rule that changed: shown for users that look for a cause, and without effect on the verdict.

Each value is compared with no change at the comparison's level, without correction for the number of values: about one
in a hundred values that did not change differs by chance, which the report says.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

from loadws.gate.comparing.compare import Sides
from loadws.gate.comparing.measured import measure
from loadws.gate.comparing.sentences import change_text, interval_text
from loadws.gate.statistics.changes import as_fraction
from loadws.gate.statistics.estimate import Estimate
from loadws.metrics.comparison import Watched
from loadws.metrics.summary import MetricEntry, Summary
from loadws.terms.comparisons import ComparisonRule
from loadws.terms.metrics import TABLE, Metric
from loadws.terms.rule_text import Selection, unit_of

#: Metrics of the same samples as others, or of what only loadws itself added.
_LEFT_OUT = {"unlagged_time", "unlagged_first_message_time", "unlagged_last_message_time", "read_lag", "write_wait"}
_AGGREGATES: dict[str, tuple[str, ...]] = {"histogram": ("p50", "p99"), "counter": ("rate",), "rate": ("rate",)}
#: How many values are looked at: a scenario of many steps has thousands.
MOST_VALUES = 400
Estimating = Callable[[Sequence[ComparisonRule], Sequence[Sides], float], list[Estimate]]


def watched(
    baseline: Sequence[Summary],
    candidate: Sequence[Summary],
    own: Mapping[str, Metric],
    rules: Iterable[ComparisonRule],
    estimating: Estimating,
    alpha: float,
) -> tuple[tuple[Watched, ...], int]:
    """Return the values that changed, the largest change first, and how many values were looked at."""
    judged = {str(rule.selection) for rule in rules}
    looked_at = [each for each in _rules((*baseline, *candidate), own) if str(each.selection) not in judged]
    sides = [
        Sides([measure(run.metrics, rule) for run in baseline], [measure(run.metrics, rule) for run in candidate])
        for rule in looked_at
    ]
    estimates = estimating(looked_at, sides, alpha)
    compared = [(rule, each) for rule, each in zip(looked_at, estimates, strict=True) if each.change is not None]
    moved = [(rule, each) for rule, each in compared if each.low > 0 or each.high < 0]
    moved.sort(key=lambda found: -abs(found[1].change or 0.0))
    return tuple(_record(rule, estimate, alpha) for rule, estimate in moved), len(compared)


def _rules(runs: Collection[Summary], own: Mapping[str, Metric]) -> list[ComparisonRule]:
    """Return a rule of no change for each value that the runs have. The whole of a metric precedes its parts."""
    metrics = {**TABLE, **own}
    rules: dict[str, ComparisonRule] = {}
    for run in runs:
        for entry in run.metrics:
            for rule in _of_entry(entry, metrics):
                rules.setdefault(str(rule.selection), rule)
    ordered = sorted(rules.values(), key=lambda rule: len(rule.selection.labels))
    return ordered[:MOST_VALUES]


def _of_entry(entry: MetricEntry, metrics: Mapping[str, Metric]) -> Iterator[ComparisonRule]:
    metric = metrics.get(entry.name)
    if metric is None or "phase" in entry.labels or entry.name in _LEFT_OUT:
        return
    for aggregate in _AGGREGATES.get(metric.kind, ()):
        unit = unit_of(metric, aggregate)
        for labels in ({}, entry.labels):
            selection = Selection(metric.name, aggregate, unit, labels)
            yield ComparisonRule(str(selection), selection, "<=", 0.0, unit != "ratio")


def _record(rule: ComparisonRule, estimate: Estimate, alpha: float) -> Watched:
    assert estimate.change is not None
    scale = as_fraction if rule.relative else float
    change, low, high = scale(estimate.change), scale(estimate.low), scale(estimate.high)
    moved = f"changed by {change_text(rule, change)}" if math.isfinite(change) else "rose from 0, or lost its value"
    sentence = f"{rule.selection} {moved} ({interval_text(rule, low, high, alpha)})"
    return Watched(str(rule.selection), rule.relative, change, low, high, sentence)
