"""Levels and changes, with the values that have no logarithm."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadws.gate.statistics.changes import Value, as_fraction, change, log_level, median, plain_level

INF = math.inf


@pytest.mark.parametrize(
    ("baseline", "candidate", "relative", "difference"),
    [
        (2.0, 2.0, 0.0, 0.0),
        (2.0, 4.0, math.log(2), 2.0),
        (4.0, 2.0, -math.log(2), -2.0),
        (0.0, 0.0, 0.0, 0.0),
        (0.0, 3.0, INF, 3.0),
        (3.0, 0.0, -INF, -3.0),
        # a percentile among the unanswered requests
        (3.0, INF, INF, INF),
        (INF, 3.0, -INF, -INF),
        (INF, INF, math.nan, math.nan),
        # nothing measured on a side
        (None, 3.0, math.nan, math.nan),
        (3.0, None, math.nan, math.nan),
        # a value of the scenario's own below zero has no ratio
        (-1.0, 3.0, math.nan, 4.0),
    ],
)
def test_every_pair_of_values_has_a_change(
    baseline: Value, candidate: Value, relative: float, difference: float
) -> None:
    assert change(log_level(baseline), log_level(candidate)) == pytest.approx(relative, nan_ok=True)
    assert change(plain_level(baseline), plain_level(candidate)) == pytest.approx(difference, nan_ok=True)


@pytest.mark.parametrize(("log", "fraction"), [(0, 0), (math.log(1.1), 0.1), (INF, INF), (-INF, -1), (1e4, INF)])
def test_a_log_ratio_as_a_fraction(log: float, fraction: float) -> None:
    assert as_fraction(log) == pytest.approx(fraction)


@pytest.mark.parametrize(
    ("numbers", "middle"),
    [
        ([], None),
        ([math.nan], None),
        ([3.0, 1.0, 2.0], 2.0),
        ([1.0, 2.0, math.nan], 1.5),
        ([-INF, INF], 0.0),
        ([-INF, 1.0, INF, INF], INF),
        ([1.0, INF, INF], INF),
    ],
)
def test_the_median_of_known_numbers(numbers: list[float], middle: float | None) -> None:
    assert middle == median(numbers)


positive = st.floats(1e-6, 1e15)


@given(positive, positive, st.floats(1e-3, 1e3))
def test_a_relative_change_has_no_unit_and_a_sign(baseline: float, candidate: float, unit: float) -> None:
    there = change(log_level(baseline), log_level(candidate))
    assert change(log_level(candidate), log_level(baseline)) == pytest.approx(-there)
    assert change(log_level(baseline * unit), log_level(candidate * unit)) == pytest.approx(there, abs=1e-9)
