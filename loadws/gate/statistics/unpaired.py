"""Unpaired runs of two sides: Mann-Whitney's test, the Hodges-Lehmann shift and its interval.

x_1 .. x_m: the baseline's levels, y_1 .. y_n: the candidate's, one a run (``changes``). Assumed: all runs are
independent, and without a change the two sides have the same distribution. The first does not hold where the machine
drifts between the baseline and the candidate, which is why pairs are better.

*Test* (Mann, Whitney, Annals of Mathematical Statistics 18, 1947; with ties: Lehmann, "Nonparametrics", 1975, section
1.4): the sum of the candidate's ranks among all m + n, of equal levels the mean rank, against all (m + n)! / (m! n!)
ways to choose which runs are the candidate's. p is twice the share at least as extreme on the nearer side. Its least
value with 5 a side is .0079, with 10 a side 1.1e-5. Beyond 60 runs: normal, with the correction for ties and for
continuity (Hollander, Wolfe, Chicken, "Nonparametric Statistical Methods", 3rd ed., 2014, section 4.1).

*Estimate and interval* (ibid., sections 4.2 and 4.3): the median of all m n differences y_j - x_i, and from the K-th
smallest to the K-th largest, where P(U <= K - 1) <= α / 2. With ties it contains the true shift at least as often.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate

from loadws.gate.statistics.changes import change, known, median
from loadws.gate.statistics.estimate import Estimate
from loadws.gate.statistics.student import NORMAL

EXACT_RUNS = 60


def compare(baseline: Sequence[float], candidate: Sequence[float], limit: float, alpha: float) -> Estimate:
    """Return the estimate of the shift of levels, with its 1 - ``alpha`` interval and the p value of ``limit``."""
    ours, theirs = known(baseline), known(candidate)
    m, n = len(ours), len(theirs)
    shifts = [change(one, other) for one in ours for other in theirs]
    low, high = shift_interval(shifts, m, n, alpha)
    p = rank_sum_p([level + limit for level in ours], theirs)
    unknown = len(baseline) + len(candidate) - m - n
    return Estimate(median(shifts), low, high, p, min(m, n), unknown, max(1, m + n - 2))


def least_runs(alpha: float) -> int:
    """Return the fewest runs on each side that can show anything at level ``alpha``."""
    return next(runs for runs in range(1, EXACT_RUNS) if least_p(runs, runs) <= alpha)


def least_p(baseline: int, candidate: int) -> float:
    """Return the least two-sided p value that so many runs on each side can show."""
    return min(1.0, 2 / math.comb(baseline + candidate, candidate))


# -- the test ---------------------------------------------------------------------------------------------------------


def rank_sum_p(baseline: Sequence[float], candidate: Sequence[float]) -> float:
    """Return the two-sided p value of "both sides have the same distribution"; 1 where a side is empty."""
    m, n = len(baseline), len(candidate)
    if not m or not n:
        return 1.0
    ranks = _doubled_ranks([*baseline, *candidate])
    seen = sum(ranks[m:])
    if m + n > EXACT_RUNS:
        return _normal_p(ranks, m, n, seen)
    ways = _subset_sums(tuple(ranks), n)
    total = math.comb(m + n, n)
    return min(1.0, 2 * min(sum(ways[: seen + 1]), sum(ways[seen:])) / total)


def _doubled_ranks(levels: Sequence[float]) -> list[int]:
    """Return twice the rank of each level, the mean rank for equal ones, so that all are whole."""
    ranks: dict[float, int] = {}
    below = 0
    for level, count in sorted(Counter(levels).items()):
        ranks[level] = 2 * below + count + 1
        below += count
    return [ranks[level] for level in levels]


def _subset_sums(ranks: tuple[int, ...], size: int) -> list[int]:
    """Return in how many ways ``size`` of the ranks have the sum 0, 1, 2, ..

    ``packed[j]`` is the generating function of subsets of j ranks, Σ ways · 2^(width · sum), as one whole number.
    """
    width = len(ranks) + 1  # there are 2^len subsets in all
    packed = [1] + [0] * size
    for rank in ranks:
        for j in range(size, 0, -1):
            packed[j] += packed[j - 1] << (rank * width)
    return _unpacked(packed[size], width)


def _unpacked(packed: int, width: int) -> list[int]:
    digits = f"{packed:b}"
    return [int(digits[max(0, end - width) : end], 2) for end in range(len(digits), 0, -width)]


def _normal_p(doubled: Sequence[int], m: int, n: int, seen: int) -> float:
    runs = m + n
    ties = sum(count**3 - count for count in Counter(doubled).values())
    spread = math.sqrt(m * n / 12 * (runs + 1 - ties / (runs * (runs - 1))))
    distance = abs(seen / 2 - n * (runs + 1) / 2) - 0.5
    p = 1.0 if distance <= 0 or not spread else 2 * NORMAL.cdf(-distance / spread)
    return max(p, least_p(m, n))  # of one run against many, the normal distribution promises too much


# -- the interval -----------------------------------------------------------------------------------------------------


def shift_interval(shifts: Sequence[float], m: int, n: int, alpha: float) -> tuple[float, float]:
    """Return the interval of the true shift, infinite on both sides where the runs are too few for it.

    ``shifts``: all m n differences. One that is not known, because both levels are infinite, lies below all others
    for the lower end and above for the upper.
    """
    below = _rank_sum_quantile(m, n, alpha / 2)
    if below is None:
        return -math.inf, math.inf
    low = sorted(-math.inf if math.isnan(each) else each for each in shifts)[below]
    high = sorted(math.inf if math.isnan(each) else each for each in shifts)[-1 - below]
    return low, high


@lru_cache(maxsize=256)
def _rank_sum_quantile(m: int, n: int, probability: float) -> int | None:
    """Return the largest k with P(U <= k) <= ``probability``; None where even P(U = 0) is larger."""
    if not m or not n:
        return None
    if m + n > EXACT_RUNS:
        spread = math.sqrt(m * n * (m + n + 1) / 12)
        k = math.floor(m * n / 2 + NORMAL.inv_cdf(probability) * spread - 0.5)
        return k if k >= 0 and least_p(m, n) <= 2 * probability else None
    least = n * (n + 1) // 2
    ways = _subset_sums(tuple(range(1, m + n + 1)), n)[least:]
    allowed = probability * math.comb(m + n, n)
    k = sum(1 for count in accumulate(ways) if count <= allowed * (1 + 1e-12)) - 1
    return k if k >= 0 else None
