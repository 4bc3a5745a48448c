"""Pairs of a baseline and a candidate: the sign-flip test, the Hodges-Lehmann estimate, and its interval.

d_i: the change of pair i, i = 1 .. n, on an additive scale (``changes``). Assumed: pairs are independent, and without
a change d_i and -d_i are equally likely. A coin for the order within each pair makes both true of any noise, so the test
and the interval are then exact. In ABBA or BAAB order two neighbouring pairs share one coin: a steady drift cancels, and
where neighbouring pairs resemble each other an interval of 99 % contains the change in about 98.5 % (``tests.stats``).

*Sign-flip test* (Fisher, "The Design of Experiments", 1935, section 21; Pitman, J. R. Stat. Soc. Suppl. 4, 1937): of
all 2^n ways to give |d_i - L| their signs, p is the share whose sum is at least as far from 0 as the sum that was
seen. It tests the change L, two-sided. Its least p is 2 / 2^n: 5 pairs .0625, 8 .0078, 10 .002, 12 .0005.

*Estimate* (Hodges, Lehmann, Annals of Mathematical Statistics 34, 1963): the median of the n (n + 1) / 2 Walsh averages
(d_i + d_j) / 2, i <= j.

*Interval* (Hollander, Wolfe, Chicken, "Nonparametric Statistical Methods", 3rd ed., 2014, section 3.3): from the K-th
smallest Walsh average to the K-th largest, where P(W <= K - 1) <= α / 2 and W is Wilcoxon's signed-rank sum. With
ties it contains the true change at least as often (Noether, JASA 62, 1967).
"""

from __future__ import annotations

import math
import random
from bisect import bisect_left
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

from loadws.gate.statistics.changes import known, median
from loadws.gate.statistics.estimate import Estimate
from loadws.gate.statistics.student import NORMAL

#: Up to so many pairs all sign patterns are counted: each half has 2^15.
EXACT_PAIRS = 30
#: Beyond that, so many random patterns are drawn.
FLIPS = 20_000
#: Up to so many pairs the distribution of the signed-rank sum is exact; beyond, normal.
EXACT_RANKS = 100
_STEPS = 2**40


def compare(changes: Sequence[float], limit: float, alpha: float, seed: int = 0) -> Estimate:
    """Return the estimate of the change with its 1 - ``alpha`` interval and the p value of ``limit``."""
    seen = known(changes)
    averages = walsh_averages(seen)
    low, high = _interval(averages, len(seen), alpha)
    p = sign_flip_p([change - limit for change in seen], seed)
    return Estimate(median(averages.known), low, high, p, len(seen), len(changes) - len(seen), max(1, len(seen) - 1))


def least_pairs(alpha: float) -> int:
    """Return the fewest pairs that can show anything at level ``alpha``: the least n with 2 / 2^n <= alpha."""
    return max(1, math.ceil(1 - math.log2(alpha)))


# -- the sign-flip test -----------------------------------------------------------------------------------------------


def sign_flip_p(changes: Sequence[float], seed: int = 0) -> float:
    """Return the two-sided p value of "the changes are symmetric about 0".

    Exact up to 30 pairs; beyond, of random patterns by ``seed``. An infinite change outweighs all finite ones together.
    """
    steps = _whole(changes)
    seen = abs(sum(steps)) - len(steps)  # rounding to whole steps may have moved the sum by half a step a pair, twice
    if seen <= 0:
        return 1.0
    if len(steps) > EXACT_PAIRS:
        return _drawn_p(steps, seen, seed)
    return min(1.0, 2 * _patterns_at_least(steps, seen) / (1 << len(steps)))


def _whole(changes: Sequence[float]) -> list[int]:
    """Return the changes in whole steps, so that equal sums are equal."""
    largest = max((abs(change) for change in changes if math.isfinite(change)), default=0.0) or 1.0
    beyond = _STEPS * (len(changes) + 1)
    scaled = [
        round(change / largest * _STEPS) if math.isfinite(change) else round(math.copysign(beyond, change))
        for change in changes
    ]
    return [steps for steps in scaled if steps]


