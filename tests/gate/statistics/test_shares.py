"""Exact tests and the interval of two shares: tables from the sources, invariances, and scipy as an oracle."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from loadws.gate.statistics.shares import (
    Share,
    compare_pairs,
    compare_runs,
    difference_interval,
    fisher_p,
    share_interval,
    whole,
)

some_shares = st.integers(1, 60).flatmap(lambda total: st.integers(0, total).map(lambda hits: Share(hits, total)))
many_shares = st.lists(some_shares, min_size=1, max_size=8)


@pytest.mark.parametrize(
    ("baseline", "candidate", "p"),
    [
        # the lady tasting tea: 3 of 4 cups right, (1 + 16 + 16 + 1) / 70
        (Share(3, 4), Share(1, 4), 34 / 70),
        (Share(4, 4), Share(0, 4), 2 / 70),
        (Share(0, 4), Share(0, 4), 1.0),
        (Share(4, 4), Share(4, 4), 1.0),
        (Share(0, 1000), Share(0, 1), 1.0),
    ],
)
def test_fishers_test_on_small_tables(baseline: Share, candidate: Share, p: float) -> None:
    assert fisher_p(baseline, candidate) == pytest.approx(p)


@pytest.mark.slow
@given(some_shares, some_shares)
def test_fishers_test_is_scipys(baseline: Share, candidate: Share) -> None:
    from scipy import stats  # takes long to import, and few tests need it

    table = [[share.hits, share.total - share.hits] for share in (baseline, candidate)]
    assert fisher_p(baseline, candidate) == pytest.approx(stats.fisher_exact(table).pvalue)
    assert fisher_p(candidate, baseline) == pytest.approx(fisher_p(baseline, candidate))


@pytest.mark.slow
def test_fishers_test_on_a_million_tries() -> None:
    from scipy import stats  # takes long to import, and few tests need it

    ours, theirs = Share(1_000, 1_000_000), Share(1_150, 1_000_000)
    table = [[1_000, 999_000], [1_150, 998_850]]
    assert fisher_p(ours, theirs) == pytest.approx(stats.fisher_exact(table).pvalue, rel=1e-4)


# -- intervals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("candidate", "baseline", "low", "high"),
    [
        # Newcombe 1998, table II, method 10: 56/70 - 48/80, 9/10 - 3/10, 10/10 - 0/10, 0/10 - 0/20
        (Share(56, 70), Share(48, 80), 0.0524, 0.3339),
        (Share(9, 10), Share(3, 10), 0.1705, 0.8090),
        (Share(10, 10), Share(0, 10), 0.6075, 1.0),
        (Share(0, 10), Share(0, 20), -0.1611, 0.2775),
    ],
)
def test_the_interval_of_a_difference_is_newcombes(candidate: Share, baseline: Share, low: float, high: float) -> None:
    assert difference_interval([baseline], [candidate], 0.05) == pytest.approx((low, high), abs=1e-4)


@pytest.mark.slow
@given(some_shares, st.sampled_from([0.1, 0.05, 0.01]))
def test_the_interval_of_a_share_is_scipys(share: Share, alpha: float) -> None:
    from scipy import stats  # takes long to import, and few tests need it

    oracle = stats.binomtest(share.hits, share.total).proportion_ci(1 - alpha, method="wilson")
    assert share_interval([share], alpha) == pytest.approx((oracle.low, oracle.high))


@pytest.mark.slow
@given(many_shares, many_shares, st.sampled_from([0.1, 0.01]))
def test_swapping_sides_or_hits_turns_the_interval_round(
    baseline: list[Share], candidate: list[Share], alpha: float
) -> None:
    low, high = difference_interval(baseline, candidate, alpha)
    assert -1 - 1e-9 <= low <= high <= 1 + 1e-9
    assert difference_interval(candidate, baseline, alpha) == pytest.approx((-high, -low))
    ours, theirs = ([Share(share.total - share.hits, share.total) for share in side] for side in (baseline, candidate))
    assert difference_interval(ours, theirs, alpha) == pytest.approx((-high, -low))


def test_uneven_clusters_widen_the_interval() -> None:
    even, uneven = [Share(10, 100)] * 10, [Share(100, 100), *[Share(0, 100)] * 9]
    one = [Share(100, 1_000)]
    (low, high), (wide_low, wide_high) = difference_interval(one, even, 0.01), difference_interval(one, uneven, 0.01)
    assert wide_low < low
    assert high < wide_high
    assert wide_high > 0.3


def test_no_failure_on_both_sides_still_allows_some() -> None:
    """The rule of three and its kin: z² / n at 99 %."""
    few, many = [Share(0, 100)] * 12, [Share(0, 10_000)] * 12
    assert difference_interval(few, few, 0.01) == pytest.approx((-0.0055, 0.0055), abs=1e-4)
    assert difference_interval(many, many, 0.01) == pytest.approx((-0.000055, 0.000055), abs=1e-6)
    assert difference_interval([], few, 0.01) == (-math.inf, math.inf)
    assert difference_interval(few, [Share(0, 0)], 0.01) == (-math.inf, math.inf)


def test_a_share_of_nothing_has_no_value() -> None:
    assert (Share(0, 0).value, Share(1, 4).value, whole([Share(1, 4), Share(2, 4)])) == (None, 0.25, Share(3, 8))


# -- comparisons ------------------------------------------------------------------------------------------------------


def test_pairs_of_slices() -> None:
    found = compare_pairs([Share(1, 100)] * 12, [Share(5, 100)] * 12, 0.0, 0.01)
    assert found.change == pytest.approx(0.04)
    assert found.low > 0
    assert (found.n, found.unknown) == (12, 0)
    assert found.p == pytest.approx(2 / 2**12, rel=0.5)  # the slices are the sample, not the 2,400 tries


def test_failures_of_a_single_slice_are_no_change() -> None:
    """100 failures of 1,200 tries, all in one slice of twelve: by counts alone it would be beyond any doubt."""
    clean = [Share(0, 100)] * 12
    found = compare_pairs(clean, [Share(100, 100), *[Share(0, 100)] * 11], 0.001, 0.01)
    assert fisher_p(Share(0, 1200), Share(100, 1200)) < 1e-20
    assert found.p == 1.0


def test_several_runs_and_one_run_a_side() -> None:
    several = compare_runs([Share(1, 100)] * 5, [Share(9, 100)] * 5, 0.0, 0.01)
    assert several.p >= 2 / 252
    assert several.n == 5
    one = compare_runs([Share(1, 1000)], [Share(30, 1000)], 0.0, 0.01)
    assert one.p >= fisher_p(Share(1, 1000), Share(30, 1000))
    assert one.low > 0


def test_what_was_not_tried_is_not_compared() -> None:
    found = compare_pairs([Share(0, 0), Share(1, 10)], [Share(1, 10), Share(1, 10)], 0.0, 0.01)
    assert (found.n, found.unknown, found.change) == (1, 1, 0.0)
    nothing = compare_runs([], [Share(1, 10)], 0.0, 0.01)
    assert (nothing.change, nothing.low, nothing.high, nothing.p) == (None, -math.inf, math.inf, 1.0)


@pytest.mark.slow
@given(many_shares, many_shares, st.floats(-0.5, 0.5))
def test_p_and_interval_agree_about_the_limit(baseline: list[Share], candidate: list[Share], limit: float) -> None:
    """Where p is at most alpha, the interval at alpha leaves the limit out."""
    alpha = 0.05
    found = compare_runs(baseline, candidate, limit, alpha)
    assume(abs(found.low - limit) > 1e-9)
    assume(abs(found.high - limit) > 1e-9)
    if found.p <= alpha:
        assert not found.low <= limit <= found.high
    back = compare_runs(candidate, baseline, -limit, alpha)
    assert back.p == pytest.approx(found.p)


@pytest.mark.slow
def test_an_a_a_comparison_of_overdispersed_shares_rarely_differs() -> None:
    """300 comparisons of 12 pairs whose own failure rate varies from slice to slice by a factor of ten."""
    chance = random.Random(3)

    def side() -> list[Share]:
        rates = [0.02 * 10 ** chance.uniform(-0.5, 0.5) for _ in range(12)]
        return [Share(sum(chance.random() < rate for _ in range(100)), 100) for rate in rates]

    false = 0
    for _ in range(300):
        found = compare_pairs(side(), side(), 0.0, 0.05)
        false += found.p <= 0.05
    assert false / 300 <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 300)
