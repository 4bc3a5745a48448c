"""Judge one threshold.

The rules of language.md, "Thresholds": labels select exactly (a kind its family too), and labels that are not named are
merged, as histograms and never as percentiles. A request without an answer ranks above every measured value, because it
lasted longer than all of them. A percentile is judged by its interval (``percentile``), everything else by its value.
No sample at all is a failed check, but a counter that was watched and never counted is 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from loadws.gate.percentile import PercentileJudgement, judge_percentile
from loadws.metrics.histograms.histogram import LatencyHistogram
from loadws.metrics.summary import Check, MetricEntry
from loadws.metrics.wording import sentence_of
from loadws.terms.failures import is_of
from loadws.terms.thresholds import Threshold
from loadws.terms.units import format_count


class Observed(NamedTuple):
    """The ``value`` in the threshold's unit, of ``samples`` values; None where there was no data."""

    value: float | None
    samples: int = 0
    note: str = ""
    percentile: PercentileJudgement | None = None


NOTHING = Observed(None)


def judge_rule(
    entries: Iterable[MetricEntry],
    threshold: Threshold,
    *,
    windows: Sequence[tuple[int, int]] = (),
    aborted: bool = False,
) -> Check:
    """Judge one rule.

    ``entries``: a summary's, or those that a ``Summariser`` has in the middle of the run. ``windows``: see
    ``judge_percentile``. ``aborted``: the rule was broken and ended the run, so it has failed whatever came later.
    """
    observed = observe(entries, threshold, windows)
    check = _check(observed, threshold)
    if aborted:
        check = msgspec.structs.replace(check, outcome="failed", aborted=True, needs=None)
    # The verdict has a sentence of its own for the rule that ended the run; the note says it where the check stands alone.
    sentence = sentence_of(check)
    note = _joined(check.note, "broken during the run, which this rule ended") if aborted else check.note
    return msgspec.structs.replace(check, sentence=sentence, note=note)


def _check(observed: Observed, threshold: Threshold) -> Check:
    found = observed.percentile
    if found is not None:
        return Check(
            rule=threshold.rule,
            outcome=found.outcome,
            observed=found.observed,
            unit=threshold.unit,
            note=observed.note,
            op=threshold.op,
            limit=threshold.value,
            samples=observed.samples,
            lower=None if found.lower == math.inf else found.lower,
            upper=None if found.upper == math.inf else found.upper,
            needs=found.needs,
        )
    value = observed.value
    return Check(
        rule=threshold.rule,
        outcome="no_data" if value is None else "passed" if threshold.holds(value) else "failed",
        observed=value,
        unit=threshold.unit,
        note=observed.note,
        op=threshold.op,
        limit=threshold.value,
        samples=observed.samples,
    )


def observe(entries: Iterable[MetricEntry], threshold: Threshold, windows: Sequence[tuple[int, int]] = ()) -> Observed:
    """Return the value of the threshold's metric, labels and aggregate."""
    selected = selected_by(entries, threshold)
    if not selected:
        return NOTHING
    match selected[0].kind:
        case "histogram":
            return _of_histograms(selected, threshold, windows)
        case "counter":
            return _of_counters(selected, threshold)
        case "rate":
            return _of_rates(selected, threshold)
        case "gauge":
            return Observed(getattr(selected[0], threshold.aggregate), selected[0].count)


def selected_by(entries: Iterable[MetricEntry], threshold: Threshold) -> list[MetricEntry]:
    """Return the entry with exactly the threshold's labels, which is the whole of all that have more; else those that
    have more.

    A counter with entries of the time in question, but none with these labels, was never counted with them: it is the
    whole with a count of 0.
    """
    of_metric = [entry for entry in entries if entry.name == threshold.metric and _same_time(entry, threshold)]
    exact = [entry for entry in of_metric if entry.labels == threshold.labels]
    some = exact or [entry for entry in of_metric if _has_labels(entry, threshold)]
    if some or not of_metric or of_metric[0].kind != "counter":
        return some
    return [msgspec.structs.replace(of_metric[0], labels=dict(threshold.labels), count=0, per_s=0.0)]


def _has_labels(entry: MetricEntry, threshold: Threshold) -> bool:
    """Return whether the entry has the rule's labels; a ``kind`` may be a family, as ``tls`` for every ``tls.…``."""
    return all(
        is_of(entry.labels.get(label, ""), value) if label == "kind" else entry.labels.get(label) == value
        for label, value in threshold.labels.items()
    )


def _same_time(entry: MetricEntry, threshold: Threshold) -> bool:
    """Return whether the entry is of the judged time, or of the phase that the threshold names."""
    return entry.labels.get("phase") == threshold.labels.get("phase")


def _of_counters(entries: list[MetricEntry], threshold: Threshold) -> Observed:
    count = sum(entry.count for entry in entries)
    return Observed(_per_second(entries) if threshold.aggregate == "rate" else count, count)


def _of_rates(entries: list[MetricEntry], threshold: Threshold) -> Observed:
    tried, failed = sum(entry.count for entry in entries), sum(entry.failed for entry in entries)
    if not tried:
        return NOTHING
    if threshold.aggregate == "count":
        return Observed(tried, tried)
    return Observed(failed / tried, tried, f"{format_count(failed)} of {format_count(tried)}")


def _per_second(entries: list[MetricEntry]) -> float | None:
    rates = [entry.per_s for entry in entries if entry.per_s is not None]
    return None if len(rates) < len(entries) else sum(rates)


def _of_histograms(entries: list[MetricEntry], threshold: Threshold, windows: Sequence[tuple[int, int]]) -> Observed:
    histogram = merged(entries)
    if histogram is None:
        return NOTHING
    samples, silent = histogram.count + histogram.missing, _without_answer(histogram)
    if threshold.percentile is not None:
        found = judge_percentile(histogram, threshold, windows)
        return Observed(found.observed, samples, silent, found)
    return Observed(_value(histogram, entries, threshold.aggregate), samples, silent)


def _value(histogram: LatencyHistogram, entries: list[MetricEntry], aggregate: str) -> float | None:
    """Return the value of an aggregate other than a percentile; None where it needs an answer and there was none."""
    match aggregate:
        case "max":
            return math.inf if histogram.missing else histogram.max
        case "count":
            return histogram.count
        case "rate":
            return _per_second(entries)
        case "completeness":
            return histogram.count / (histogram.count + histogram.missing)
    if not histogram.count:
        return None
    return histogram.min if aggregate == "min" else histogram.mean


def merged(entries: list[MetricEntry]) -> LatencyHistogram | None:
    """Return the entries' histograms, merged; None where there was nothing, not even a request without an answer."""
    histograms = [LatencyHistogram.of_entry(entry) for entry in entries if entry.count or entry.missing]
    if not histograms:
        return None
    for other in histograms[1:]:
        histograms[0].add(other)
    return histograms[0]


def _without_answer(histogram: LatencyHistogram) -> str:
    if not histogram.missing:
        return ""
    return f"{format_count(histogram.missing)} of {format_count(histogram.count + histogram.missing)} had no answer"


def _joined(*notes: str) -> str:
    return "; ".join(note for note in notes if note)
