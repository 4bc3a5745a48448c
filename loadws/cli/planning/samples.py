"""Warn of rules on percentiles that will have too few samples, before the run, when the scenario can still be changed."""

from __future__ import annotations

import math
from collections.abc import Iterator

from loadws.plan.plan import Plan
from loadws.plan.samples import expected_samples
from loadws.scenario.build import Loaded
from loadws.scenario.yaml.explain import Problem
from loadws.terms.percentiles import CONFIDENCE, PERCENTILES
from loadws.terms.thresholds import Threshold
from loadws.terms.units import format_count

#: Percentiles to judge instead, the highest first.
_OTHERS = sorted(PERCENTILES.values(), reverse=True)


def samples_needed(percentile: float) -> int:
    """Return the smallest number of samples whose confidence interval of the percentile has both its ends.

    The lower end needs P(no sample at or below it) <= 2.5 %, the upper P(all samples at or below it) <= 2.5 %; a test
    compares this with ``terms.percentiles.interval_ranks``. ``percentile`` is in percent.
    """
    tail, share = (1 - CONFIDENCE) / 2, percentile / 100
    return max(math.ceil(math.log(tail) / math.log(share)), math.ceil(math.log(tail) / math.log1p(-share)))


def short_of_samples(loaded: Loaded, plan: Plan) -> Iterator[Problem]:
    """Yield a warning for each rule on a percentile that will be too close to call because it has too few samples."""
    for index, threshold in enumerate(loaded.thresholds):
        if threshold.percentile is None:
            continue
        expected = expected_samples(loaded.scenario, plan, threshold)
        needed = samples_needed(threshold.percentile)
        if expected is not None and expected < needed:
            yield _problem(loaded, index, threshold, expected, needed)


def _problem(loaded: Loaded, index: int, threshold: Threshold, expected: float, needed: int) -> Problem:
    samples = f"about {format_count(round(expected))} samples" if expected else "no samples"
    message = f"{threshold.metric!r} will have {samples} here, and {threshold.aggregate} needs {format_count(needed)}"
    other = next((each for each in _OTHERS if samples_needed(each) <= expected), None)
    use = f"use max{f' or p{other:g}' if other else ''}, or" if expected else "use"
    offset = loaded.text.find(threshold.rule)
    line = loaded.text.count("\n", 0, offset) + 1 if offset >= 0 else 0
    column = offset - loaded.text.rfind("\n", 0, offset) if offset >= 0 else 0
    return Problem(loaded.path, line, column, message, f"{use} a longer load", "warning", where=("thresholds", index))
