"""The samples that a percentile needs, and its confidence interval.

A percentile p of n samples is used only when n·(1 - p) >= 10, that is, when at least ten samples are beyond it. Each
judged percentile has an interval that contains the true percentile with 95 % confidence. The interval reaches from one
order statistic of the sample to another and assumes nothing about the distribution of the values (Hahn, Meeker,
Escobar, "Statistical Intervals", 2nd ed., 2017, section 5.2; David, Nagaraja, "Order Statistics", 3rd ed., 2003,
section 7.1). Percentiles are in percent; ranks begin at 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

#: The percentiles that tables and series have, by the names of their fields in ``summary.json``.
PERCENTILES = {"p50": 50.0, "p75": 75.0, "p90": 90.0, "p95": 95.0, "p99": 99.0, "p999": 99.9, "p9999": 99.99}
BEYOND = 10
#: A design effect needs this many blocks, of this many samples each.
FEWEST_BLOCKS, SAMPLES_OF_A_BLOCK = 10, 10
#: No more blocks than this, so that a block is longer than what makes neighbouring samples alike.
MOST_BLOCKS = 30
#: A number of samples that no run of a day has.
MOST_SAMPLES = 10_000_000
CONFIDENCE = 0.95
#: A binomial is summed from this many standard deviations below its mean (and as many counts, for narrow ones); the
#: probability outside is smaller than the rounding error.
_REACH = 12


def percentile_name(field: str) -> str:
    """Return how rules and tables write a percentile, or another aggregate: ``p99.9`` for the field ``p999``."""
    return f"p{PERCENTILES[field]:g}" if field in PERCENTILES else field


def supports(count: int, percentile: float) -> bool:
    """Return whether ``count`` samples are enough for the percentile."""
    return count * (100 - Fraction(str(percentile))) >= BEYOND * 100


def samples_for(percentile: float) -> int:
    """Return the smallest number of samples that is enough for the percentile."""
    return math.ceil(BEYOND * 100 / (100 - Fraction(str(percentile))))


def rank_of(percentile: float, count: int) -> int:
    """Return the nearest rank: the smallest, from 1, with at least ``percentile`` % of ``count`` values at or below it.

    Exact, because 99.9 % of 1,000 is rank 999 and binary fractions would make it 1,000.
    """
    return max(1, math.ceil(Fraction(str(percentile)) * count / 100))


def interval_ranks(count: int, percentile: float, confidence: float = CONFIDENCE) -> tuple[int | None, int | None]:
    """Return the ranks whose values contain the true percentile; None for an end that ``count`` samples do not have.

    The number B of n samples at or below the true p-quantile is binomial (n, p), so the lower rank is the largest l
    with P(B < l) <= (1 - confidence) / 2, and the upper the smallest u with P(B < u) >= (1 + confidence) / 2.
    """
    lower = _binomial_quantile(count, percentile / 100, (1 - confidence) / 2)
    upper = _binomial_quantile(count, percentile / 100, (1 + confidence) / 2) + 1
    return lower or None, upper if upper <= count else None


def samples_for_interval(percentile: float, confidence: float = CONFIDENCE) -> int:
    """Return the smallest number of samples whose interval has both ends.

    The maximum is an upper end where P(B <= n - 1) >= (1 + c) / 2, so where p^n <= (1 - c) / 2; the minimum a lower end
    where (1 - p)^n is as small.
    """
    share, tail = percentile / 100, (1 - confidence) / 2
    return max(math.ceil(math.log(tail) / math.log(side)) for side in (share, 1 - share))


def scaled_ranks(count: int, effective: int, percentile: float) -> tuple[int | None, int | None]:
    """Return the ranks of the interval among ``count`` samples that are worth only ``effective`` independent ones."""
    lower, upper = interval_ranks(effective, percentile)
    return (
        None if lower is None else max(1, lower * count // effective),
        None if upper is None else min(count, math.ceil(upper * count / effective)),
    )


def design_effect(blocks: Sequence[tuple[int, int]]) -> float:
    """Return the design effect of the share of samples beyond a limit in one run; at least 1.

    ``blocks`` are (how many of the samples are beyond the limit, how many samples) of consecutive windows. Neighbours are
    put together until each block has ten samples and no more than thirty blocks are left: blocks shorter than a pause of
    the server hide that its samples belong together, and more blocks add little (Schmeiser, "Batch size effects in the
    analysis of simulation output", Operations Research 30, 1982). With fewer than ten blocks the effect is unknown
    and is 1.
    """
    full = _blocks_of(blocks, SAMPLES_OF_A_BLOCK, math.ceil(len(blocks) / MOST_BLOCKS))
    return cluster_effect(full) if len(full) >= FEWEST_BLOCKS else 1.0


def cluster_effect(clusters: Sequence[tuple[int, int]]) -> float:
    """Return by how much the variance of a share exceeds that of independent samples; at least 1.

    ``clusters`` are (y, m), y of m samples of each. With the share p = sum y / sum m, the variance between k clusters of the
    ratio estimator is k / (k - 1) * sum (y - p m)^2 / (sum m)^2, that of independent samples p (1 - p) / sum m (Cochran,
    "Sampling Techniques", 3rd ed., 1977, sections 2.11 and 9A.3; Kish, "Survey Sampling", 1965, section 8.2; Rao, Scott,
    "A simple method for the analysis of clustered binary data", Biometrics 48, 1992). An estimate below 1 is chance as a
    rule, and would make intervals too narrow. The effect is unknown and is 1 with fewer than two clusters that hold
    samples, and where none or all of the samples are counted.
    """
    filled = [(y, m) for y, m in clusters if m]
    hits, count = sum(y for y, _ in filled), sum(m for _, m in filled)
    if len(filled) < 2 or not 0 < hits < count:
        return 1.0
    share = hits / count
    between = len(filled) / (len(filled) - 1) * sum((y - share * m) ** 2 for y, m in filled) / count**2
    return max(1.0, between / (share * (1 - share) / count))


def _blocks_of(windows: Sequence[tuple[int, int]], least: int, width: int) -> list[tuple[int, int]]:
    """Return the windows put together by ``width``, and more until a block has ``least`` samples; a rest joins the last."""
    blocks: list[tuple[int, int]] = []
    beyond = count = held = 0
    for more_beyond, more in windows:
        beyond, count, held = beyond + more_beyond, count + more, held + 1
        if count >= least and held >= width:
            blocks.append((beyond, count))
            beyond = count = held = 0
    if count and blocks:
        last_beyond, last = blocks.pop()
        blocks.append((last_beyond + beyond, last + count))
    return blocks


def samples_to_decide(percentile: float, share_beyond: float) -> int | None:
    """Return about how many independent samples put the whole interval on one side of the limit.

    ``share_beyond`` is the share of the samples that lie beyond the limit, and is taken to stay as it is. None where even
    ``MOST_SAMPLES`` would not do: the percentile is about as large as the limit.
    """
    least, most = samples_for_interval(percentile), MOST_SAMPLES
    if not _decides(most, percentile, share_beyond):
        return None
    while least < most:
        middle = (least + most) // 2
        if _decides(middle, percentile, share_beyond):
            most = middle
        else:
            least = middle + 1
    return most


def _decides(count: int, percentile: float, share_beyond: float) -> bool:
    within = count * (1 - share_beyond)  # ranks up to here hold values within the limit
    lower, upper = interval_ranks(count, percentile)
    return (upper is not None and upper <= within) or (lower is not None and lower > within)


def _binomial_quantile(count: int, share: float, probability: float) -> int:
    """Return the smallest k with P(B <= k) >= probability, summed from far below the mean, each term from the last."""
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
    """Return P(B = k), by logarithms because the factorials of a million overflow."""
    ways = math.lgamma(count + 1) - math.lgamma(k + 1) - math.lgamma(count - k + 1)
    return math.exp(ways + k * math.log(share) + (count - k) * math.log1p(-share))
