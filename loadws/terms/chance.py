"""Random numbers without state: each is a hash of the run's seed, the user and how many numbers the user drew before.

So a run can be repeated whatever the number of processes, and no user needs a generator (Python's needs 2.5 KB). The
hash is SplitMix64's finaliser (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014) over
the three.
"""

from __future__ import annotations

import math

_MASK = (1 << 64) - 1


def draw(seed: int, stream: int, count: int) -> int:
    """Return 64 bits: the ``count``-th value of a stream (a user's index, or one of the streams below)."""
    z = (
        seed * 0x9E3779B97F4A7C15 + stream * 0xD1B54A32D192ED03 + count * 0x8CB92BA72F3D8DD7 + 0x632BE59BD9B4E019
    ) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    z ^= z >> 31
    # A second round: the linear mix above leaves neighbours in (seed, stream, count) too close for one.
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 + 0x9E3779B97F4A7C15) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)


def fraction(bits: int) -> float:
    """Return 64 bits as a number in [0, 1)."""
    return (bits >> 11) * 2.0**-53


def exponential(bits: int) -> float:
    """Return 64 bits as a unit exponential, which is never infinite."""
    return -math.log1p(-fraction(bits))


#: Streams that belong to no user: below zero, so that no user's index equals them.
ARRIVALS, USER_TYPES, TARGET_FAULTS = -1, -2, -3
