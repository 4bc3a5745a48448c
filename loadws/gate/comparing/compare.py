"""Judge rules on the measured values of both sides: each rule's change, and its outcome among all rules.

The rule decides the scale (``statistics.changes``): a limit in percent compares logarithms, an absolute one
differences, a share compares counts. The data decide the test: pairs of slices, several runs on each side, or the
windows of one run on each side. ``next_step`` is the course of a paired comparison; it runs no load itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import msgspec

from loadws.gate.statistics import bootstrap, paired, sequential, shares, unpaired
from loadws.gate.statistics.changes import Value, as_fraction, change, log_level, median, plain_level
from loadws.gate.statistics.estimate import Estimate
from loadws.gate.statistics.outcome import ALPHA, Judged, Limit, Outcome, decide, judge, more_needed, smallest_seen
from loadws.gate.statistics.sequential import Design, Stage
from loadws.gate.statistics.shares import Share, whole
from loadws.terms.comparisons import ComparisonRule

Unit = Literal["pairs", "runs", "windows"]
#: The measurement of a slice or a run for a rule: a value, or for a share its counts; None where there is none.
Measured = Value | Share
DEFAULT = Design()


class Sides(NamedTuple):
    """The measurements of each slice or run of both sides for one rule. In a paired comparison the n-th of both are a
    pair.
    """

    baseline: Sequence[Measured]
    candidate: Sequence[Measured]


class Windows(NamedTuple):
    """The windows of one run on each side, for one rule on a percentile."""

    baseline: Sequence[bootstrap.Window]
    candidate: Sequence[bootstrap.Window]


class Found(msgspec.Struct, frozen=True):
    """The result of one set of data for a rule. ``change``, ``low`` and ``high`` are as the rule's limit: a fraction of
    the baseline for a limit in percent, else in the rule's unit.

    ``before`` and ``after`` are the sides' typical values: a median, or the share of all tries; None for windows.
    ``change`` is None where none is known. ``low`` and ``high`` are infinite (``low`` of a fraction -1) where the data
    are too few for an interval. ``p`` is the two-sided p value of the limit, and ``adjusted_p`` that after Holm, 1
    where the change is not beyond the limit. ``n`` are the pairs, the runs on the smaller side or the windows, and
    ``unknown`` those that could not be compared.
    """

    before: float | None
    after: float | None
    change: float | None
    low: float
    high: float
    p: float
    adjusted_p: float
    n: int
    unknown: int


class Comparison(msgspec.Struct, frozen=True):
    """One rule among ``rules``, compared at level ``alpha``: the intervals have confidence 1 - ``alpha``.

    ``smallest`` is the smallest worsening, on the scale of ``Found.change``, that this comparison would have found to
    be beyond the limit; infinite (-1 for a fraction that must not fall) where there is none. ``more`` is about how many
    more pairs, runs on each side or windows would decide an inconclusive rule; None where that many would be too many,
    and where more of the same would not help: the two sets of pairs disagree, or some could not be compared. ``second``
    is the set that a failure was checked with.
    """

    rule: ComparisonRule
    outcome: Outcome
    found: Found
    unit: Unit
    rules: int
    alpha: float
    smallest: float
    more: int | None
    second: Found | None = None


class Step(NamedTuple):
    """The next step of a paired comparison: run ``pairs`` more for this stage's set, or stop with these comparisons."""

    stage: Stage
    pairs: int
    comparisons: tuple[Comparison, ...] = ()


# -- pairs ------------------------------------------------------------------------------------------------------------


def next_step(
    rules: Sequence[ComparisonRule], first: Sequence[Sides], second: Sequence[Sides] = (), design: Design = DEFAULT
) -> Step:
    """Return how many pairs to run next, or the comparisons, from the pairs measured so far.

    ``first`` and ``second`` have the sides of each rule, in the order of ``rules``; both are empty at first.
    """
    done, limits = _pairs(first), _limits(rules)
    if done < min(design.early, design.pairs):
        return Step("first", min(design.early, design.pairs) - done)
    if done < design.pairs:
        early = [_first_pairs(sides, design.early) for sides in first]
        estimates = estimate_pairs(rules, early, design.alpha)
        if sequential.is_clearly_equal(estimates, limits):
            return Step("done", 0, _concluded(rules, early, estimates, (), design))
        return Step("first", design.pairs - done)
    estimates = estimate_pairs(rules, first, design.alpha)
    left = design.pairs - _pairs(second)
    if left > 0 and sequential.failing(estimates, limits, design.alpha):
        return Step("second", left)
    return Step("done", 0, _concluded(rules, first, estimates, second, design))


