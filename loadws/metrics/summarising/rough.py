"""What the rules on times are judged by while the run goes, within 1.6 %: cheap enough to be looked at every second.

The exact histograms of a run hold thousands of buckets, and copying one would hold up the load for ten milliseconds. The
verdict is made of the exact ones.
"""

from __future__ import annotations

from collections.abc import Collection

from loadws.metrics.frame import HistogramPart
from loadws.metrics.histograms.histogram import LatencyHistogram, span_of
from loadws.metrics.summarising.totals import histogram_entry
from loadws.metrics.summary import MetricEntry
from loadws.terms.metrics import Metric
from loadws.terms.thresholds import Threshold


class RoughRule:
    """The values that one rule on a histogram is about, of its phase or of the ``judged`` phases."""

    def __init__(self, threshold: Threshold, metric: Metric, judged: Collection[str]) -> None:
        self._threshold = threshold
        self._metric = metric
        self._labels = {label: value for label, value in threshold.labels.items() if label != "phase"}
        self._phases = {threshold.labels["phase"]} if "phase" in threshold.labels else set(judged)
        self._values = LatencyHistogram(*span_of(metric.name, metric.unit))

    def covers(self, part: HistogramPart) -> bool:
        """Return whether the rule is about a part of a frame."""
        return (
            part.name == self._metric.name
            and part.labels.get("phase") in self._phases
            and self._labels.items() <= part.labels.items()
        )

    def add(self, rough: LatencyHistogram) -> None:
        """Add the values of a part that it covers."""
        self._values.add(rough)

    def entries(self, seconds: float) -> tuple[MetricEntry, ...]:
        """Return what the rule is judged by; ``seconds`` is how long its phases have lasted. Nothing without a value."""
        if not self._values.count and not self._values.missing:
            return ()
        return (histogram_entry(self._metric, dict(self._threshold.labels), self._values, seconds),)


class RoughRules:
    """The rules of a run that are about times or other histograms."""

    def __init__(self, thresholds: Collection[Threshold], metrics: Collection[Metric], judged: Collection[str]) -> None:
        """``judged`` are the names of the phases that are judged where a rule names none."""
        histograms = {metric.name: metric for metric in metrics if metric.kind == "histogram"}
        self._rules = {
            threshold.rule: RoughRule(threshold, histograms[threshold.metric], judged)
            for threshold in thresholds
            if threshold.metric in histograms
        }

    def covering(self, part: HistogramPart) -> list[RoughRule]:
        """Return the rules that are about a part of a frame."""
        return [rule for rule in self._rules.values() if rule.covers(part)]

    def of(self, threshold: Threshold) -> RoughRule | None:
        """Return what is kept for a threshold; None where it is about no histogram."""
        return self._rules.get(threshold.rule)
