"""The rank-sum test and the interval of the shift: small tables by hand, invariances, and scipy as an oracle."""

from __future__ import annotations

import itertools
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadws.gate.statistics import unpaired
from loadws.gate.statistics.unpaired import compare, least_runs, rank_sum_p, shift_interval

INF = math.inf
tied = st.lists(st.integers(0, 6).map(float), min_size=1, max_size=5)
apart = st.lists(st.floats(-3, 3), min_size=1, max_size=8, unique=True)


@pytest.mark.parametrize(("runs", "least"), [(3, 0.1), (4, 0.0286), (5, 0.0079), (10, 1.1e-5)])
def test_the_least_p_of_so_many_runs_a_side(runs: int, least: float) -> None:
    p = rank_sum_p(range(runs), range(runs, 2 * runs))
    assert p == pytest.approx(2 / math.comb(2 * runs, runs))
    assert p == pytest.approx(least, rel=0.02)


@pytest.mark.parametrize(
    ("baseline", "candidate", "p"),
    [
        # of 6 ways to choose two of 1 2 3 4, one is as low as 1 + 2
        ([3, 4], [1, 2], 2 / 6),
        ([1, 3], [2, 4], 4 / 6),
        # all equal: every way is as extreme
        ([1, 1], [1, 1], 1.0),
        # ranks 1, 2.5, 2.5, 4: 6.5 or more in 3 of 6 ways ({2.5, 4} twice; {2.5, 2.5} is 5)
        ([1, 2], [2, 3], 4 / 6),
        # infinite levels are the highest, and equal
        ([1, 2], [INF, INF], 2 / 6),
        ([INF], [INF], 1.0),
        ([], [1], 1.0),
        ([1], [], 1.0),
    ],
)
def test_p_of_a_small_table(baseline: list[float], candidate: list[float], p: float) -> None:
    assert rank_sum_p(baseline, candidate) == pytest.approx(p)


@pytest.mark.slow
@given(tied, tied)
def test_p_with_ties_is_what_counting_all_ways_gives(baseline: list[float], candidate: list[float]) -> None:
    from scipy import stats  # takes long to import, and few tests need it

    ranks = list(stats.rankdata([*baseline, *candidate]))
    sums = [sum(chosen) for chosen in itertools.combinations(ranks, len(candidate))]
    seen = sum(ranks[len(baseline) :])
    tails = sum(each <= seen for each in sums), sum(each >= seen for each in sums)
    assert rank_sum_p(baseline, candidate) == pytest.approx(min(1.0, 2 * min(tails) / len(sums)))


@pytest.mark.slow
@given(apart, apart)
def test_p_without_ties_is_scipys(baseline: list[float], candidate: list[float]) -> None:
    from scipy import stats  # takes long to import, and few tests need it

    if set(baseline) & set(candidate):
        return
    oracle = stats.mannwhitneyu(candidate, baseline, alternative="two-sided", method="exact")
    assert rank_sum_p(baseline, candidate) == pytest.approx(oracle.pvalue)


@pytest.mark.slow
def test_p_of_many_runs_is_the_corrected_normal_one_of_scipy() -> None:
    from scipy import stats  # takes long to import, and few tests need it

    chance = random.Random(2)
    baseline = [float(chance.randrange(40)) for _ in range(35)]
    candidate = [float(chance.randrange(5, 45)) for _ in range(40)]
    oracle = stats.mannwhitneyu(candidate, baseline, alternative="two-sided", method="asymptotic")
    assert rank_sum_p(baseline, candidate) == pytest.approx(oracle.pvalue)
    assert rank_sum_p([1.0] * 40, [1.0] * 40) == 1.0


@pytest.mark.slow
@given(tied, tied, st.randoms(use_true_random=False))
def test_p_does_not_depend_on_side_scale_or_order(
    baseline: list[float], candidate: list[float], chance: random.Random
) -> None:
    p = rank_sum_p(baseline, candidate)
    assert rank_sum_p(candidate, baseline) == pytest.approx(p)
    assert rank_sum_p([-level for level in baseline], [-level for level in candidate]) == pytest.approx(p)
    assert rank_sum_p(chance.sample(baseline, len(baseline)), candidate) == p
    assert rank_sum_p([level**3 for level in baseline], [level**3 for level in candidate]) == p