def conclude_pairs(
    rules: Sequence[ComparisonRule], first: Sequence[Sides], second: Sequence[Sides] = (), design: Design = DEFAULT
) -> tuple[Comparison, ...]:
    """Return the comparisons of the existing pairs, also where time ran out before ``next_step`` was done.

    Fewer pairs than the design has decide by their own, wider interval. A failure without a whole second set is
    inconclusive.
    """
    return _concluded(rules, first, estimate_pairs(rules, first, design.alpha), second, design)


def _concluded(
    rules: Sequence[ComparisonRule],
    first: Sequence[Sides],
    estimates: Sequence[Estimate],
    second: Sequence[Sides],
    design: Design,
) -> tuple[Comparison, ...]:
    again = estimate_pairs(rules, second, design.alpha) if _pairs(second) >= design.pairs else []
    rulings = sequential.rule_on(estimates, again, _limits(rules), design.alpha)
    setting = _Setting("pairs", len(rules), design.alpha)
    comparisons = []
    for index, (rule, ruling) in enumerate(zip(rules, rulings, strict=True)):
        checked = None if ruling.second is None else _found(rule, second[index], again[index], ruling.second)
        found = _found(rule, first[index], estimates[index], ruling.first)
        comparisons.append(_comparison(rule, ruling.outcome, found, estimates[index], setting, checked))
    return tuple(comparisons)


def estimate_pairs(rules: Sequence[ComparisonRule], sides: Sequence[Sides], alpha: float) -> list[Estimate]:
    """Return each rule's change between the sides of pairs, each by itself."""
    return [_of_pair(rule, each, alpha) for rule, each in zip(rules, sides, strict=True)]


def _of_pair(rule: ComparisonRule, sides: Sides, alpha: float) -> Estimate:
    at = limit_of(rule).at
    if rule.judges_share:
        return shares.compare_pairs(_shares(sides.baseline), _shares(sides.candidate), at, alpha)
    before, after = _levels(rule, sides.baseline), _levels(rule, sides.candidate)
    return paired.compare([change(*pair) for pair in zip(before, after, strict=True)], at, alpha)


def _pairs(sides: Sequence[Sides]) -> int:
    return min((min(map(len, each)) for each in sides), default=0)


def _first_pairs(sides: Sides, pairs: int) -> Sides:
    return Sides(sides.baseline[:pairs], sides.candidate[:pairs])


# -- runs and windows -------------------------------------------------------------------------------------------------


def compare_runs(
    rules: Sequence[ComparisonRule], sides: Sequence[Sides], alpha: float = ALPHA
) -> tuple[Comparison, ...]:
    """Return the comparisons of unpaired runs, at least one on each side; ``sides`` are those of each rule.

    One run on each side decides nothing but shares: use ``compare_windows``.
    """
    estimates = estimate_runs(rules, sides, alpha)
    return _judged_once(rules, sides, estimates, [_Setting("runs", len(rules), alpha)] * len(rules))


def estimate_runs(rules: Sequence[ComparisonRule], sides: Sequence[Sides], alpha: float) -> list[Estimate]:
    """Return each rule's change between unpaired runs, each by itself."""
    return [_of_runs(rule, each, alpha) for rule, each in zip(rules, sides, strict=True)]


def compare_one_run(
    rules: Sequence[ComparisonRule],
    sides: Sequence[Sides],
    windows: Sequence[Windows],
    alpha: float = ALPHA,
    seed: int = 0,
) -> tuple[Comparison, ...]:
    """Return the comparisons of one run on each side: percentiles by their windows, where both runs have some; else by
    run.
    """
    by_window = [rule.percentile is not None and all(each) for rule, each in zip(rules, windows, strict=True)]
    estimates, shown, settings = [], [], []
    for rule, side, each, is_by_window in zip(rules, sides, windows, by_window, strict=True):
        estimates.append(_of_windows(rule, each, alpha, seed) if is_by_window else _of_runs(rule, side, alpha))
        shown.append(side)
        settings.append(_Setting("windows" if is_by_window else "runs", len(rules), alpha))
    return _judged_once(rules, shown, estimates, settings)


def compare_windows(
    rules: Sequence[ComparisonRule], windows: Sequence[Windows], alpha: float = ALPHA, seed: int = 0
) -> tuple[Comparison, ...]:
    """Return the comparisons of one run on each side, for rules on percentiles. They do not include the noise between
    runs.

    Raises ``ValueError`` for a rule that is not on a percentile.
    """
    estimates = [_of_windows(rule, each, alpha, seed) for rule, each in zip(rules, windows, strict=True)]
    nothing = [Sides((), ())] * len(rules)
    return _judged_once(rules, nothing, estimates, [_Setting("windows", len(rules), alpha)] * len(rules))


