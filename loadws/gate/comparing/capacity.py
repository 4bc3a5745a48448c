"""The course of a search for the largest load that meets the rules: double, halve, confirm. It runs no load itself.

The load doubles from the least until a level fails or the most is reached. Then the gap between the largest level that
held and the smallest that failed is halved, until it is a twentieth or one user. The remaining level must hold once
more; if it does not, it counts as failed, and the search continues below it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal, NamedTuple

Held = Literal["held", "failed", "unsure", "limit"]
#: The gap at which the search ends, as a share of the largest level that held.
GAP = 0.05
_NOT_HELD = ("failed", "unsure")


class Level(NamedTuple):
    """A load that was tried: users, or arrivals per second, and what each rule's metric was there, None where unknown.

    ``unsure``: no rule was broken, but too few samples tell that all are kept; such a load does not hold. ``limit``:
    loadws itself was too slow at it.
    """

    load: float
    held: Held
    why: str = ""
    values: tuple[float | None, ...] = ()


def next_load(levels: Sequence[Level], least: float, most: float, is_whole: bool) -> float | None:
    """Return the load to try next; None where the search is over."""
    if any(level.held == "limit" for level in levels):
        return None
    failed = min((level.load for level in levels if level.held in _NOT_HELD), default=None)
    held = sorted({level.load for level in levels if level.held == "held" and (failed is None or level.load < failed)})
    if not held:
        return least if not levels else None
    best = held[-1]
    if failed is None and best < most:
        return min(most, best * 2)
    middle = None if failed is None else _between(best, failed, is_whole)
    if middle is not None:
        return middle
    return None if Counter(level.load for level in levels)[best] > 1 else best


def largest(levels: Sequence[Level]) -> float | None:
    """Return the largest load that held and was confirmed, or held when loadws reached its own limit; None where there
    is none.
    """
    failed = min((level.load for level in levels if level.held in _NOT_HELD), default=float("inf"))
    return max((level.load for level in levels if level.held == "held" and level.load < failed), default=None)


def _between(low: float, high: float, is_whole: bool) -> float | None:
    """Return the middle, or None where both are close enough."""
    if high - low <= max(low * GAP, 1 if is_whole else 0):
        return None
    middle = (low + high) / 2
    return float(round(middle)) if is_whole else middle
