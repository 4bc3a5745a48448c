"""E-divisive: by definition, by hand, with Apache Otava as an oracle, and how often it errs."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Sequence
from importlib.util import find_spec

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadws.gate.statistics.changepoint import LEAST_RUNS, best_split, change_points

levels = st.lists(st.integers(-20, 20).map(float), max_size=14)


def steps(seed: int, *levels_of: tuple[int, float]) -> list[float]:
    """Return runs with a standard deviation of 1 about each level, so many each."""
    chance = random.Random(seed)
    return [chance.gauss(level, 1) for runs, level in levels_of for _ in range(runs)]


def energy(left: Sequence[float], right: Sequence[float]) -> float:
    """Q as Matteson and James define it: n m / (n + m) times the energy distance of the two samples."""
    n, m = len(left), len(right)
    across = 2 / (n * m) * sum(abs(x - y) for x in left for y in right)
    within = [
        sum(abs(a - b) for a, b in itertools.combinations(side, 2)) / math.comb(len(side), 2) for side in (left, right)
    ]
    return n * m / (n + m) * (across - sum(within))


@pytest.mark.slow
@given(levels)
def test_the_best_split_is_that_of_the_definition(history: list[float]) -> None:
    splits = [
        energy(history[:tau], history[tau:kappa])
        for tau in range(LEAST_RUNS, len(history))
        for kappa in range(tau + LEAST_RUNS, len(history) + 1)
    ]
    assert best_split(history).energy == pytest.approx(max([0.0, *splits]), abs=1e-9)


def needs_otava() -> None:
    if find_spec("otava") is None:
        pytest.skip(
            "Apache Otava is not installed (pip install apache-otava): a second opinion, which needs 100 s to install"
        )


@pytest.mark.servers
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_best_split_is_otavas(seed: int) -> None:
    needs_otava()
    import numpy
    from otava.change_point_divisive.calculator import PairDistanceCalculator

    history = steps(seed, (20, 0.0), (15, 4.0))
    theirs = PairDistanceCalculator(numpy.array(history)).get_candidate_change_point(slice(0, len(history)))
    ours = best_split(history)
    assert ours.at == theirs.index
    assert ours.energy == pytest.approx(theirs.qhat)


@pytest.mark.slow
@pytest.mark.servers
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_change_points_are_otavas(seed: int) -> None:
    needs_otava()
    from otava.analysis import compute_change_points_orig

    history = steps(seed, (20, 0.0), (15, 6.0), (15, 0.0))
    theirs, _ = compute_change_points_orig(history, max_pvalue=0.01, seed=1)
    assert [point.at for point in change_points(history)] == [point.index for point in theirs] == [20, 35]


def test_a_split_as_apache_otava_computes_it() -> None:
    """The largest energy of this series in Apache Otava 0.8.0; it needs no installation."""
    history = [1.0, 2, 1, 2, 1, 2, 5, 6, 5, 6, 5, 6]
    assert best_split(history).at == 6
    assert best_split(history).energy == pytest.approx(20.4)


@pytest.mark.parametrize(
    ("history", "places"),
    [
        ([], []),
        ([1.0, 2.0], []),
        # nothing happens
        ([5.0] * 30, []),
        # a step, and two
        (steps(1, (20, 0.0), (10, 5.0)), [20]),
        (steps(2, (15, 0.0), (15, 8.0), (15, -2.0)), [15, 30]),
        # the newest run alone, or with one more, is no change; three are
        ([*steps(4, (20, 0.0)), 50.0], []),
        ([*steps(4, (20, 0.0)), 50.0, 51.0], []),
        ([*steps(4, (20, 0.0)), 50.0, 51.0, 52.0], [20]),
        # neither is one outlier in the middle
        ([*steps(5, (12, 0.0)), 50.0, *steps(6, (12, 0.0))], []),
        # infinite: a percentile among the unanswered requests
        ([*steps(7, (20, 0.0)), math.inf, math.inf, math.inf], [20]),
        ([math.inf] * 20, []),
    ],
)
def test_where_a_history_changes(history: list[float], places: list[int]) -> None:
    assert [point.at for point in change_points(history)] == places


def test_what_a_change_point_says() -> None:
    history = [1.0, 1.1, 0.9, 1.0, 1.05, 0.95, 1.0, 1.1, 2.0, 2.1, 1.9, 2.0, 2.05, 1.95]
    [point] = change_points(history)
    assert (point.at, point.before, point.after) == (8, 1.0, 2.0)
    assert 0 < point.p <= 0.01


def test_machines_are_not_compared() -> None:
    """Runs of two machines by turns, of which one is always slower: no change. Then the slower one becomes slow."""
    fast, slow = steps(1, (24, 0.0)), steps(2, (12, 10.0), (12, 14.0))
    history = [level for pair in zip(fast, slow, strict=True) for level in pair]
    machines = ["fast", "slow"] * 24
    [point] = change_points(history, machines)
    assert (point.at, point.fingerprint) == (25, "slow")
    assert change_points(fast + slow[:12], ["fast"] * 24 + ["slow"] * 12) == []
    assert [each.at for each in change_points(fast + slow[:12])] == [24]


def test_a_run_without_a_value_keeps_the_places_of_the_others() -> None:
    history = steps(1, (20, 0.0), (10, 5.0))
    history.insert(3, math.nan)
    assert [point.at for point in change_points(history)] == [21]


@pytest.mark.slow
def test_the_seed_decides_the_permutations() -> None:
    """Of a step that is nearly too small each seed has a p value of its own."""
    history = steps(9, (12, 0.0), (8, 2.0))
    found = [change_points(history, alpha=0.2, seed=seed) for seed in range(6)]
    assert found == [change_points(history, alpha=0.2, seed=seed) for seed in range(6)]
    assert len({tuple(points) for points in found}) > 1


@pytest.mark.slow
def test_a_quiet_history_rarely_changes() -> None:
    """150 histories of 20 runs without a change: at most 1 % by the test's level, and three standard errors more."""
    false = sum(bool(change_points(steps(seed, (20, 0.0)), seed=seed)) for seed in range(150))
    assert false / 150 <= 0.01 + 3 * math.sqrt(0.01 * 0.99 / 150)


@pytest.mark.slow
@given(levels, st.floats(0.1, 10), st.floats(-5, 5))
def test_unit_and_origin_do_not_matter(history: list[float], unit: float, origin: float) -> None:
    moved = best_split([level * unit + origin for level in history])
    assert moved.energy == pytest.approx(best_split(history).energy * unit, abs=1e-6)
