"""Check what percentiles claim against tables and against simulation."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadws.terms.percentiles import interval_ranks, samples_for, supports


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
