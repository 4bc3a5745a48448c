"""The value of each run that a rule of a comparison is about, as charts and tables show it. Nothing is judged by it."""

from __future__ import annotations

import math
from collections.abc import Callable

from loadws.metrics.histograms.histogram import LatencyHistogram
from loadws.metrics.summary import MetricEntry, Summary
from loadws.report import timings
from loadws.terms.comparisons import parse_comparison
from loadws.terms.metrics import percentile_of
from loadws.terms.percentiles import supports
from loadws.terms.rule_text import RuleError, Selection


def selection_of(rule: str) -> Selection | None:
    """Return what a rule selects; None for a metric that only its scenario knows."""
    try:
        return parse_comparison(rule).selection
    except RuleError:
        return None


def value_of(summary: Summary, selection: Selection) -> float | None:
    """Return a run's value; None where the run has none, its samples are too few, or it lies among the unanswered."""
    entries = [e for e in summary.entries(selection.metric, **selection.labels) if e.labels == dict(selection.labels)]
    entry = entries[0] if entries else None if selection.labels else timings.overall(summary, selection.metric)
    value = None if entry is None else _of(entry, selection.aggregate)
    return value if value is not None and math.isfinite(value) else None


def _of(entry: MetricEntry, aggregate: str) -> float | None:
    percentile = percentile_of(aggregate)
    if percentile is not None:
        return _percentile(entry, percentile)
    return _AGGREGATES[aggregate](entry)


def _percentile(entry: MetricEntry, percentile: float) -> float | None:
    if not entry.histogram or not supports(entry.count + entry.missing, percentile):
        return None
    return LatencyHistogram.of_entry(entry).percentile_with_missing(percentile)


def _completeness(entry: MetricEntry) -> float | None:
    whole = entry.count + entry.missing
    return entry.count / whole if whole else None


_AGGREGATES: dict[str, Callable[[MetricEntry], float | None]] = {
    "min": lambda entry: entry.min,
    "mean": lambda entry: entry.mean,
    "max": lambda entry: entry.max,
    "count": lambda entry: entry.count,
    "rate": lambda entry: entry.value if entry.kind == "rate" else entry.per_s,
    "completeness": _completeness,
}