def _of_runs(rule: ComparisonRule, sides: Sides, alpha: float) -> Estimate:
    at = limit_of(rule).at
    if rule.judges_share:
        return shares.compare_runs(_shares(sides.baseline), _shares(sides.candidate), at, alpha)
    return unpaired.compare(_levels(rule, sides.baseline), _levels(rule, sides.candidate), at, alpha)


def _of_windows(rule: ComparisonRule, windows: Windows, alpha: float, seed: int) -> Estimate:
    if rule.percentile is None:
        raise ValueError(f"{rule.selection} is not a percentile, and windows are compared by percentiles only")
    level = log_level if rule.relative else plain_level
    return bootstrap.compare(
        windows.baseline, windows.candidate, rule.percentile, level, limit_of(rule).at, alpha, seed
    )


# -- from the additive scale to the rule's ----------------------------------------------------------------------------


class _Setting(NamedTuple):
    unit: Unit
    rules: int
    alpha: float


def least_of(unit: Unit, level: float) -> int:
    """Return the fewest pairs, runs on each side or windows that can show anything at a level."""
    return _LEAST[unit](level)


def limit_of(rule: ComparisonRule) -> Limit:
    """Return the rule's limit on the scale where changes add up."""
    return Limit(math.log1p(rule.limit) if rule.relative else rule.limit, rule.is_upper)


def _limits(rules: Sequence[ComparisonRule]) -> list[Limit]:
    return [limit_of(rule) for rule in rules]


def _levels(rule: ComparisonRule, measured: Sequence[Measured]) -> list[float]:
    level = log_level if rule.relative else plain_level
    return [level(_value(each)) for each in measured]


def _value(measured: Measured) -> Value:
    return measured.value if isinstance(measured, Share) else measured


def _shares(measured: Sequence[Measured]) -> list[Share]:
    return [share if isinstance(share, Share) else Share(0, 0) for share in measured]


def _judged_once(
    rules: Sequence[ComparisonRule],
    sides: Sequence[Sides],
    estimates: Sequence[Estimate],
    settings: Sequence[_Setting],
) -> tuple[Comparison, ...]:
    """Return the comparisons of data that are judged once, without a second set."""
    rows = zip(rules, sides, estimates, judge(estimates, _limits(rules)), settings, strict=True)
    return tuple(
        _comparison(
            rule, decide(estimate, judged, setting.alpha), _found(rule, each, estimate, judged), estimate, setting
        )
        for rule, each, estimate, judged, setting in rows
    )


def _comparison(
    rule: ComparisonRule,
    outcome: Outcome,
    found: Found,
    estimate: Estimate,
    setting: _Setting,
    second: Found | None = None,
) -> Comparison:
    limit, level = limit_of(rule), setting.alpha / setting.rules
    seen = smallest_seen(estimate, limit, setting.alpha, level)
    smallest = _shown(rule, limit.at + seen if limit.is_upper else limit.at - seen)
    more = None
    if outcome == "inconclusive" and second is None and not estimate.unknown:
        more = more_needed(estimate, limit, setting.alpha, level, least_of(setting.unit, level))
    return Comparison(rule, outcome, found, setting.unit, setting.rules, setting.alpha, smallest, more, second)


def _found(rule: ComparisonRule, sides: Sides, estimate: Estimate, judged: Judged) -> Found:
    return Found(
        before=_typical(rule, sides.baseline),
        after=_typical(rule, sides.candidate),
        change=None if estimate.change is None else _shown(rule, estimate.change),
        low=_shown(rule, estimate.low),
        high=_shown(rule, estimate.high),
        p=estimate.p,
        adjusted_p=judged.adjusted_p,
        n=estimate.n,
        unknown=estimate.unknown,
    )


def _shown(rule: ComparisonRule, number: float) -> float:
    return as_fraction(number) if rule.relative else number


def _typical(rule: ComparisonRule, measured: Sequence[Measured]) -> float | None:
    if rule.judges_share:
        return whole(_shares(measured)).value
    return median([plain_level(_value(each)) for each in measured])


_LEAST: dict[Unit, Callable[[float], int]] = {
    "pairs": paired.least_pairs,
    "runs": unpaired.least_runs,
    "windows": bootstrap.least_windows,
}