def _patterns_at_least(steps: Sequence[int], seen: int) -> int:
    """Count the sign patterns whose sum is at least ``seen``: for each sum of one half, those of the other that suffice."""
    half = len(steps) // 2
    ours, theirs = _signed_sums(steps[:half]), sorted(_signed_sums(steps[half:]))
    return sum(len(theirs) - bisect_left(theirs, seen - each) for each in ours)


def _signed_sums(steps: Sequence[int]) -> list[int]:
    sums = [0]
    for step in steps:
        sums = [each - step for each in sums] + [each + step for each in sums]
    return sums


def _drawn_p(steps: Sequence[int], seen: int, seed: int) -> float:
    """Count the pattern that was seen among the drawn ones, so that p is never 0 (Phipson, Smyth, SAGMB 9, 2010)."""
    chance = random.Random(seed)
    total = sum(steps)
    extreme = 0
    for _ in range(FLIPS):
        pattern = chance.getrandbits(len(steps))
        flipped = sum(step for place, step in enumerate(steps) if pattern >> place & 1)
        extreme += abs(total - 2 * flipped) >= seen
    return (extreme + 1) / (FLIPS + 1)


# -- the estimate and its interval ------------------------------------------------------------------------------------


class Averages(NamedTuple):
    """Walsh averages: the ``known`` ones in order, and how many are of +inf and -inf, of which nothing is known."""

    known: list[float]
    unknown: int


def walsh_averages(changes: Sequence[float]) -> Averages:
    """Return the averages of all pairs of changes, each change with itself included."""
    halves = [change / 2 for change in changes]
    averages = [first + second for index, first in enumerate(halves) for second in halves[index:]]
    ordered = sorted(known(averages))
    return Averages(ordered, len(averages) - len(ordered))


def hodges_lehmann(changes: Sequence[float]) -> float | None:
    """Return the median of the known Walsh averages; None where there is none."""
    return median(walsh_averages(changes).known)


def signed_rank_interval(changes: Sequence[float], alpha: float) -> tuple[float, float]:
    """Return the interval of the true change; infinite on both sides where the pairs are too few for it."""
    return _interval(walsh_averages(changes), len(changes), alpha)


def _interval(averages: Averages, pairs: int, alpha: float) -> tuple[float, float]:
    """Count an average that is not known as below all others for the lower end, and as above them for the upper."""
    below = signed_rank_quantile(pairs, alpha / 2)
    if below is None or below < averages.unknown:
        return -math.inf, math.inf
    place = below - averages.unknown
    return averages.known[place], averages.known[-1 - place]


@lru_cache(maxsize=256)
def signed_rank_quantile(pairs: int, probability: float) -> int | None:
    """Return the largest k with P(W <= k) <= ``probability``; None where even P(W = 0) is larger."""
    if pairs > EXACT_RANKS:
        spread = math.sqrt(pairs * (pairs + 1) * (2 * pairs + 1) / 24)
        return math.floor(pairs * (pairs + 1) / 4 + NORMAL.inv_cdf(probability) * spread - 0.5)
    allowed = probability * 2**pairs
    k = sum(1 for ways in accumulate(signed_rank_ways(pairs)) if ways <= allowed * (1 + 1e-12)) - 1
    return k if k >= 0 else None


@lru_cache(maxsize=256)
def signed_rank_ways(pairs: int) -> tuple[int, ...]:
    """Return in how many ways the ranks 1 .. n with random signs have the positive sum 0, 1, .., n (n + 1) / 2."""
    ways = [1]
    for rank in range(1, pairs + 1):
        longer = ways + [0] * rank
        for total, count in enumerate(ways):
            longer[total + rank] += count
        ways = longer
    return tuple(ways)
