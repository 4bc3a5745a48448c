"""When users arrive in the open model: intended times from a rate curve and a seed, one after another.

The n-th user (n = 1, 2, …) arrives where the area under the rate curve reaches the n-th mark: n itself for ``uniform``
spacing, the n-th partial sum of unit exponentials for ``poisson``. The second is the inversion method for a Poisson
process whose rate changes with time (Çinlar, "Introduction to Stochastic Processes", 1975, chapter 4; Lewis, Shedler,
"Simulation of nonhomogeneous Poisson processes by thinning", 1979, section 1).

Symbols::

    T     the phase's length, s              a, b  the rate at its start and its end, 1/s
    t     time since its start, s            k     the slope (b - a) / T, 1/s²
    r(t)  the rate a + k·t, 1/s              A(t)  the area under it, a·t + k·t²/2: how many are expected until t
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Literal

from loadws.terms.chance import ARRIVALS, draw, exponential
from loadws.terms.units import NS_PER_S

Spacing = Literal["poisson", "uniform"]

#: The tolerance by which an area of 9.999999999999998, a floating-point error, still counts as 10.
_ROUNDING = 1 + 1e-12
#: The distance between two phases' exponentials in the stream of arrivals: no phase has as many users.
_PHASE_BITS = 40


def expected_arrivals(rate_from: float, rate_to: float, duration_ns: int) -> float:
    """Return A(T), the whole area: rates in 1/s, the duration in ns."""
    return (rate_from + rate_to) / 2 * duration_ns / NS_PER_S


def arrivals(
    rate_from: float, rate_to: float, duration_ns: int, spacing: Spacing, seed: int, phase: int
) -> Iterator[int]:
    """Yield intended offsets since the phase's start, in ns: never descending, each below ``duration_ns``; one at a
    time, in constant memory.

    A user that is due at the very end (the 10th of 10/s in 1 s) arrives in the phase's last nanosecond, so that uniform
    spacing gives exactly the whole part of the expected number.
    """
    area = expected_arrivals(rate_from, rate_to, duration_ns)
    latest = duration_ns - 1
    offset_ns = 0
    for reached in _marks(spacing, seed, phase):
        if reached > area * _ROUNDING:
            return
        time_s = _time_of(reached, rate_from, rate_to, duration_ns / NS_PER_S, area)
        # Two users within a rounding error of each other must not change places.
        offset_ns = max(offset_ns, min(round(time_s * NS_PER_S), latest))
        yield offset_ns


def count_arrivals(rate_from: float, rate_to: float, duration_ns: int, spacing: Spacing, seed: int, phase: int) -> int:
    """Return how many offsets ``arrivals`` yields, without computing them."""
    limit = expected_arrivals(rate_from, rate_to, duration_ns) * _ROUNDING
    if spacing == "uniform":
        return math.floor(limit)
    count = 0
    for reached in _marks(spacing, seed, phase):
        if reached > limit:
            break
        count += 1
    return count


def _marks(spacing: Spacing, seed: int, phase: int) -> Iterator[float]:
    """Yield the areas at which a user arrives: 1, 2, 3, …, or the partial sums of unit exponentials. It does not end."""
    reached, number, first = 0.0, 0, phase << _PHASE_BITS
    while True:
        reached += 1.0 if spacing == "uniform" else exponential(draw(seed, ARRIVALS, first + number))
        number += 1
        yield reached


def _time_of(reached: float, rate_from: float, rate_to: float, duration_s: float, area: float) -> float:
    """Return the t in s with A(t) = ``reached``.

    It is computed from the end with the lower rate: where a rate falls to zero, the root would otherwise be that of a
    small difference of large numbers.
    """
    slope = abs(rate_to - rate_from) / duration_s
    if rate_to >= rate_from:
        return _time_to_sweep(reached, rate_from, slope)
    return duration_s - _time_to_sweep(area - reached, rate_to, slope)


def _time_to_sweep(area: float, rate: float, slope: float) -> float:
    """Return the positive root of slope/2·t² + rate·t = area, in the form that adds only positive numbers; slope >= 0."""
    if area <= 0:
        return 0.0
    return 2 * area / (rate + math.sqrt(rate * rate + 2 * slope * area))
