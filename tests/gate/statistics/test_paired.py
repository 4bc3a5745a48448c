"""The sign-flip test and the signed-rank interval: small tables by hand, invariances, and scipy as an oracle."""

from __future__ import annotations

import itertools
import math
import random

import numpy
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from loadws.gate.statistics import paired
from loadws.gate.statistics.paired import (
    compare,
    hodges_lehmann,
    least_pairs,
    sign_flip_p,
    signed_rank_interval,
    signed_rank_quantile,
    signed_rank_ways,
)

INF = math.inf
some_changes = st.lists(st.integers(-50, 50).map(lambda number: number / 10), min_size=1, max_size=9)
many_changes = st.lists(st.floats(-3, 3), min_size=1, max_size=14)


@pytest.mark.parametrize(("pairs", "least"), [(5, 0.0625), (8, 0.0078), (10, 0.002), (12, 0.0005)])
def test_the_least_p_of_so_many_pairs(pairs: int, least: float) -> None:
    assert sign_flip_p([1.0 + index for index in range(pairs)]) == pytest.approx(2 / 2**pairs)
    assert round(2 / 2**pairs, 4) == least


@pytest.mark.parametrize(
    ("changes", "p"),
    [
        # 1 + 2 + 3 = 6 is reached by + + + and - - - of 8 patterns
        ([1, 2, 3], 2 / 8),
        # -1 + 2 + 3 = 4 is reached by ± 6 and ± 4
        ([-1, 2, 3], 4 / 8),
        # ties in the sum: ± 1 is the least that there is
        ([1, 1, -1], 1.0),
        ([2, -1, -1], 1.0),
        # a pair without a change says nothing: as [1, 2, 3]
        ([0, 1, 2, 3, 0], 2 / 8),
        ([0, 0], 1.0),
        ([], 1.0),
        # sums that binary fractions round differently are equal: 0.1 + 0.2 - 0.3
        ([0.1, 0.2, -0.3], 1.0),
        ([0.3, 0.3, 0.3], 2 / 8),
        # one infinite change outweighs the finite ones, as the largest would
        ([INF, 1, 2], 2 / 8),
        ([INF, -1, 2], 4 / 8),
        ([INF, -INF, 5], 1.0),
    ],
)
def test_p_of_a_small_table(changes: list[float], p: float) -> None:
    assert sign_flip_p(changes) == pytest.approx(p)


@pytest.mark.slow
@given(some_changes)
def test_p_is_what_counting_all_patterns_gives(changes: list[float]) -> None:
    seen = abs(sum(changes)) - 1e-9
    patterns = [sum(map(math.prod, zip(signs, changes, strict=True)))
                for signs in itertools.product((1, -1), repeat=len(changes))]  # fmt: skip
    assert sign_flip_p(changes) == pytest.approx(sum(abs(each) >= seen for each in patterns) / len(patterns))


@pytest.mark.slow
@given(many_changes, st.floats(1e-3, 1e3), st.randoms(use_true_random=False))
def test_p_does_not_depend_on_side_unit_or_order(changes: list[float], unit: float, chance: random.Random) -> None:
    p = sign_flip_p(changes)
    assert sign_flip_p([-change for change in changes]) == p
    assert sign_flip_p(chance.sample(changes, len(changes))) == p
    assert sign_flip_p([change * unit for change in changes]) == pytest.approx(p, abs=1e-3)


@pytest.mark.slow
def test_p_is_scipys_permutation_test() -> None:
    from scipy import stats  # takes long to import, and few tests need it

    changes = [0.3, -0.1, 0.25, 0.5, 0.02, 0.11, -0.04, 0.6, 0.35]
    oracle = stats.permutation_test(
        (numpy.array(changes),), numpy.sum, permutation_type="samples", n_resamples=numpy.inf, vectorized=False
    )
    assert sign_flip_p(changes) == pytest.approx(oracle.pvalue)


