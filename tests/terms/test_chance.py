"""Chance: the same everywhere and always, uniform, and unrelated between neighbours. Every seed here is fixed."""

from __future__ import annotations

import math
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from loadws.terms.chance import ARRIVALS, TARGET_FAULTS, USER_TYPES, draw, exponential, fraction

WORDS = st.integers(0, 2**64 - 1)


def test_values_are_a_contract() -> None:
    """A change of these changes every seeded run that someone wanted to repeat."""
    assert {key: draw(*key) for key in CONTRACT} == CONTRACT


CONTRACT = {
    (0, 0, 0): 0xFF4B2A3EB5D89578,
    (7, 0, 0): 0x319387C5F786956A,
    (7, 0, 1): 0x5A101861362D5334,
    (7, 1, 0): 0x9EB1A97023D77B97,
    (7, ARRIVALS, 0): 0x322F11302C219D7C,
    (2**63 - 1, 4999, 10**6): 0x73E8D0A3A04CF1F4,
}


@given(st.integers(0, 2**63 - 1), st.integers(-3, 2**25), st.integers(0, 2**45))
def test_a_draw_is_64_bits(seed: int, stream: int, count: int) -> None:
    assert 0 <= draw(seed, stream, count) < 2**64


@given(WORDS)
def test_a_fraction_is_below_one_and_an_exponential_finite(bits: int) -> None:
    assert 0 <= fraction(bits) < 1
    assert 0 <= exponential(bits) < 37  # 53 ln 2


def test_the_ends_of_the_range() -> None:
    assert (fraction(0), fraction(2**64 - 1)) == (0.0, 1 - 2.0**-53)
    assert exponential(0) == 0.0
    assert math.isclose(53 * math.log(2), exponential(2**64 - 1))


def _distance(values: list[float]) -> float:
    """Kolmogorov–Smirnov: how far the values' distribution is from uniform on [0, 1)."""
    ordered = sorted(values)
    n = len(ordered)
    return max(max(value - i / n, (i + 1) / n - value) for i, value in enumerate(ordered))


def test_one_user_s_values_and_one_value_of_many_users_are_uniform() -> None:
    bound = 1.95 / math.sqrt(10_000)  # the 0.1 % level
    assert _distance([fraction(draw(7, 3, count)) for count in range(10_000)]) < bound
    assert _distance([fraction(draw(7, user, 0)) for user in range(10_000)]) < bound
    assert _distance([fraction(draw(seed, 3, 0)) for seed in range(10_000)]) < bound


def test_neighbours_differ_in_half_of_their_bits() -> None:
    """In seed, stream and count: 2,000 pairs each, whose mean lies within five standard errors (4 / sqrt(2000)) of 32."""
    for step in ((1, 0, 0), (0, 1, 0), (0, 0, 1)):
        pairs = [(draw(n, n * 3, n * 7), draw(n + step[0], n * 3 + step[1], n * 7 + step[2])) for n in range(2000)]
        mean = sum((a ^ b).bit_count() for a, b in pairs) / len(pairs)
        assert abs(mean - 32) < 5 * 4 / math.sqrt(2000)


def test_users_of_one_run_never_walk_the_same_values() -> None:
    """Two (stream, count) meet where their mixes are equal modulo 2**64, and would then go on together for ever.

    The differences where that happens form a lattice. Its shortest vector, found by Gauss's reduction, is far longer than
    what the users (2**25 at most) of a run can draw in its time.
    """
    per_stream = _mix(1, 0) - _mix(0, 0)
    per_count = _mix(0, 1) - _mix(0, 0)
    ratio = -per_stream * pow(per_count, -1, 2**64) % 2**64  # count difference that undoes one step of stream
    shortest, other = (0, 2**64), (1, ratio)
    while True:
        if _norm(other) < _norm(shortest):
            shortest, other = other, shortest
        times = round(Fraction(_dot(shortest, other), _norm(shortest)))
        if times == 0:
            break
        other = (other[0] - times * shortest[0], other[1] - times * shortest[1])
    assert _norm(shortest) > (2**30) ** 2


def _mix(stream: int, count: int) -> int:
    """The linear mix inside ``draw`` (seed 0): its constants, said again so that a change has to be made twice."""
    return stream * 0xD1B54A32D192ED03 + count * 0x8CB92BA72F3D8DD7


def _dot(a: tuple[int, int], b: tuple[int, int]) -> int:
    return a[0] * b[0] + a[1] * b[1]


def _norm(a: tuple[int, int]) -> int:
    return _dot(a, a)


def test_streams_that_are_no_user_s_are_apart() -> None:
    assert len({ARRIVALS, USER_TYPES, TARGET_FAULTS}) == 3
    assert max(ARRIVALS, USER_TYPES, TARGET_FAULTS) < 0
