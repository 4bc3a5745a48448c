"""Simulated comparisons: the course of ``loadws ab``, stage by stage, by the code that judges real slices."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import NamedTuple

from loadws.gate.comparing.compare import Sides, Step, compare_runs, next_step
from loadws.gate.statistics.outcome import ALPHA
from loadws.gate.statistics.sequential import Design
from loadws.terms.comparisons import ComparisonRule
from tests.stats.noise import VALUES, Noise, Order, paired_set, unpaired_set

NOTHING = [Sides((), ()) for _ in VALUES]


class Ab(NamedTuple):
    """How a simulated ``ab`` ended. ``pairs`` were run in all; ``failed_once`` says that the first set failed a rule."""

    failed: bool
    passed: bool
    failed_once: bool
    pairs: int


def ab(
    rules: Sequence[ComparisonRule],
    noise: Noise,
    chance: random.Random,
    design: Design,
    slowdown: float = 0.0,
    order: Order = "ABBA",
) -> Ab:
    """Return the end of one comparison in which B is slower by ``slowdown`` in one value, and equal in all else."""
    whole = {stage: paired_set(noise, chance, design.pairs, slowdown, order) for stage in ("first", "second")}
    pairs = {"first": 0, "second": 0}
    while True:
        first, second = (_begun(whole[stage], pairs[stage]) for stage in ("first", "second"))
        step = next_step(rules, first, second, design)
        if step.stage == "done":
            return _end(step, pairs)
        pairs[step.stage] += step.pairs


def unpaired(rules: Sequence[ComparisonRule], noise: Noise, chance: random.Random, runs: int) -> bool:
    """Return whether a comparison of runs with the runs after them fails, though nothing changed."""
    return any(each.outcome == "failed" for each in compare_runs(rules, unpaired_set(noise, chance, runs), ALPHA))


def _begun(sides: Sequence[Sides], pairs: int) -> list[Sides]:
    return [Sides(each.baseline[:pairs], each.candidate[:pairs]) for each in sides]


def _end(step: Step, pairs: dict[str, int]) -> Ab:
    outcomes = {each.outcome for each in step.comparisons}
    return Ab("failed" in outcomes, outcomes == {"passed"}, pairs["second"] > 0, sum(pairs.values()))
