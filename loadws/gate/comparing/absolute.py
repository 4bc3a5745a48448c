"""Thresholds among the rules of a comparison: they are judged on the candidate's runs, whatever the baseline is.

A percentile or a share is judged on all runs together, with the runs as the blocks of its design effect. Any other
value is judged by its median over the runs.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from loadws.gate.check import judge_rule, merged, observe, selected_by
from loadws.gate.statistics.changes import median, plain_level
from loadws.metrics.summary import Check, Summary
from loadws.metrics.wording import sentence_of
from loadws.terms.thresholds import Threshold


def judge_thresholds(thresholds: Sequence[Threshold], runs: Sequence[Summary]) -> tuple[Check, ...]:
    """Return each threshold, judged on the candidate's runs."""
    return tuple(_judged(threshold, runs) for threshold in thresholds)


def _judged(threshold: Threshold, runs: Sequence[Summary]) -> Check:
    selected = [selected_by(run.metrics, threshold) for run in runs]
    first = next((entries[0] for entries in selected if entries), None)
    if first is not None and (threshold.percentile is not None or threshold.unit == "ratio"):
        together = [entry for entries in selected for entry in entries]
        return judge_rule(together, threshold, windows=_blocks(runs, threshold))
    values = [value for run in runs if (value := observe(run.metrics, threshold).value) is not None]
    middle = median([plain_level(value) for value in values])
    check = Check(
        rule=threshold.rule,
        outcome="no_data" if middle is None else "passed" if threshold.holds(middle) else "failed",
        observed=middle,
        unit=threshold.unit,
        note=f"median of {len(values)} runs" if len(values) > 1 else "",
        op=threshold.op,
        limit=threshold.value,
        samples=len(values),
    )
    return msgspec.structs.replace(check, sentence=sentence_of(check))


def _blocks(runs: Sequence[Summary], threshold: Threshold) -> list[tuple[int, int]]:
    """Return (samples beyond the limit, samples) of each run, for a percentile; a single run is not a block."""
    if threshold.percentile is None or len(runs) < 2:
        return []
    histograms = [merged(selected_by(run.metrics, threshold)) for run in runs]
    return [
        (histogram.count_above(threshold.value) + histogram.missing, histogram.count + histogram.missing)
        for histogram in histograms
        if histogram is not None
    ]