# -- the interval -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("runs", "alpha", "below"),
    [
        (3, 0.05, None),
        (4, 0.05, 0),  # the critical values of Mann-Whitney's U in every table
        (5, 0.05, 2),
        (5, 0.01, 0),
        (10, 0.05, 23),
        (10, 0.01, 16),
        (20, 0.05, 127),
    ],
)
def test_the_critical_values_of_tables(runs: int, alpha: float, below: int | None) -> None:
    shifts = [float(number) for number in range(runs * runs)]
    expected = (-INF, INF) if below is None else (below, runs * runs - 1 - below)
    assert shift_interval(shifts, runs, runs, alpha) == expected


def test_the_normal_approximation_goes_on_where_counting_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    shifts = [float(number) for number in range(900)]
    exact = shift_interval(shifts, 30, 30, 0.01)
    monkeypatch.setattr(unpaired, "EXACT_RUNS", 59)
    unpaired._rank_sum_quantile.cache_clear()
    assert shift_interval(shifts, 30, 30, 0.01) == pytest.approx(exact, abs=4)
    unpaired._rank_sum_quantile.cache_clear()


@pytest.mark.slow
@given(apart, apart, st.floats(-2, 2))
def test_estimate_and_interval_move_with_the_candidate(
    baseline: list[float], candidate: list[float], shift: float
) -> None:
    found = compare(baseline, candidate, 0.0, 0.05)
    assert found.change is not None
    assert found.low <= found.change <= found.high
    moved = compare(baseline, [level + shift for level in candidate], shift, 0.05)
    assert (moved.change, moved.low, moved.high) == pytest.approx(
        (found.change + shift, found.low + shift, found.high + shift), abs=1e-9
    )
    back = compare(candidate, baseline, 0.0, 0.05)
    assert (back.change, back.low, back.high) == pytest.approx((-found.change, -found.high, -found.low))
    assert back.p == pytest.approx(found.p)


def test_runs_without_a_level_are_counted_and_left_out() -> None:
    found = compare([1.0, 2.0, 3.0, 4.0, math.nan], [5.0, 6.0, 7.0, 8.0], 0.0, 0.05)
    assert (found.change, found.low, found.high) == (4.0, 1.0, 7.0)
    assert found.p == pytest.approx(2 / 70)
    assert (found.n, found.unknown, found.freedom) == (4, 1, 6)


@pytest.mark.parametrize(
    ("baseline", "candidate", "change", "low", "high"),
    [
        # infinite on one side: the change is
        ([1.0] * 4, [INF] * 4, INF, INF, INF),
        # on both: nothing is known
        ([INF] * 4, [INF] * 4, None, -INF, INF),
        # without successes or failures to tell, 0 and 0 are equal
        ([-INF] * 4, [-INF] * 4, 0.0, 0.0, 0.0),
        ([], [], None, -INF, INF),
    ],
)
def test_infinite_levels(
    baseline: list[float], candidate: list[float], change: float | None, low: float, high: float
) -> None:
    found = compare(baseline, candidate, 0.0, 0.05)
    assert (found.change, found.low, found.high) == (change, low, high)


@pytest.mark.parametrize(("alpha", "runs"), [(0.05, 4), (0.01, 5), (0.002, 7), (1e-5, 11)])
def test_the_fewest_runs_that_show_anything(alpha: float, runs: int) -> None:
    assert least_runs(alpha) == runs


@pytest.mark.parametrize(("baseline", "candidate"), [(1, 100), (100, 1), (2, 80)])
def test_few_runs_against_many_show_no_more_than_can_be(baseline: int, candidate: int) -> None:
    """The normal distribution, which stands for many runs, promises more than one run can show."""
    ours, theirs = [10.0 + n for n in range(baseline)], [1000.0 + n for n in range(candidate)]
    least = unpaired.least_p(baseline, candidate)
    assert unpaired.rank_sum_p(ours, theirs) >= least
    low, high = unpaired.shift_interval([y - x for x in ours for y in theirs], baseline, candidate, 0.01)
    assert (low, high) == (-math.inf, math.inf) if least > 0.01 else low <= high
