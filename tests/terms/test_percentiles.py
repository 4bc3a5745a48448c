"""Check what percentiles claim against tables and against simulation."""

import math
import random
from statistics import NormalDist, pvariance

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadws.terms.percentiles import (
    cluster_effect,
    design_effect,
    interval_ranks,
    rank_of,
    samples_for,
    scaled_ranks,
    supports,
)


@pytest.mark.parametrize(
    ("percentile", "least"),
    [
        (50, 20),  # ten above the median
        (90, 100),
        (99, 1_000),
        (99.9, 10_000),  # in floats, 10,000 · (1 - 0.999) is 9.99…
        (99.99, 100_000),
    ],
)
def test_a_percentile_takes_ten_samples_beyond_it(percentile: float, least: int) -> None:
    assert samples_for(percentile) == least
    assert supports(least, percentile)
    assert not supports(least - 1, percentile)


@pytest.mark.parametrize(
    ("percentile", "count", "rank"),
    [
        (0, 10, 1),  # there is no rank 0
        (50, 1, 1),
        (50, 2, 1),  # half of two values is the first
        (50, 3, 2),
        (99, 100, 99),
        (99.9, 1_000, 999),  # floats say 1,000
        (99.99, 10_000, 9_999),
        (99.9, 1_001, 1_000),
        (100, 7, 7),
    ],
)
def test_the_nearest_rank(percentile: float, count: int, rank: int) -> None:
    assert rank == rank_of(percentile, count)


@pytest.mark.parametrize(
    ("count", "percentile", "ranks"),
    [
        # the median's interval at 95 %, as tabulated for the sign test (Conover, "Practical Nonparametric Statistics", A3)
        (5, 50, (None, None)),
        (6, 50, (1, 6)),
        (10, 50, (2, 9)),
        (20, 50, (6, 15)),
        (100, 50, (40, 61)),
        # above a high percentile of few samples there is no order statistic left
        (100, 99, (97, None)),
        # many: n·p ± 1.96 · √(n·p·(1 - p)), 990,000 ± 195
        (1_000_000, 99, (989_805, 990_196)),
    ],
)
def test_the_ranks_of_an_interval(count: int, percentile: float, ranks: tuple[int | None, int | None]) -> None:
    assert interval_ranks(count, percentile) == ranks


@pytest.mark.slow
def test_the_interval_holds_the_true_percentile_as_often_as_it_says() -> None:
    """2,000 samples of 1,000: the coverage is at least 95 %, less three standard errors (0.5 % each)."""
    chance = random.Random(7)
    lower, upper = interval_ranks(1_000, 90)
    assert lower is not None
    assert upper is not None
    held = 0
    for _ in range(2_000):
        sample = sorted(chance.random() for _ in range(1_000))
        held += sample[lower - 1] <= 0.9 <= sample[upper - 1]
    assert 0.935 <= held / 2_000 <= 0.98


@given(st.integers(1, 5_000), st.sampled_from([50, 75, 90, 95, 99, 99.9]))
def test_an_interval_lies_around_its_percentile(count: int, percentile: float) -> None:
    lower, upper = interval_ranks(count, percentile)
    middle = math.ceil(count * percentile / 100)
    assert lower is None or 1 <= lower <= middle + 1
    assert upper is None or middle <= upper <= count
    if supports(count, percentile):
        assert lower is not None
        assert upper is not None


# -- blocks of a run --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("windows", "effect"),
    [
        # nine blocks are too few, however uneven
        ([(20, 20), *[(0, 20)] * 8], 1.0),
        # ten are enough: p = .1, v = 10/9 · (18² + 9 · 2²) / 200², binomial .09 / 200
        ([(20, 20), *[(0, 20)] * 9], 10 / 9 * (18**2 + 9 * 2**2) / (200 * 0.09)),
        # windows of five samples are put together by two: five blocks of ten windows are too few, ten of twenty are not
        ([(5, 5), *[(0, 5)] * 9], 1.0),
        ([*[(5, 5)] * 2, *[(0, 5)] * 18], 10 / 9 * (9**2 + 9 * 1**2) / (100 * 0.09)),
        # of no sample beyond the limit nothing is known
        ([(0, 20)] * 10, 1.0),
        ([], 1.0),
    ],
)
def test_the_design_effect_of_blocks(windows: list[tuple[int, int]], effect: float) -> None:
    assert design_effect(windows) == pytest.approx(effect)


