"""The bootstrap of one run on each side."""

from __future__ import annotations

import math
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadws.gate.statistics.bootstrap import DRAWS, Window, compare, least_windows
from loadws.gate.statistics.changes import log_level, plain_level
from loadws.terms.percentiles import rank_of

INF = math.inf
Values = list[list[int]]
runs = st.lists(st.lists(st.integers(1, 50), max_size=12), min_size=1, max_size=6)


def windows(values: Values) -> list[Window]:
    return [sorted(Counter(map(float, window)).items()) for window in values]


def run(chance: random.Random, factor: float = 1.0, slow: float = 0.0, windows: int = 60) -> list[Window]:
    """Return windows of 50 times about ``factor``, every fifth longer by ``slow``."""
    made: list[Window] = []
    for index in range(windows):
        level = factor * (1 + slow * (index % 5 == 0))
        made.append(sorted(Counter(round(1000 * level * chance.uniform(0.5, 1.5)) / 1000 for _ in range(50)).items()))
    return made


@pytest.mark.slow
@given(runs, runs, st.sampled_from([50, 90, 99]))
def test_the_change_is_that_of_the_merged_windows(before: Values, after: Values, percentile: float) -> None:
    found = compare(windows(before), windows(after), percentile, plain_level, 0.0, 0.05)
    ours, theirs = (sorted(value for window in values for value in window) for values in (before, after))
    if not ours or not theirs:
        assert found.change is None
        return
    expected = theirs[rank_of(percentile, len(theirs)) - 1] - ours[rank_of(percentile, len(ours)) - 1]
    assert found.change == expected


@pytest.mark.slow
def test_a_change_is_inside_its_interval_and_an_equal_run_is_not_different() -> None:
    chance = random.Random(1)
    base = run(chance)
    slower = compare(base, run(chance, 1.2), 90, log_level, 0.0, 0.01, draws=400)
    assert slower.low < math.log(1.2) < slower.high
    assert slower.low > 0
    assert slower.p == pytest.approx(2 / 401)
    assert (slower.n, slower.unknown, slower.freedom) == (60, 0, 14)
    same = compare(base, run(chance), 90, log_level, 0.0, 0.01, draws=400)
    assert same.low < 0 < same.high
    assert same.p > 0.01
    # the p value is that of the limit: 20 % slower is not beyond 20 %
    assert compare(base, run(chance, 1.2), 90, log_level, math.log(1.2), 0.01, draws=400).p > 0.01


def test_blocks_of_slow_windows_widen_the_interval() -> None:
    def width(slow: float) -> float:
        chance = random.Random(2)
        found = compare(run(chance, slow=slow), run(chance, slow=slow), 50, log_level, 0.0, 0.05, draws=400)
        return found.high - found.low

    assert width(2.0) > 2 * width(0.0)


def test_the_seed_decides_the_draws() -> None:
    chance = random.Random(3)
    base, other = run(chance), run(chance)
    first = compare(base, other, 90, log_level, 0.0, 0.05, seed=1, draws=100)
    assert compare(base, other, 90, log_level, 0.0, 0.05, seed=1, draws=100) == first
    assert compare(base, other, 90, log_level, 0.0, 0.05, seed=2, draws=100) != first


def test_swapped_sides_have_the_opposite_change() -> None:
    chance = random.Random(4)
    base, other = run(chance), run(chance, 1.1)
    there = compare(base, other, 90, log_level, 0.0, 0.05, draws=400)
    back = compare(other, base, 90, log_level, 0.0, 0.05, draws=400)
    assert there.change is not None
    assert back.change == pytest.approx(-there.change)
    assert (back.low, back.high) == pytest.approx((-there.high, -there.low), abs=0.02)


@pytest.mark.parametrize(
    ("before", "after", "change", "low", "high"),
    [
        # too short for ten blocks, or empty
        ([[(1.0, 5)]] * 20, [[(2.0, 5)]] * 60, 1.0, -INF, INF),
        ([], [[(2.0, 5)]] * 60, None, -INF, INF),
        ([[]] * 60, [[(2.0, 5)]] * 60, None, -INF, INF),
        # every window alike
        ([[(1.0, 5)]] * 60, [[(2.0, 5)]] * 60, 1.0, 1.0, 1.0),
        # the percentile is among the unanswered requests
        ([[(1.0, 5)]] * 60, [[(1.0, 1), (INF, 4)]] * 60, INF, INF, INF),
        ([[(INF, 5)]] * 60, [[(INF, 5)]] * 60, None, -INF, INF),
    ],
)
def test_windows_that_are_few_or_alike_or_infinite(
    before: list[Window], after: list[Window], change: float | None, low: float, high: float
) -> None:
    found = compare(before, after, 90, plain_level, 0.0, 0.05, draws=50)
    assert (found.change, found.low, found.high) == (change, low, high)


def test_how_many_windows_make_ten_blocks() -> None:
    assert least_windows(0.01) == 30
    assert DRAWS * 0.01 / 2 >= 10  # the ends at 99 % are not the very extremes
