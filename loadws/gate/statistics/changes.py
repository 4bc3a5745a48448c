"""Changes from the baseline to the candidate, on a scale where changes add up.

A value becomes a *level*: its logarithm for a rule in percent, itself for any other. A change is the difference of
two levels. A relative change is thus the logarithm of a ratio: a factor has the same size in both directions, and
noise that multiplies becomes noise that adds (Fleming, Wallace, "How not to lie with statistics", CACM 29(3), 1986).
Zero and infinite values (a percentile that falls among the unanswered requests is infinite) are defined:

===========  ===========  ========  ==========
baseline     candidate    relative  difference
===========  ===========  ========  ==========
0            0            0         0
0            x > 0        +inf      x
x > 0        0            -inf      -x
finite       inf          +inf      +inf
inf          finite       -inf      -inf
inf          inf          NaN       NaN
no value     anything     NaN       NaN
x < 0        anything     NaN       as finite
===========  ===========  ========  ==========
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

Value = float | None


def plain_level(value: Value) -> float:
    """Return the value itself; NaN where there is none."""
    return math.nan if value is None else value


def log_level(value: Value) -> float:
    """Return the value's logarithm: -inf for 0; NaN for no value, and for a negative one, which has no ratio to anything."""
    if value is None or value < 0:
        return math.nan
    return math.log(value) if value else -math.inf


def change(baseline: float, candidate: float) -> float:
    """Return the change from one level to the other, as the table has it."""
    if baseline == candidate:
        return math.nan if baseline == math.inf else 0.0
    return candidate - baseline


def as_fraction(log: float) -> float:
    """Return a relative change as a fraction: 0.1 for a tenth more, -1 for nothing left, inf for infinitely more."""
    return math.inf if log > 700 else math.expm1(log)


def known(numbers: Iterable[float]) -> list[float]:
    """Return the numbers that are not NaN."""
    return [number for number in numbers if not math.isnan(number)]


def median(numbers: Sequence[float]) -> float | None:
    """Return the middle of the known numbers, or the mean of the two in the middle; None where there is none.

    Between -inf and +inf the middle is 0.
    """
    ordered = sorted(known(numbers))
    if not ordered:
        return None
    low, high = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    return 0.0 if math.isinf(low) and low == -high else low / 2 + high / 2