def test_a_pause_over_many_windows_is_one_block() -> None:
    """600 windows of ten samples, 20 in a row slow: in blocks of 20 windows these 200 samples count as about one."""
    windows = [(0, 10)] * 300 + [(10, 10)] * 20 + [(0, 10)] * 280
    assert design_effect(windows) == pytest.approx(200, rel=0.1)


@pytest.mark.slow
def test_the_interval_of_windows_that_resemble_their_neighbours() -> None:
    """200 runs of 300 windows whose level wanders (each keeps .8 of the one before): it is to hold p90 in 95 %.

    Taken window by window it held it in 60 %, taken as independent in 37 %.
    """
    chance = random.Random(2)
    held = 0
    for _ in range(200):
        level, windows = chance.gauss(0, 1), []
        for _ in range(300):
            level = 0.8 * level + 0.6 * chance.gauss(0, 1)
            windows.append([level + chance.gauss(0, 1) for _ in range(10)])
        ordered = sorted(value for window in windows for value in window)
        limit = ordered[rank_of(90, len(ordered)) - 1]
        effect = design_effect([(sum(value > limit for value in window), len(window)) for window in windows])
        lower, upper = scaled_ranks(len(ordered), int(len(ordered) / effect), 90)
        truth = 2**0.5 * NormalDist().inv_cdf(0.9)
        held += (not lower or ordered[lower - 1] <= truth) and (not upper or truth <= ordered[upper - 1])
    assert held / 200 >= 0.83


# -- clusters ---------------------------------------------------------------------------------------------------------

Clusters = list[tuple[int, int]]
clusters = st.lists(
    st.integers(1, 40).flatmap(lambda total: st.integers(0, total).map(lambda hits: (hits, total))), max_size=15
)


@pytest.mark.parametrize(
    ("shares", "effect"),
    [
        # two clusters, all or nothing: v = 2/1 · (5² + 5²) / 20² = .25, binomial .5 · .5 / 20 = .0125
        ([(10, 10), (0, 10)], 20.0),
        # as even as can be: not below 1
        ([(5, 10), (5, 10)], 1.0),
        # of nothing, of one cluster, of no hit and of nothing but hits nothing is known
        ([], 1.0),
        ([(3, 10)], 1.0),
        ([(0, 10), (0, 10)], 1.0),
        ([(10, 10), (10, 10)], 1.0),
        # an empty cluster is none
        ([(10, 10), (0, 0), (0, 10)], 20.0),
    ],
)
def test_the_design_effect_of_small_tables(shares: Clusters, effect: float) -> None:
    assert cluster_effect(shares) == pytest.approx(effect)


@pytest.mark.slow
@given(clusters, st.randoms(use_true_random=False))
def test_hits_and_misses_and_the_order_are_alike(shares: Clusters, chance: random.Random) -> None:
    effect = cluster_effect(shares)
    assert effect >= 1
    assert cluster_effect([(total - hits, total) for hits, total in shares]) == pytest.approx(effect)
    assert cluster_effect(chance.sample(shares, len(shares))) == pytest.approx(effect)


def test_it_is_the_ratio_of_the_variances() -> None:
    """600 shares of 20 clusters whose own share is .1 or .3: the variance that they have beside the one of a binomial."""
    chance = random.Random(4)
    values, effects = [], []
    for _ in range(600):
        shares = [
            (sum(chance.random() < p for _ in range(50)), 50) for p in (chance.choice((0.1, 0.3)) for _ in range(20))
        ]
        values.append(sum(hits for hits, _ in shares) / 1000)
        effects.append(cluster_effect(shares))
    true = pvariance(values) / (0.2 * 0.8 / 1000)
    assert sum(effects) / len(effects) == pytest.approx(true, rel=0.1)
