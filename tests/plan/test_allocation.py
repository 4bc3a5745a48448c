"""Types in the proportion of their weights."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadws.plan.allocation import allocate, choose

WEIGHTS = st.lists(st.floats(0.01, 100), min_size=1, max_size=5)


@pytest.mark.parametrize(
    ("weights", "slots", "counts"),
    [
        ((1.0,), 3, {0: 3}),  # one type
        ((9.0, 1.0), 10, {0: 9, 1: 1}),  # one of ten, always
        ((9.0, 1.0), 1000, {0: 900, 1: 100}),
        ((5.0, 3.0, 2.0), 10, {0: 5, 1: 3, 2: 2}),  # three types
        ((0.5, 0.25, 0.25), 8, {0: 4, 1: 2, 2: 2}),  # weights need not be whole
    ],
)
@pytest.mark.parametrize("seed", range(10))
def test_small_fleets_match_their_weights_exactly(
    weights: tuple[float, ...], slots: int, counts: dict[int, int], seed: int
) -> None:
    assert Counter(allocate(weights, slots, seed)) == counts


@pytest.mark.slow
@settings(deadline=None)
@given(WEIGHTS, st.integers(0, 200), st.integers(0, 2**63 - 1))
def test_no_prefix_is_far_off(weights: list[float], slots: int, seed: int) -> None:
    """The n slots that are filled are shared out, however many they are."""
    types = allocate(weights, slots, seed)
    counts = [0] * len(weights)
    for filled, kind in enumerate(types, start=1):
        counts[kind] += 1
        for index, weight in enumerate(weights):
            allowed = max(1, min(index + 1, len(weights) - 1))
            assert abs(counts[index] - filled * weight / sum(weights)) < allowed + 1e-6


def test_a_type_is_not_bound_to_one_process() -> None:
    """With weights of 3:1 and four processes a fixed pattern would put every user of the rare type into one of them."""
    types = allocate((3.0, 1.0), 400, seed=7)
    rare = Counter(slot % 4 for slot, kind in enumerate(types) if kind == 1)
    assert sum(rare.values()) == 100
    assert max(rare.values()) < 50


def test_arrivals_draw_their_type_by_weight() -> None:
    drawn = Counter(choose((3.0, 1.0), user, seed=7) for user in range(10_000))
    assert abs(drawn[0] - 7_500) < 4 * 44  # four standard deviations
    assert drawn[0] + drawn[1] == 10_000
