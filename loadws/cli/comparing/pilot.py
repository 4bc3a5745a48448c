"""Find how long a slice has to be, by a first short slice of each side.

A percentile p needs n(1 - p) >= 10 samples in each slice, and some more, because slices differ. The slice is as long as
the slowest rule needs on the slower side, at least a second, and at most what the user allows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from loadws.gate.check import merged, selected_by
from loadws.metrics.summary import Summary
from loadws.terms.comparisons import ComparisonRule
from loadws.terms.percentiles import samples_for
from loadws.terms.units import NS_PER_S

#: How many times the least number of samples a slice should have.
SPARE = 1.5
SHORTEST_S = 1.0


class Need(NamedTuple):
    """The length of a slice that a rule needs, in seconds; infinite where the pilot had no sample at all."""

    rule: ComparisonRule
    seconds: float


def needs_of(rules: Sequence[ComparisonRule], pilots: Sequence[Summary]) -> list[Need]:
    """Return the need of each rule, by the pilot with the fewest samples."""
    return [Need(rule, max(_seconds(rule, pilot) for pilot in pilots)) for rule in rules]


def slice_length_ns(needs: Sequence[Need], longest_ns: int) -> int:
    """Return how long the judged phase of a slice lasts, in nanoseconds."""
    wanted = max((need.seconds for need in needs if math.isfinite(need.seconds)), default=0.0)
    return min(longest_ns, round(max(SHORTEST_S, wanted) * NS_PER_S))


def out_of_reach(needs: Sequence[Need], length_ns: int) -> list[Need]:
    """Return the rules that a slice of this length is too short for."""
    return [need for need in needs if need.seconds / SPARE * NS_PER_S > length_ns and math.isfinite(need.seconds)]


def _seconds(rule: ComparisonRule, pilot: Summary) -> float:
    if rule.percentile is None:
        return 0.0
    histogram = merged(selected_by(pilot.metrics, rule.threshold))
    samples = 0 if histogram is None else histogram.count + histogram.missing
    if not samples or pilot.run.judged_s <= 0:
        return math.inf
    return samples_for(rule.percentile) * SPARE * pilot.run.judged_s / samples
