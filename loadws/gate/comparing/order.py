"""The order of slices: A and B lead by turns in every two pairs, and a coin decides which leads first (ABBA or BAAB).

A steady drift of the machine then cancels out within two pairs, and which side a disturbance hits cannot be known
before.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Literal

Letter = Literal["A", "B"]
Order = tuple[Letter, Letter]
_AB: Order = ("A", "B")
_BA: Order = ("B", "A")


def orders(seed: int) -> Iterator[Order]:
    """Yield the order within each pair, without end."""
    chance = random.Random(f"order {seed}")
    while True:
        first, second = (_AB, _BA) if chance.random() < 0.5 else (_BA, _AB)
        yield first
        yield second
