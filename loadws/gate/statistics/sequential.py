"""Pairs judged in stages: equal sides end early, and a failure is confirmed by a second, independent set.

    first set    after 8 pairs: every rule within its limit          -> passed, the rest is not run
                 after 12 pairs: no rule fails                       -> each rule as its interval says
                 a rule fails                                        -> a second set of 12 pairs
    second set   a rule that failed fails again, judged with those that failed beside it -> failed
                 else                                                -> inconclusive: the sets disagree

*False failures.* Rules that are within their limits all pass the first set's Holm with a chance of at least 1 - α,
and the second set is independent, so a failure is false with a chance of at most about α² (of α / 2 in each, as only
one side of two fails). A look at 8 pairs cannot fail anything, so it adds nothing.

*False passes.* A rule that is beyond its limit is called within at one look with a chance of at most α / 2, because
one side of its interval would have to miss. There are two looks, so at most α in all (Bonferroni), as exactly as the
intervals are (``paired``). A rule whose failure was not confirmed never passes: that would be a third look, and a choice
of the better set.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from loadws.gate.statistics.estimate import Estimate
from loadws.gate.statistics.outcome import ALPHA, Judged, Limit, Outcome, decide, judge

Stage = Literal["first", "second", "done"]


@dataclass(frozen=True, slots=True)
class Design:
    """The stages of a paired comparison: ``pairs`` in each set, and the ``early`` look at which clearly equal sides
    end.

    An ``early`` that is not below ``pairs`` means that there is no such look.
    """

    pairs: int = 12
    early: int = 8
    alpha: float = ALPHA


@dataclass(frozen=True, slots=True)
class Ruling:
    """One rule's outcome, with what it rests on. ``second`` is there where a second set was judged for it."""

    outcome: Outcome
    first: Judged
    second: Judged | None = None


def is_clearly_equal(estimates: Sequence[Estimate], limits: Sequence[Limit]) -> bool:
    """Return whether the early look ends the comparison: every rule within its limit."""
    return bool(estimates) and all(judged.place == "within" for judged in judge(estimates, limits))


def failing(estimates: Sequence[Estimate], limits: Sequence[Limit], alpha: float) -> list[int]:
    """Return the rules, by index, that fail in the first set and so need a second one."""
    return [index for index, judged in enumerate(judge(estimates, limits)) if judged.fails(alpha)]


def rule_on(
    first: Sequence[Estimate], second: Sequence[Estimate], limits: Sequence[Limit], alpha: float
) -> list[Ruling]:
    """Return the outcome of every rule.

    ``second`` are the same rules' estimates of a whole second set, of which those that failed in the first are judged; it
    is empty where there is no such set, and then what failed is inconclusive.
    """
    rulings = [
        Ruling(decide(estimate, judged, alpha), judged)
        for estimate, judged in zip(first, judge(first, limits), strict=True)
    ]
    failed = failing(first, limits, alpha)
    again = judge([second[index] for index in failed], [limits[index] for index in failed]) if second else []
    confirmed = dict(zip(failed, again, strict=False))
    for index in failed:
        rulings[index] = _confirmed(rulings[index].first, confirmed.get(index), alpha)
    return rulings


def _confirmed(first: Judged, second: Judged | None, alpha: float) -> Ruling:
    if second is not None and second.fails(alpha):
        return Ruling("failed", first, second)
    return Ruling("inconclusive", first, second)
