"""(a) False alarms: A and B are equal, and a comparison sees only noise."""

from __future__ import annotations

import random
from collections.abc import Iterator

from loadws.gate.statistics.outcome import ALPHA
from loadws.gate.statistics.sequential import Design
from loadws.gate.statistics.shares import Share
from tests.stats import compared, noise
from tests.stats.table import Row, at_most, percent, render

MOST_FALSE = 0.01


def table(source: noise.Noise, comparisons: int, seed: int) -> str:
    """Return the rates at the noise's own spread and at one that lets comparisons decide."""
    calm = source.scaled(0.02)
    rows = [
        *_equal(source, "own spread", comparisons, seed),
        *_equal(calm, "pair spread 2 %", comparisons, seed + 1),
        *_at_the_limit(calm, comparisons, seed + 2),
    ]
    spreads = ", ".join(f"{name} {spread:.1%}" for name, spread in zip(noise.VALUES, source.spreads, strict=True))
    title = (
        f"(a) A/A: {comparisons:,} comparisons a row, 12 pairs a set in ABBA or BAAB order, five rules, alpha 1 %\n"
        f"    noise: {source.name}\n    pair spreads: {spreads}"
    )
    return render(title, rows)


def _equal(source: noise.Noise, name: str, comparisons: int, seed: int) -> Iterator[Row]:
    for limit in ("0%", "5%"):
        chance = random.Random(seed)
        rules = noise.rules(limit)
        ends = [compared.ab(rules, source, chance, Design()) for _ in range(comparisons)]
        where = f"{name}, limit {limit}"
        failed, once = (
            Share(sum(each), comparisons) for each in zip(*((e.failed, e.failed_once) for e in ends), strict=True)
        )
        yield Row(f"{where}: failed in the first set", percent(once))
        yield at_most(f"{where}: failed, confirmed by the second", failed, MOST_FALSE)
        yield Row(f"{where}: passed", percent(Share(sum(end.passed for end in ends), comparisons)))
        yield Row(f"{where}: mean pairs run", f"{sum(end.pairs for end in ends) / comparisons:.1f}")
    chance = random.Random(seed)
    alarms = sum(compared.unpaired(noise.rules(), source, chance, 10) for _ in range(comparisons))
    yield Row(f"{name}, limit 5%: 10 runs, then 10 unpaired: failed", percent(Share(alarms, comparisons)))


def _at_the_limit(calm: noise.Noise, comparisons: int, seed: int) -> Iterator[Row]:
    """One rule's true change is its limit, the most that it may be: how often that is called within, early or late."""
    orders: tuple[noise.Order, ...] = ("ABBA", "coin")
    for order in orders:
        chance = random.Random(seed)
        ends = [compared.ab(noise.rules(), calm, chance, Design(), 0.05, order) for _ in range(comparisons)]
        passed = Share(sum(end.passed for end in ends), comparisons)
        where = "pair spread 2 %, B slower by the limit of 5 %"
        if order == "ABBA":
            yield Row(f"{where}: passed (ABBA or BAAB)", percent(passed))
        else:
            yield at_most(f"{where}: passed (a coin a pair)", passed, ALPHA)
