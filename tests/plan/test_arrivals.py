"""The mathematics of arrivals: held against the laws they come from."""

import math
from itertools import islice, pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadws.plan.arrivals import arrivals, count_arrivals, expected_arrivals
from loadws.terms.units import NS_PER_MS, NS_PER_S

RATES = st.floats(0, 300, allow_nan=False)
LOADS = st.fixed_dictionaries(
    {
        "rate_from": RATES,
        "rate_to": RATES,
        "duration_ns": st.integers(1, 5 * NS_PER_S),
        "spacing": st.sampled_from(["poisson", "uniform"]),
        "seed": st.integers(0, 2**63 - 1),
        "phase": st.integers(0, 20),
    }
)


def of(rate_from: float, rate_to: float, seconds: float, spacing: Any = "uniform", seed: int = 7) -> list[int]:
    return list(arrivals(rate_from, rate_to, round(seconds * NS_PER_S), spacing, seed, 0))


@pytest.mark.parametrize(
    ("rate_from", "rate_to", "seconds", "expected_ms"),
    [
        (10, 10, 0.45, [100, 200, 300, 400]),  # constant: the n-th at n/rate
        (0, 0, 10, []),  # nobody
        (
            0,
            8,
            1.9,
            [689.202438, 974.679434, 1193.733639, 1378.404875, 1541.103501, 1688.194302, 1823.458253],
        ),  # √(1.9n/4)
        (0.1, 0.1, 5, []),  # the first would come after the end
    ],
)
def test_uniform_spacing_is_where_the_area_reaches_n(
    rate_from: float, rate_to: float, seconds: float, expected_ms: list[float]
) -> None:
    assert of(rate_from, rate_to, seconds) == pytest.approx([ms * NS_PER_MS for ms in expected_ms], abs=1)


def test_who_is_due_at_the_very_end_comes_in_the_last_nanosecond() -> None:
    assert of(10, 10, 1)[-2:] == [900 * NS_PER_MS, NS_PER_S - 1]


def test_a_fall_is_a_rise_seen_from_its_end() -> None:
    rise, fall = of(0, 100, 2), of(100, 0, 2)
    assert [2 * NS_PER_S - at for at in reversed(rise[:-1])] == pytest.approx(fall[:-1], abs=1)
    assert fall[-1] == 2 * NS_PER_S - 1


@pytest.mark.parametrize(
    ("rate_from", "rate_to", "seconds"),
    [
        (200, 200, 60),  # constant
        (0, 400, 60),  # from nothing
        (400, 0, 60),  # to nothing
        (1000 / 3600, 1000 / 3600, 36_000),  # 1000/h for ten hours: the rate is no exact float
    ],
)
def test_uniform_spacing_gives_exactly_the_expected_number(rate_from: float, rate_to: float, seconds: float) -> None:
    expected = round(expected_arrivals(rate_from, rate_to, round(seconds * NS_PER_S)))
    assert len(of(rate_from, rate_to, seconds)) == expected


def test_the_quarter_of_a_rise_holds_a_sixteenth_of_its_arrivals() -> None:
    """A(t) of a rise from 0 grows with t²; Poisson counts lie within four standard deviations of it."""
    offsets = of(0, 2000, 20, "poisson")
    for quarter in (1, 2, 3, 4):
        until = sum(at < quarter * 5 * NS_PER_S for at in offsets)
        mean = 20_000 * quarter**2 / 16
        assert abs(until - mean) < 4 * math.sqrt(mean)


def test_gaps_of_poisson_arrivals_follow_the_exponential_law() -> None:
    """Kolmogorov–Smirnov, one sample, at the 1 % level: D < 1.628 / √n (Massey, JASA 46, 1951); the seed is fixed."""
    rate_per_s, offsets = 500.0, of(500, 500, 20, "poisson", seed=20261123)
    gaps = sorted((after - before) / NS_PER_S for before, after in pairwise([0, *offsets]))
    law = [1 - math.exp(-rate_per_s * gap) for gap in gaps]
    n = len(gaps)
    distance = max(max(abs(f - i / n), abs(f - (i + 1) / n)) for i, f in enumerate(law))
    assert n > 9_000
    assert distance < 1.628 / math.sqrt(n)


def test_uniform_gaps_do_not_follow_it() -> None:
    """So that the test above is known to be able to fail."""
    gaps = {after - before for before, after in pairwise(of(500, 500, 2)[:-1])}
    assert gaps == {2 * NS_PER_MS}


def test_seed_and_phase_each_change_the_arrivals() -> None:
    first = list(arrivals(50, 50, NS_PER_S, "poisson", 1, 0))
    assert first == list(arrivals(50, 50, NS_PER_S, "poisson", 1, 0))
    assert first != list(arrivals(50, 50, NS_PER_S, "poisson", 2, 0))
    assert first != list(arrivals(50, 50, NS_PER_S, "poisson", 1, 1))


def test_arrivals_come_one_at_a_time() -> None:
    """A year of a million a second is not worked out to see its first three."""
    year = arrivals(1e6, 1e6, 366 * 24 * 3600 * NS_PER_S, "uniform", 0, 0)
    assert list(islice(year, 3)) == [1_000, 2_000, 3_000]


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(LOADS)
def test_arrivals_ascend_within_their_phase_and_are_counted_right(load: dict[str, Any]) -> None:
    offsets = list(arrivals(**load))
    assert offsets == sorted(offsets)
    assert all(0 <= at < load["duration_ns"] for at in offsets)
    assert count_arrivals(**load) == len(offsets)
    if load["spacing"] == "uniform":
        area = expected_arrivals(load["rate_from"], load["rate_to"], load["duration_ns"])
        assert len(offsets) in (math.floor(area), math.floor(area + 1e-6))