@pytest.mark.slow
def test_many_pairs_are_drawn_by_seed_and_agree_with_counting(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(5)
    changes = [chance.gauss(0.4, 1) for _ in range(20)]
    counted = sign_flip_p(changes)
    monkeypatch.setattr(paired, "EXACT_PAIRS", 10)
    assert sign_flip_p(changes, seed=1) == sign_flip_p(changes, seed=1)
    assert sign_flip_p(changes, seed=1) == pytest.approx(counted, abs=0.01)
    assert sign_flip_p([1.0] * 40) == pytest.approx(1 / (paired.FLIPS + 1))


# -- the interval -----------------------------------------------------------------------------------------------------


def test_the_distribution_of_the_signed_rank_sum() -> None:
    """Hollander, Wolfe, Chicken, table A.4: P(W >= 9) of 4 is .125, P(W >= 15) of 5 is .031, P(W >= 68) of 12 is .010."""
    assert signed_rank_ways(3) == (1, 1, 1, 2, 1, 1, 1)
    assert sum(signed_rank_ways(4)[9:]) / 2**4 == 0.125
    assert sum(signed_rank_ways(5)[15:]) / 2**5 == pytest.approx(0.031, abs=5e-4)
    assert sum(signed_rank_ways(12)[68:]) / 2**12 == pytest.approx(0.010, abs=5e-4)


@pytest.mark.parametrize(
    ("pairs", "alpha", "below"),
    [
        (4, 0.05, None),  # 2/16 is the least
        (5, 0.0625, 0),
        (6, 0.05, 0),
        (8, 0.01, 0),
        (10, 0.05, 8),  # the critical value of Wilcoxon's test in every table
        (12, 0.05, 13),
        (12, 0.01, 7),
        (20, 0.05, 52),
        (20, 0.01, 37),
    ],
)
def test_the_critical_values_of_tables(pairs: int, alpha: float, below: int | None) -> None:
    assert signed_rank_quantile(pairs, alpha / 2) == below


def test_the_normal_approximation_goes_on_where_counting_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = signed_rank_quantile(100, 0.005)
    monkeypatch.setattr(paired, "EXACT_RANKS", 99)
    signed_rank_quantile.cache_clear()
    assert exact is not None
    assert signed_rank_quantile(100, 0.005) == pytest.approx(exact, abs=5)
    signed_rank_quantile.cache_clear()


@pytest.mark.slow
@given(many_changes, st.sampled_from([0.5, 0.1, 0.05, 0.01]))
def test_the_interval_is_all_that_wilcoxons_test_does_not_reject(changes: list[float], alpha: float) -> None:
    """A shift is outside when the signed-rank sum of what is left after it is among the ``alpha / 2`` on either side."""
    low, high = signed_rank_interval(changes, alpha)
    assume(len(set(map(abs, changes))) == len(changes))
    below = signed_rank_quantile(len(changes), alpha / 2)
    for shift in (low, high):
        if math.isinf(shift):
            assert below is None
            continue
        assert below is not None
        averages = [(a + b) / 2 for a, b in itertools.combinations_with_replacement(changes, 2)]
        assert sum(each < shift - 1e-9 for each in averages) <= len(averages) - below - 1
        assert (
            min(sum(each <= shift + 1e-9 for each in averages), sum(each >= shift - 1e-9 for each in averages)) > below
        )


@pytest.mark.slow
@given(many_changes, st.floats(-5, 5), st.floats(0.1, 10))
def test_estimate_and_interval_move_with_the_changes(changes: list[float], shift: float, unit: float) -> None:
    estimate, (low, high) = hodges_lehmann(changes), signed_rank_interval(changes, 0.05)
    assert estimate is not None
    assert low <= estimate + 1e-12
    assert estimate <= high + 1e-12
    moved = [change * unit + shift for change in changes]
    assert hodges_lehmann(moved) == pytest.approx(estimate * unit + shift, abs=1e-9)
    assert signed_rank_interval(moved, 0.05) == pytest.approx((low * unit + shift, high * unit + shift), abs=1e-9)
    swapped = signed_rank_interval([-change for change in changes], 0.05)
    assert swapped == pytest.approx((-high, -low))
    assert hodges_lehmann([-change for change in changes]) == pytest.approx(-estimate)


@pytest.mark.parametrize(
    ("changes", "estimate", "low", "high"),
    [
        ([1.0] * 8, 1.0, 1.0, 1.0),
        ([0.0] * 8, 0.0, 0.0, 0.0),
        # too few
        ([1.0, 2.0, 3.0], 2.0, -INF, INF),
        ([], None, -INF, INF),
        # infinite: the ends that reach them are
        ([INF] * 8, INF, INF, INF),
        ([1.0] * 7 + [INF], 1.0, 1.0, INF),
        # of +inf and -inf nothing is known, in either direction
        ([-INF] * 4 + [INF] * 4, 0.0, -INF, INF),
    ],
)
def test_ties_and_infinite_changes(changes: list[float], estimate: float | None, low: float, high: float) -> None:
    assert (hodges_lehmann(changes), *signed_rank_interval(changes, 0.01)) == (estimate, low, high)


def test_compare_puts_it_together() -> None:
    found = compare([0.1, 0.2, 0.3, math.nan, 0.4, 0.5, 0.6, 0.7, 0.8], 0.05, 0.01)
    assert found.change == pytest.approx(0.45)
    assert (found.low, found.high) == (0.1, 0.8)
    assert (found.p, found.n, found.unknown, found.freedom) == (2 / 2**8, 8, 1, 7)


@pytest.mark.parametrize(("alpha", "pairs"), [(0.0625, 5), (0.05, 6), (0.01, 8), (0.002, 10), (0.0005, 12)])
def test_the_fewest_pairs_that_show_anything(alpha: float, pairs: int) -> None:
    assert least_pairs(alpha) == pairs
    assert signed_rank_quantile(pairs, alpha / 2) is not None
    assert signed_rank_quantile(pairs - 1, alpha / 2) is None
