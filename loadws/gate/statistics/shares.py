"""Shares (failed tries, say) of a baseline and a candidate: exact tests and the interval of the difference.

x of n tries of a side are hits, in clusters: the slices, or the runs. p_a, p_b: the two shares, on all tries of a side.

*Test of no difference.* The unit is the cluster, for tries of one run fail together. Pairs of slices: the sign-flip
test on the differences of their rates (``paired``). Several runs on each side: the exact rank-sum test on their rates, with
ties (``unpaired``). One run on each side: Fisher's exact test on the four counts (Fisher, "Statistical Methods for Research
Workers", 5th ed., 1934, section 21.02), two-sided: of all tables with the same sums, those that are no likelier than
what was seen. It does not include the spread between runs, and the report calls it weaker.

*Interval of p_b - p_a* (Newcombe, "Interval estimation for the difference between independent proportions",
Statistics in Medicine 17, 1998, method 10), from Wilson's intervals [l, u] of each share (Wilson, JASA 22, 1927):

    low = d - √((p_b - l_b)² + (u_a - p_a)²),   high = d + √((u_b - p_b)² + (p_a - l_a)²),   d = p_b - p_a

Wilson's with n / D in the place of n, D being the side's design effect (``terms.percentiles.cluster_effect``), and
with Student's quantile of (clusters - 1) where D is estimated (Korn, Graubard, Survey Methodology 24, 1998). Where a
side has no hit at all (or only hits) D is unknown, and it is 1. So a baseline of 0 is no special case: no
failure in n tries still allows about z² / n.

*p value of a limit L*: the larger of the exact test's and of the smallest α at which the interval leaves L out. So
nothing is beyond a limit that is not first different at all.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from loadws.gate.statistics import paired, unpaired
from loadws.gate.statistics.estimate import Estimate
from loadws.gate.statistics.student import t_quantile
from loadws.terms.percentiles import cluster_effect

#: The smallest p value that is distinguished from 0, and how often its range is halved: to a ten-thousandth of it.
_LEAST_P = 1e-12
_HALVINGS = 18


class Share(NamedTuple):
    """A share: ``hits`` out of ``total``, for example failed tries out of all tries."""

    hits: int
    total: int

    @property
    def value(self) -> float | None:
        """The share, from 0 to 1; None of nothing."""
        return self.hits / self.total if self.total else None


def whole(clusters: Sequence[Share]) -> Share:
    """Return all clusters as one share."""
    return Share(sum(cluster.hits for cluster in clusters), sum(cluster.total for cluster in clusters))


def compare_pairs(
    baseline: Sequence[Share], candidate: Sequence[Share], limit: float, alpha: float, seed: int = 0
) -> Estimate:
    """Return the estimate of the difference of the shares of paired slices. Pairs without a try on a side are left out."""
    pairs = [pair for pair in zip(baseline, candidate, strict=True) if pair[0].total and pair[1].total]
    ours, theirs = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    differences = [_rate(after) - _rate(before) for before, after in pairs]
    exact_p = paired.sign_flip_p(differences, seed)
    return _estimate(ours, theirs, exact_p, limit, alpha, unknown=len(baseline) - len(pairs))


def compare_runs(baseline: Sequence[Share], candidate: Sequence[Share], limit: float, alpha: float) -> Estimate:
    """Return the estimate of the difference of the shares of runs that are no pairs. Runs without a try are left out."""
    ours, theirs = ([share for share in side if share.total] for side in (baseline, candidate))
    if len(ours) == len(theirs) == 1:
        exact_p = fisher_p(ours[0], theirs[0])
    else:
        exact_p = unpaired.rank_sum_p([_rate(share) for share in ours], [_rate(share) for share in theirs])
    unknown = len(baseline) + len(candidate) - len(ours) - len(theirs)
    return _estimate(ours, theirs, exact_p, limit, alpha, unknown)


def fisher_p(baseline: Share, candidate: Share) -> float:
    """Return the two-sided p value of "both shares are equal", by Fisher's exact test."""
    hits = baseline.hits + candidate.hits
    least, most = max(0, hits - candidate.total), min(hits, baseline.total)
    logs = [_log_table(baseline.total, candidate.total, hits, of_baseline) for of_baseline in range(least, most + 1)]
    seen = logs[baseline.hits - least]
    return min(1.0, sum(math.exp(each) for each in logs if each <= seen + 1e-7))


def difference_interval(baseline: Sequence[Share], candidate: Sequence[Share], alpha: float) -> tuple[float, float]:
    """Return the 1 - ``alpha`` interval of the difference; infinite on both sides where a side has no try."""
    if not whole(baseline).total or not whole(candidate).total:
        return -math.inf, math.inf
    p_a, (l_a, u_a) = _rate(whole(baseline)), share_interval(baseline, alpha)
    p_b, (l_b, u_b) = _rate(whole(candidate)), share_interval(candidate, alpha)
    return (
        p_b - p_a - math.hypot(p_b - l_b, u_a - p_a),
        p_b - p_a + math.hypot(u_b - p_b, p_a - l_a),
    )


def share_interval(clusters: Sequence[Share], alpha: float) -> tuple[float, float]:
    """Return Wilson's interval of one side's share with its effective number of tries. Needs at least one try."""
    hits, total = whole(clusters)
    p = hits / total
    mixed = len(clusters) > 1 and 0 < hits < total
    z = t_quantile(1 - alpha / 2, len(clusters) - 1 if mixed else math.inf)
    n = total / cluster_effect(clusters)
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    reach = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return max(0.0, middle - reach), min(1.0, middle + reach)


def _estimate(
    baseline: Sequence[Share], candidate: Sequence[Share], exact_p: float, limit: float, alpha: float, unknown: int
) -> Estimate:
    n = min(len(baseline), len(candidate))
    low, high = difference_interval(baseline, candidate, alpha)
    if not n:
        return Estimate(None, low, high, 1.0, 0, unknown, 1)
    change = _rate(whole(candidate)) - _rate(whole(baseline))
    p = _p_of_limit(baseline, candidate, limit, exact_p)
    is_constant = all(_rate(whole(side)) in (0.0, 1.0) for side in (baseline, candidate))
    return Estimate(change, low, high, p, n, unknown, max(1, len(baseline) + len(candidate) - 2), is_constant)


def _p_of_limit(baseline: Sequence[Share], candidate: Sequence[Share], limit: float, exact_p: float) -> float:
    """Return the smallest α, but at least ``exact_p``, at which the interval leaves ``limit`` out.

    Found by halving in logarithms, because intervals shrink as α grows.
    """
    low, high = max(exact_p, _LEAST_P), 1.0
    if not _contains(baseline, candidate, limit, low):
        return exact_p
    for _ in range(_HALVINGS):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if _contains(baseline, candidate, limit, middle) else (low, middle)
    return high


def _contains(baseline: Sequence[Share], candidate: Sequence[Share], limit: float, alpha: float) -> bool:
    below, above = difference_interval(baseline, candidate, alpha)
    return below <= limit <= above


def _rate(share: Share) -> float:
    return share.hits / share.total


def _log_table(ours: int, theirs: int, hits: int, of_ours: int) -> float:
    """Return the logarithm of the hypergeometric chance of a table with the sums that were seen."""
    return _log_comb(ours, of_ours) + _log_comb(theirs, hits - of_ours) - _log_comb(ours + theirs, hits)


def _log_comb(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
