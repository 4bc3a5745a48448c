"""Judge one percentile by the interval that contains the true one with 95 % confidence.

An interval within the limit passes, one beyond it fails; where the limit is inside the interval, the samples are too
few to tell (measurement.md, "Judged time, percentiles"). There is no other rule for few samples. An end of the interval
that the samples are too few for is unknown, and anything is possible on that side. Requests without an answer rank
above every value.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

from loadws.metrics.histograms.histogram import LatencyHistogram
from loadws.terms.percentiles import design_effect, samples_for_interval, samples_to_decide, scaled_ranks
from loadws.terms.thresholds import Threshold

PercentileOutcome = Literal["passed", "failed", "too_close"]


class PercentileJudgement(NamedTuple):
    """The result. ``observed``, ``lower`` and ``upper`` are in the threshold's unit; None is an end that the samples
    are too few for.

    ``needs`` is about how many more samples would decide, where the outcome is ``too_close``; None where no number
    would.
    """

    outcome: PercentileOutcome
    observed: float
    lower: float | None
    upper: float | None
    needs: int | None = None


def judge_percentile(
    histogram: LatencyHistogram, threshold: Threshold, windows: Sequence[tuple[int, int]] = ()
) -> PercentileJudgement:
    """Judge a histogram that is not empty, including requests without an answer.

    ``windows`` are (samples beyond the limit, samples) of consecutive seconds, for the design effect.
    """
    percentile = threshold.percentile
    assert percentile is not None
    count = histogram.count + histogram.missing
    effect = design_effect(windows)
    effective = max(1, min(count, int(count / effect)))
    lower, upper = (
        None if rank is None else histogram.value_at_rank(rank) for rank in scaled_ranks(count, effective, percentile)
    )
    observed = histogram.percentile_with_missing(percentile)
    outcome = _outcome(threshold, lower, upper, observed)
    needs = _needs(histogram, threshold, count, effect) if outcome == "too_close" else None
    return PercentileJudgement(outcome, observed, lower, upper, needs)


def _outcome(threshold: Threshold, lower: float | None, upper: float | None, observed: float) -> PercentileOutcome:
    if threshold.op == "==":
        return "passed" if threshold.holds(observed) else "failed"
    worst, best = (upper, lower) if threshold.op in ("<", "<=") else (lower, upper)
    if worst is not None and threshold.holds(worst):
        return "passed"
    if best is not None and not threshold.holds(best):
        return "failed"
    return "too_close"


def _needs(histogram: LatencyHistogram, threshold: Threshold, count: int, effect: float) -> int | None:
    percentile = threshold.percentile or 0.0
    beyond = histogram.count_above(threshold.value) + histogram.missing
    if beyond == 0 or beyond == count:  # the limit is on one side of every sample: only the interval's ends are missing
        wanted: int | None = samples_for_interval(percentile)
    else:
        wanted = samples_to_decide(percentile, beyond / count)
    return None if wanted is None else max(1, math.ceil(wanted * effect) - count)
