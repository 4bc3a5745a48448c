"""How much a percentile of so many samples may claim.

Two rules of measurement.md: a percentile p of n samples is a number only when n·(1 - p) >= 10, so when ten samples or
more lie beyond it; and beside each judged percentile stands an interval that holds the true one with 95 % confidence.
The interval reaches from one order statistic of the sample to another, and supposes nothing of how the values are
distributed (Hahn, Meeker, Escobar, "Statistical Intervals", 2nd ed., 2017, section 5.2; David, Nagaraja, "Order
Statistics", 3rd ed., 2003, section 7.1). Percentiles are in percent, ranks from 1.
"""

from __future__ import annotations

import math
from fractions import Fraction

BEYOND = 10
CONFIDENCE = 0.95
#: How far from its mean a binomial is summed up, in standard deviations (and counts, for narrow ones): what lies
#: outside is less than rounding.
_REACH = 12


def supports(count: int, percentile: float) -> bool:
    """Whether so many samples can carry the percentile."""
    return count * (100 - Fraction(str(percentile))) >= BEYOND * 100


def samples_for(percentile: float) -> int:
    """The smallest number of samples that can carry the percentile."""
    return math.ceil(BEYOND * 100 / (100 - Fraction(str(percentile))))


def interval_ranks(count: int, percentile: float, confidence: float = CONFIDENCE) -> tuple[int | None, int | None]:
    """The ranks whose values hold the true percentile between them; None for an end that so few samples do not have.

    How many of n samples lie at or below the true p-quantile is binomial (n, p), so the lower rank is the largest l
    with P(B < l) <= (1 - confidence) / 2, and the upper the smallest u with P(B < u) >= (1 + confidence) / 2.
    """
    lower = _binomial_quantile(count, percentile / 100, (1 - confidence) / 2)
    upper = _binomial_quantile(count, percentile / 100, (1 + confidence) / 2) + 1
    return lower or None, upper if upper <= count else None


def _binomial_quantile(count: int, share: float, probability: float) -> int:
    """The smallest k with P(B <= k) >= probability: summed from far below the mean, each term from the one before."""
    spread = math.sqrt(count * share * (1 - share))
    k = max(0, math.floor(count * share - _REACH * (spread + 1)))
    term = _binomial_term(count, share, k)
    below = term
    while below < probability and k < count:
        term *= (count - k) / (k + 1) * share / (1 - share)
        k += 1
        below += term
    return k


def _binomial_term(count: int, share: float, k: int) -> float:
    """P(B = k), by logarithms: the factorials of a million overflow."""
    ways = math.lgamma(count + 1) - math.lgamma(k + 1) - math.lgamma(count - k + 1)
    return math.exp(ways + k * math.log(share) + (count - k) * math.log1p(-share))
