"""One run's measurement for a comparison rule: a value, or for a share its counts; and its windows of time.

A value is looked up as a threshold's is (``gate.check``). A percentile of too few samples is unknown: it would be the
value of the slowest few, and no comparison with it could be trusted.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field

from loadws.gate.check import merged, observe, selected_by
from loadws.gate.comparing.compare import Measured
from loadws.gate.statistics.bootstrap import Window
from loadws.gate.statistics.shares import Share
from loadws.metrics.frame import Frame
from loadws.metrics.histograms.histogram import LatencyHistogram
from loadws.metrics.summary import MetricEntry
from loadws.terms.comparisons import ComparisonRule
from loadws.terms.failures import is_of
from loadws.terms.percentiles import samples_for, supports

#: Windows are merged until there are no more than this: a bootstrap needs as many steps for each draw.
MOST_WINDOWS = 240


def measure(entries: Sequence[MetricEntry], rule: ComparisonRule) -> Measured:
    """Return a run's measurement for the rule; None where its entries have none."""
    selected = selected_by(entries, rule.threshold)
    if not selected:
        return None
    if selected[0].kind == "histogram" and (rule.judges_share or rule.percentile is not None):
        return _of_histogram(selected, rule)
    if rule.judges_share:
        return Share(sum(entry.failed for entry in selected), sum(entry.count for entry in selected))
    return observe(entries, rule.threshold).value


def _of_histogram(selected: list[MetricEntry], rule: ComparisonRule) -> Measured:
    histogram = merged(selected)
    if histogram is None:
        return None
    samples = histogram.count + histogram.missing
    if rule.percentile is None:  # completeness: deliveries that came, out of those that were expected
        return Share(histogram.count, samples)
    return histogram.percentile_with_missing(rule.percentile) if supports(samples, rule.percentile) else None


def too_few_samples(entries: Sequence[MetricEntry], rule: ComparisonRule) -> tuple[int, int] | None:
    """Return how many samples a run has for the rule's percentile and how many it needs; None where there are enough."""
    if rule.percentile is None:
        return None
    histogram = merged(selected_by(entries, rule.threshold))
    samples = 0 if histogram is None else histogram.count + histogram.missing
    needed = samples_for(rule.percentile)
    return None if samples >= needed else (samples, needed)


@dataclass(slots=True)
class _Windows:
    """The histograms of one rule, by the second in which they were measured."""

    rule: ComparisonRule
    seconds: dict[int, LatencyHistogram] = field(default_factory=dict)

    def add(self, second: int, histogram: LatencyHistogram) -> None:
        known = self.seconds.get(second)
        if known is None:
            known = self.seconds[second] = LatencyHistogram(*histogram.span)
        known.add(histogram)

    def of(self) -> list[Window]:
        """Return the windows in the order of time; neighbours are merged where there are too many."""
        ordered = [self.seconds[second] for second in sorted(self.seconds)]
        width = max(1, math.ceil(len(ordered) / MOST_WINDOWS))
        return [_window(ordered[start : start + width]) for start in range(0, len(ordered), width)]


def windows_of(frames: Iterable[Frame], rules: Sequence[ComparisonRule], judged: Set[str]) -> list[list[Window]]:
    """Return the windows of each rule on a percentile: one for each second of the ``judged`` phases; else an empty list."""
    found = [_Windows(rule) for rule in rules]
    wanted = [each for each in found if each.rule.percentile is not None]
    for frame in frames:
        for part in frame.histograms:
            takers = [each for each in wanted if _takes(each.rule, part.name, part.labels, judged)]
            if takers:
                histogram = LatencyHistogram.decode(part)
                for each in takers:
                    each.add(round(frame.start_s), histogram)
    return [each.of() for each in found]


def _takes(rule: ComparisonRule, name: str, labels: Mapping[str, str], judged: Set[str]) -> bool:
    selection = rule.selection
    if name != selection.metric or labels.get("phase") not in judged:
        return False
    return all(
        is_of(labels.get(label, ""), value) if label == "kind" else labels.get(label) == value
        for label, value in selection.labels.items()
    )


def _window(histograms: Sequence[LatencyHistogram]) -> Window:
    whole = LatencyHistogram(*histograms[0].span)
    for histogram in histograms:
        whole.add(histogram)
    silent = [(math.inf, whole.missing)] if whole.missing else []
    return [*whole.values(), *silent]
