"""Student's t against tables and against scipy."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadws.gate.statistics.student import t_cdf, t_quantile

freedoms = st.one_of(st.floats(1, 500), st.just(math.inf))


@pytest.mark.parametrize(
    ("probability", "freedom", "expected"),
    [
        # any printed table of Student's t
        (0.975, 1, 12.706),
        (0.975, 10, 2.228),
        (0.995, 11, 3.106),
        (0.95, 11, 1.796),
        (0.995, 7, 3.499),
        (0.5, 3, 0.0),
        (0.025, 10, -2.228),
        (0.975, math.inf, 1.960),
    ],
)
def test_a_quantile_is_that_of_the_table(probability: float, freedom: float, expected: float) -> None:
    assert t_quantile(probability, freedom) == pytest.approx(expected, abs=0.0006)


@pytest.mark.slow
@given(st.floats(-50, 50), freedoms)
def test_the_distribution_is_scipys(t: float, freedom: float) -> None:
    from scipy import stats  # takes long to import, and few tests need it

    assert t_cdf(t, freedom) == pytest.approx(stats.t.cdf(t, freedom), abs=1e-9)


@pytest.mark.slow
@given(st.floats(1e-6, 1 - 1e-6), freedoms)
def test_a_quantile_undoes_the_distribution(probability: float, freedom: float) -> None:
    assert t_cdf(t_quantile(probability, freedom), freedom) == pytest.approx(probability, abs=1e-11)
