"""One threshold held against what was measured.

The rules of language.md, "Thresholds": labels select exactly, and what is not named is merged, histograms and never
percentiles. A request without an answer ranks above every measured value, for it took longer than all of them. Where
fewer than ten samples lie beyond a percentile the maximum is judged in its place. No sample at all is a failed check,
but a counter that was watched and never counted is 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Literal, NamedTuple

from loadws.metrics.frame import HistogramPart
from loadws.metrics.histogram import LatencyHistogram
from loadws.metrics.statistics import CONFIDENCE, interval_ranks, samples_for, supports
from loadws.metrics.summary import Check, MetricEntry
from loadws.terms.thresholds import Threshold, format_value
from loadws.terms.units import format_count


class Observed(NamedTuple):
    """``value`` in the threshold's unit, None where there was no data."""

    value: float | None
    note: str = ""


NOTHING = Observed(None, "there was not one sample of it")


def judge_rule(entries: Iterable[MetricEntry], threshold: Threshold, *, aborted: bool = False) -> Check:
    """``entries``: a summary's, or those that a ``Summariser`` has in the middle of the run. ``aborted``: the rule was
    seen broken and ended the run, so it failed whatever came after."""
    value, note = observe(entries, threshold)
    if aborted:
        note = _joined(note, "broken in the middle of the run, which it ended")
    return Check(threshold.rule, _outcome(value, threshold, aborted), value, threshold.unit, note, aborted)


def _outcome(value: float | None, threshold: Threshold, aborted: bool) -> Literal["passed", "failed", "no_data"]:
    if aborted:
        return "failed"
    if value is None:
        return "no_data"
    return "passed" if threshold.holds(value) else "failed"


def observe(entries: Iterable[MetricEntry], threshold: Threshold) -> Observed:
    """What the threshold's metric, labels and aggregate come to."""
    of_metric = [entry for entry in entries if entry.name == threshold.metric and _same_time(entry, threshold)]
    selected = _selected(of_metric, threshold)
    if not of_metric:
        return NOTHING
    match of_metric[0].kind:
        case "histogram":
            return _of_histograms(selected, threshold)
        case "counter":
            return _of_counters(selected, threshold)
        case "rate":
            return _of_rates(selected, threshold)
        case "gauge":
            return Observed(getattr(selected[0], threshold.aggregate))


def _same_time(entry: MetricEntry, threshold: Threshold) -> bool:
    """The judged time, or the phase that the threshold names."""
    return entry.labels.get("phase") == threshold.labels.get("phase")


def _selected(entries: list[MetricEntry], threshold: Threshold) -> list[MetricEntry]:
    """The entry with just these labels, which is the whole of all that have more; else those that have more."""
    exact = [entry for entry in entries if entry.labels == threshold.labels]
    return exact or [entry for entry in entries if threshold.labels.items() <= entry.labels.items()]


def _of_counters(entries: list[MetricEntry], threshold: Threshold) -> Observed:
    if threshold.aggregate == "rate":
        return _per_second(entries)
    return Observed(sum(entry.count for entry in entries))


def _of_rates(entries: list[MetricEntry], threshold: Threshold) -> Observed:
    tried, failed = sum(entry.count for entry in entries), sum(entry.failed for entry in entries)
    if not tried:
        return NOTHING
    return Observed(tried if threshold.aggregate == "count" else failed / tried)


def _per_second(entries: list[MetricEntry]) -> Observed:
    rates = [entry.per_s for entry in entries if entry.per_s is not None]
    return NOTHING if len(rates) < len(entries) else Observed(sum(rates))


def _of_histograms(entries: list[MetricEntry], threshold: Threshold) -> Observed:
    histogram = merged(entries)
    if histogram is None:
        return NOTHING
    if threshold.percentile is not None:
        return _percentile(histogram, threshold)
    silent = _without_answer(histogram)
    match threshold.aggregate:
        case "max":
            return Observed(_maximum(histogram), silent)
        case "count":
            return Observed(histogram.count, silent)
        case "rate":
            return Observed(_per_second(entries).value, silent)
        case "completeness":
            return Observed(histogram.count / (histogram.count + histogram.missing), silent)
    if not histogram.count:
        return Observed(None, silent)
    return Observed(histogram.min if threshold.aggregate == "min" else histogram.mean, silent)


def merged(entries: list[MetricEntry]) -> LatencyHistogram | None:
    """The entries' histograms put together; None where there was nothing, not even a request without an answer."""
    histograms = [_histogram(entry) for entry in entries if entry.count or entry.missing]
    if not histograms:
        return None
    for other in histograms[1:]:
        histograms[0].add(other)
    return histograms[0]


def _histogram(entry: MetricEntry) -> LatencyHistogram:
    return LatencyHistogram.decode(
        HistogramPart(
            name=entry.name,
            labels=entry.labels,
            payload=entry.histogram or "",
            count=entry.count,
            min=entry.min or 0.0,
            max=entry.max or 0.0,
            sum=(entry.mean or 0.0) * entry.count,
            missing=entry.missing,
            out_of_range=entry.out_of_range,
        )
    )


def _maximum(histogram: LatencyHistogram) -> float:
    return math.inf if histogram.missing else histogram.max


def _percentile(histogram: LatencyHistogram, threshold: Threshold) -> Observed:
    percentile = threshold.percentile or 0.0
    total = histogram.count + histogram.missing
    if not supports(total, percentile):
        note = (
            f"the maximum stands in for {threshold.aggregate}: of {format_count(total)} samples, where it takes "
            f"{format_count(samples_for(percentile))}"
        )
        return Observed(_maximum(histogram), _joined(note, _without_answer(histogram)))
    value = histogram.percentile_with_missing(percentile)
    note = "" if value == math.inf else _interval(histogram, percentile, threshold.unit)
    return Observed(value, _joined(note, _without_answer(histogram)))


def _interval(histogram: LatencyHistogram, percentile: float, unit: str) -> str:
    """Both ends are there: a percentile with ten samples beyond it has them."""
    lower, upper = interval_ranks(histogram.count + histogram.missing, percentile)
    ends = (format_value(histogram.value_at_rank(rank), unit) for rank in (lower, upper) if rank)
    return f"{CONFIDENCE:.0%} interval {' to '.join(ends)}"


def _without_answer(histogram: LatencyHistogram) -> str:
    if not histogram.missing:
        return ""
    return f"{format_count(histogram.missing)} of {format_count(histogram.count + histogram.missing)} had no answer"


def _joined(*notes: str) -> str:
    return "; ".join(note for note in notes if note)
