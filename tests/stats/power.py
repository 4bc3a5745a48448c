"""(b) Power: one of five rules is worse by a true slow-down, the others are equal."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from loadws.gate.statistics.sequential import Design
from loadws.gate.statistics.shares import Share
from tests.stats import compared, noise
from tests.stats.table import at_least, at_most, grid, render

SLOWDOWN = 0.1
FOUND = 0.95
MOST_MISSED = 0.01


class Case(NamedTuple):
    """The limit of all rules, and the pairs of a set."""

    limit: str
    pairs: int

    def __str__(self) -> str:
        return f"limit {self.limit}, {self.pairs} pairs a set"


#: Fewer than ten pairs cannot fail one of five rules: 2 / 2^9 is above 1 % / 5.
CASES = [Case(limit, pairs) for limit in ("0%", "5%") for pairs in (10, 12, 20)]


class Curve(NamedTuple):
    """Which slow-downs and pair spreads a power curve has, and how many comparisons make a cell."""

    effects: Sequence[float]
    spreads: Sequence[float]
    comparisons: int


FINE = Curve((0.0, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2), (0.005, 0.01, 0.015, 0.02, 0.03, 0.04, 0.06, 0.08, 0.12), 100)
COARSE = Curve((0.0, 0.1), (0.01, 0.05), 2)


def curves(source: noise.Noise, curve: Curve, seed: int) -> Iterator[str]:
    """Yield a table for each limit and number of pairs: how often a slow-down is found and confirmed."""
    for case in CASES:
        rows = [(f"+{effect:.1%}", list(_cells(source, curve, case, effect, seed))) for effect in curve.effects]
        title = f"(b) power, {case}: found and confirmed in one of five rules; {curve.comparisons} comparisons a cell"
        yield grid(title, "slow-down", [f"s={spread:.1%}" for spread in curve.spreads], rows)


def _cells(source: noise.Noise, curve: Curve, case: Case, effect: float, seed: int) -> Iterator[str]:
    for spread in curve.spreads:
        yield f"{_found(source, spread, case, effect, curve.comparisons, seed):.0%}"


def needed(source: noise.Noise, cases: Sequence[Case], comparisons: int, seed: int) -> str:
    """Return the largest pair spread at which a slow-down of 10 % is found, and how often it is found there."""
    rows = []
    for case in cases:
        spread = _largest_spread(source, case, max(20, comparisons // 4), seed)
        chance = random.Random(seed + 99)
        ends = [_end(source.scaled(spread), case, SLOWDOWN, chance) for _ in range(comparisons)]
        found, passed = Share(sum(end.failed for end in ends), comparisons), sum(end.passed for end in ends)
        rows.append(at_least(f"{case}: found, at a pair spread of {spread:.1%}", found, FOUND))
        rows.append(at_most(f"{case}: passed all the same", Share(passed, comparisons), MOST_MISSED))
    title = f"(b) a slow-down of 10 % in one of five rules; {comparisons:,} comparisons a row, noise of {source.name}"
    return render(title, rows)


def _largest_spread(source: noise.Noise, case: Case, comparisons: int, seed: int) -> float:
    """Return the pair spread at which 97.5 % are found, by halving."""
    low, high = 0.005, 0.2
    for _ in range(6):
        middle = (low * high) ** 0.5
        enough = _found(source, middle, case, SLOWDOWN, comparisons, seed) >= (1 + FOUND) / 2
        low, high = (middle, high) if enough else (low, middle)
    return low


def _found(source: noise.Noise, spread: float, case: Case, effect: float, comparisons: int, seed: int) -> float:
    scaled, chance = source.scaled(spread), random.Random(seed)
    return sum(_end(scaled, case, effect, chance).failed for _ in range(comparisons)) / comparisons


def _end(source: noise.Noise, case: Case, effect: float, chance: random.Random) -> compared.Ab:
    return compared.ab(noise.rules(case.limit), source, chance, Design(pairs=case.pairs), effect)
