"""(c) Coverage: how often each interval contains the true value."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from loadws.gate.comparing.compare import conclude_pairs
from loadws.gate.statistics import bootstrap, shares, unpaired
from loadws.gate.statistics.changes import log_level
from loadws.gate.statistics.sequential import Design
from loadws.gate.statistics.shares import Share
from loadws.terms.percentiles import design_effect, rank_of, scaled_ranks
from tests.stats.noise import SLOWED, Noise, Order, paired_set, rules
from tests.stats.table import Row, about, percent, render

Interval = tuple[float, float]
WINDOWS, SAMPLES = 40, 60


class Case(NamedTuple):
    """An interval, the share of the truth that it claims (None: shown for comparison), and one trial of it."""

    what: str
    least: float | None
    holds: Callable[[random.Random], bool]
    each: int = 1  # one trial in so many, for what is slow


def table(source: Noise, trials: int, seed: int) -> str:
    """Return the coverage of every interval."""
    rows = [_row(case, max(1, trials // case.each), seed) for case in _cases(source)]
    return render(f"(c) how often an interval contains the truth; noise of {source.name}", rows)


def _cases(source: Noise) -> list[Case]:
    calm = source.scaled(0.1)
    return [
        Case("p90 of 2,400 independent samples, 95 %", 0.95, partial(_order, calm, 0.0, True)),
        Case("p90, windows as slow as the noise, effective samples, 95 %", 0.95, partial(_order, calm, 1.0, True)),
        Case("p90, the same taken as independent, as nothing here does", None, partial(_order, calm, 1.0, False)),
        Case("12 pairs, a coin for each, 99 %", 0.99, partial(_pairs, source, 12, 0.01, "coin")),
        Case("12 pairs, ABBA or BAAB, 99 %", 0.98, partial(_pairs, source, 12, 0.01, "ABBA")),
        Case("8 pairs, a coin for each, 99 %", 0.99, partial(_pairs, source, 8, 0.01, "coin")),
        Case("8 pairs, ABBA or BAAB, 99 %", 0.98, partial(_pairs, source, 8, 0.01, "ABBA")),
        Case("12 pairs, a coin for each, 95 %", 0.95, partial(_pairs, source, 12, 0.05, "coin")),
        Case("10 runs on each side in random order, 99 %", 0.99, partial(_runs, source, 10)),
        Case("one run on each side, bootstrap of 40 windows, 95 %", 0.93, partial(_windows, calm), each=10),
        Case("share of 0.5 %, binomial, 12 slices of 1,000, 99 %", 0.99, partial(_shares, 0.005, 1.0)),
        Case("share of 0.5 %, threefold from slice to slice, 99 %", 0.985, partial(_shares, 0.005, 3.0)),
        Case("share of 0.005 %, mostly no failure at all, 99 %", 0.99, partial(_shares, 0.00005, 1.0)),
    ]


def _row(case: Case, trials: int, seed: int) -> Row:
    chance = random.Random(seed)
    seen = Share(sum(case.holds(chance) for _ in range(trials)), trials)
    return Row(case.what, percent(seen)) if case.least is None else about(case.what, seen, case.least)


def _order(source: Noise, noisy: float, effective: bool, chance: random.Random) -> bool:
    """Windows of exponential times, each slower by a row of the noise; the truth is that of all rows together."""
    levels = [noisy * chance.choice(source.rows)[SLOWED] for _ in range(WINDOWS)]
    windows = [[math.exp(level) * chance.expovariate(1) for _ in range(SAMPLES)] for level in levels]
    ordered = sorted(value for window in windows for value in window)
    limit = ordered[rank_of(90, len(ordered)) - 1]
    effect = design_effect([(sum(value > limit for value in window), SAMPLES) for window in windows])
    count = len(ordered)
    lower, upper = scaled_ranks(count, int(count / effect) if effective else count, 90)
    truth = _true_quantile([noisy * row[SLOWED] for row in source.rows], 0.9)
    return _contains((ordered[lower - 1] if lower else 0.0, ordered[upper - 1] if upper else math.inf), truth)


def _true_quantile(levels: Sequence[float], share: float) -> float:
    """Return the quantile of equal parts of exponentials with the means exp(level), by halving."""
    low, high = 0.0, 1000.0
    for _ in range(60):
        middle = (low + high) / 2
        below = sum(1 - math.exp(-middle / math.exp(level)) for level in levels) / len(levels)
        low, high = (middle, high) if below < share else (low, middle)
    return low


def _pairs(source: Noise, pairs: int, alpha: float, order: Order, chance: random.Random) -> bool:
    sides = paired_set(source, chance, pairs, order=order)
    [found] = conclude_pairs([rules()[SLOWED]], [sides[SLOWED]], (), Design(pairs=pairs, alpha=alpha))
    return _contains((found.found.low, found.found.high), 0.0)


def _runs(source: Noise, runs: int, chance: random.Random) -> bool:
    levels = [chance.choice(source.rows)[SLOWED] for _ in range(2 * runs)]
    found = unpaired.compare(levels[:runs], levels[runs:], 0.0, 0.01)
    return _contains((found.low, found.high), 0.0)


def _windows(source: Noise, chance: random.Random) -> bool:
    def window() -> bootstrap.Window:
        level = math.exp(chance.choice(source.rows)[SLOWED])
        return sorted(Counter(round(1000 * level * chance.expovariate(1)) for _ in range(SAMPLES)).items())

    ours, theirs = ([window() for _ in range(WINDOWS)] for _ in range(2))
    found = bootstrap.compare(ours, theirs, 90, log_level, 0.0, 0.05, chance.randrange(10**6), draws=400)
    return _contains((found.low, found.high), 0.0)


def _shares(rate: float, factor: float, chance: random.Random) -> bool:
    ours, theirs = ([_slice(chance, rate, factor) for _ in range(12)] for _ in range(2))
    return _contains(shares.difference_interval(ours, theirs, 0.01), 0.0)


def _slice(chance: random.Random, rate: float, factor: float) -> Share:
    """Return 1,000 tries whose rate is at most ``factor`` times or a ``factor``-th of ``rate``, evenly in logarithms."""
    own = rate * factor ** chance.uniform(-1, 1)
    return Share(_binomial(chance, 1_000, own), 1_000)


def _binomial(chance: random.Random, n: int, p: float) -> int:
    """Return a binomial number by its gaps, which are geometric: quick where hits are rare."""
    hits, at = 0, 0
    while True:
        at += 1 + math.floor(math.log(1 - chance.random()) / math.log1p(-p))
        if at > n:
            return hits
        hits += 1


def _contains(interval: Interval, truth: float) -> bool:
    return interval[0] <= truth <= interval[1]
