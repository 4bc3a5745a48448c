"""How a load is split: a number of the plan (a slot, an arrival) belongs to exactly one shard, whatever the weights.

Numbers are dealt out in rounds of ``total``: a shard has those of ``places`` in each round. Those that it has are numbered
in their order from 0 (their ranks), and it can be cut again: part ``index`` of ``count`` has the ranks that are ``index``
modulo ``count``. With equal weights share i of n therefore has what is i modulo n, and process j of m of that share what is
i + n·j modulo n·m.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from functools import cache
from math import gcd

import msgspec


class Shard(msgspec.Struct, frozen=True):
    """Part ``index`` of ``count`` of the numbers at ``places`` of each ``total`` in a row. ``places`` are ascending."""

    index: int = 0
    count: int = 1
    places: tuple[int, ...] = (0,)
    total: int = 1

    def part_of(self, whole: int) -> int:
        """Return how many of the numbers below ``whole`` are this shard's; none where ``index`` is not below ``count``."""
        if self.index >= self.count or not self.places:
            return 0
        rounds, rest = divmod(whole, self.total)
        return len(range(self.index, rounds * len(self.places) + bisect_left(self.places, rest), self.count))

    def has(self, number: int) -> bool:
        """Return whether a slot or an arrival of this number is this shard's."""
        if self.total == 1:
            return number % self.count == self.index
        rounds, rest = divmod(number, self.total)
        at = bisect_left(self.places, rest)
        if at == len(self.places) or self.places[at] != rest:
            return False
        return (rounds * len(self.places) + at) % self.count == self.index

    @property
    def is_whole(self) -> bool:
        """Return whether every number is this shard's."""
        return self.count == 1 and len(self.places) == self.total

    def nth(self, rank: int) -> int:
        """Return the number of this shard that has ``rank`` of its numbers before it."""
        rounds, at = divmod(self.index + self.count * rank, len(self.places))
        return rounds * self.total + self.places[at]

    def cut(self, index: int, count: int) -> Shard:
        """Return part ``index`` of ``count`` of this shard."""
        return Shard(self.index + self.count * index, self.count * count, self.places, self.total)

    def among(self, first: int) -> Shard:
        """Return this shard of a split that only the holders of the ``first`` numbers take part in."""
        if self.total == 1:
            return Shard(self.index, min(self.count, first), self.places if first else ())
        total = min(self.total, first)
        return Shard(self.index, self.count, tuple(place for place in self.places if place < total), total)

    def of(self, rate: float) -> float:
        """Return this shard's part of a rate."""
        return rate * len(self.places) / (self.total * self.count)


def shard(index: int, count: int, weights: Sequence[int] = ()) -> Shard:
    """Return part ``index`` of ``count`` of a whole. ``weights`` are all parts' and positive; empty: all are equal."""
    if len(set(weights)) <= 1:
        return Shard(index, count)
    pattern = _pattern(tuple(weights))
    return Shard(0, 1, tuple(place for place, owner in enumerate(pattern) if owner == index), len(pattern))


def round_of(weights: Sequence[int]) -> int:
    """Return the length of a round: the sum of the weights without their common factor."""
    return sum(weights) // gcd(*weights)


@cache
def _pattern(weights: tuple[int, ...]) -> tuple[int, ...]:
    """Return the owner of each number of a round, so that any stretch of numbers is shared about by the weights.

    Smooth weighted round robin, as nginx balances with: each owner gains its weight, the one with the most is next and pays
    the sum of all weights.
    """
    sum_of_all, credit, owners = sum(weights), [0] * len(weights), []
    for _ in range(round_of(weights)):
        credit = [each + weight for each, weight in zip(credit, weights, strict=True)]
        owner = max(range(len(weights)), key=lambda index: (credit[index], -index))
        credit[owner] -= sum_of_all
        owners.append(owner)
    return tuple(owners)
