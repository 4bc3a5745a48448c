"""Holm's procedure, by hand and by its invariances."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadws.gate.statistics.holm import adjusted

ps = st.lists(st.floats(0, 1), max_size=8)


@pytest.mark.parametrize(
    ("p_values", "expected"),
    [
        ([], []),
        ([0.03], [0.03]),
        # Holm 1979: 3 · .01, then 2 · .02 = .04, then 1 · .03, which may not be below the one before
        ([0.02, 0.01, 0.03], [0.04, 0.03, 0.04]),
        ([0.0005, 1, 1, 1, 1], [0.0025, 1, 1, 1, 1]),
        ([0.4, 0.9], [0.8, 0.9]),
        # ties
        ([0.01, 0.01], [0.02, 0.02]),
    ],
)
def test_adjusted_values(p_values: list[float], expected: list[float]) -> None:
    assert adjusted(p_values) == pytest.approx(expected)


@pytest.mark.slow
@given(ps, st.randoms(use_true_random=False))
def test_adjusted_values_are_in_order_and_between_p_and_bonferroni(
    p_values: list[float], chance: random.Random
) -> None:
    result = adjusted(p_values)
    for p, after in zip(p_values, result, strict=True):
        assert p <= after <= min(1, len(p_values) * p) or after == pytest.approx(p)
        assert all(other >= after for q, other in zip(p_values, result, strict=True) if q > p)
    order = chance.sample(range(len(p_values)), len(p_values))
    assert adjusted([p_values[index] for index in order]) == [result[index] for index in order]
