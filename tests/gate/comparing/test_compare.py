"""Rules and data -> comparisons: scales, stages, what is missing, and what each outcome says of itself."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadws.gate.comparing.compare import (
    Measured,
    Sides,
    Windows,
    compare_runs,
    compare_windows,
    conclude_pairs,
    limit_of,
    next_step,
)
from loadws.gate.statistics.sequential import Design
from loadws.gate.statistics.shares import Share
from loadws.terms.comparisons import ComparisonRule, parse_comparison
from tests.kit.plain import MS

INF = math.inf
P99 = parse_comparison("response_time.p99 <= +5%")
P50_MS = parse_comparison("response_time.p50 <= +2ms")
ITERATIONS = parse_comparison("iterations.rate >= -5%")
ERRORS = parse_comparison("error_rate <= +0.1pp")


def spread(pairs: int, factor: float, seed: int = 1, noise: float = 0.01) -> Sides:
    """Return pairs about 10 ms, of which the candidate's are ``factor`` as long."""
    chance = random.Random(seed)
    base = [10 * MS * chance.lognormvariate(0, 0.2) for _ in range(pairs)]
    return Sides(base, [value * factor * chance.lognormvariate(0, noise) for value in base])


def none_yet(rules: Sequence[ComparisonRule]) -> list[Sides]:
    return [Sides((), ()) for _ in rules]


# -- the course of pairs ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second", "stage", "pairs"),
    [
        # up to the early look, and to the end
        (spread(0, 1.0), None, "first", 8),
        (spread(3, 1.0), None, "first", 5),
        # equal beyond doubt: done
        (spread(8, 1.0), None, "done", 0),
        # slower, but a look at eight pairs fails nothing
        (spread(8, 1.2), None, "first", 4),
        (spread(10, 1.2), None, "first", 2),
        # too noisy to tell: the set is run to its end, and no further
        (spread(8, 1.0, noise=0.1), None, "first", 4),
        (spread(12, 1.0, noise=0.1), None, "done", 0),
        # slower: a second set, whole
        (spread(12, 1.2), None, "second", 12),
        (spread(12, 1.2), spread(5, 1.2), "second", 7),
        (spread(12, 1.2), spread(12, 1.2, seed=2), "done", 0),
    ],
)
def test_what_to_run_next(first: Sides, second: Sides | None, stage: str, pairs: int) -> None:
    step = next_step([P99], [first], [second] if second else [])
    assert (step.stage, step.pairs) == (stage, pairs)
    assert bool(step.comparisons) == (stage == "done")


def test_without_a_pair_and_without_a_rule() -> None:
    assert next_step([P99, ERRORS], none_yet([P99, ERRORS])).pairs == 8
    assert next_step([P99], []).pairs == 8
    assert conclude_pairs([], []) == ()


def test_a_design_without_an_early_look() -> None:
    design = Design(pairs=10, early=10)
    assert next_step([P99], [spread(8, 1.0)], (), design).pairs == 2
    assert next_step([P99], [spread(10, 1.0)], (), design).stage == "done"


@pytest.mark.parametrize(
    ("first", "second", "outcome"),
    [
        (spread(12, 1.0), None, "passed"),
        (spread(12, 1.2), spread(12, 1.2, seed=2), "failed"),
        (spread(12, 1.2), spread(12, 1.0, seed=2), "inconclusive"),
        # time ran out before the second set was whole
        (spread(12, 1.2), spread(11, 1.2, seed=2), "inconclusive"),
        (spread(12, 1.2), None, "inconclusive"),
        # time ran out in the first set: what is sure is sure
        (spread(9, 1.0), None, "passed"),
        (spread(7, 1.0), None, "inconclusive"),
        (spread(0, 1.0), None, "no_data"),
    ],
)
def test_how_pairs_end(first: Sides, second: Sides | None, outcome: str) -> None:
    [comparison] = conclude_pairs([P99], [first], [second] if second else [])
    assert comparison.outcome == outcome
    assert (comparison.unit, comparison.rules, comparison.alpha) == ("pairs", 1, 0.01)


def test_a_slower_candidate_in_its_rule_s_own_terms() -> None:
    sides = [spread(12, 1.2), spread(12, 1.2), Sides([100.0] * 12, [80.0] * 12)]
    rules = [P99, P50_MS, ITERATIONS]
    relative, absolute, rate = conclude_pairs(rules, sides, sides)
    assert [each.outcome for each in (relative, absolute, rate)] == ["failed", "inconclusive", "failed"]
    assert relative.found.change == pytest.approx(0.2, abs=0.01)
    assert relative.found.low < 0.2 < relative.found.high
    assert absolute.found.change == pytest.approx(2 * MS, rel=0.1)
    assert rate.found.change == pytest.approx(-0.2)
    assert (rate.found.before, rate.found.after) == (100, 80)
    assert relative.second is not None
    assert relative.second.change == relative.found.change


@pytest.mark.parametrize(
    ("rule", "at", "is_upper"),
    [(P99, math.log(1.05), True), (P50_MS, 2 * MS, True), (ITERATIONS, math.log(0.95), False), (ERRORS, 0.001, True)],
)
def test_the_limit_on_an_additive_scale(rule: ComparisonRule, at: float, is_upper: bool) -> None:
    assert limit_of(rule).at == pytest.approx(at)
    assert limit_of(rule).is_upper == is_upper


def test_several_rules_share_the_doubt() -> None:
    """12 pairs whose least p is 2 / 2^12 are enough for twenty rules and too few for twenty-one."""
    fewer = [spread(12, 1.2)] * 20
    assert [each.outcome for each in conclude_pairs([P99] * 20, fewer, fewer)] == ["failed"] * 20
    mixed = [spread(12, 1.2), *[spread(12, 1.0)] * 20]
    outcomes = [each.outcome for each in conclude_pairs([P99] * 21, mixed, mixed)]
    assert outcomes == ["inconclusive", *["passed"] * 20]


# -- what is missing --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("baseline", "candidate", "outcome"),
    [
        # one slice without a value cannot pass, and fails what fails without it
        ([10.0] * 12, [*[10.0] * 11, None], "inconclusive"),
        ([10.0] * 12, [*[20.0] * 11, None], "failed"),
        ([*[10.0] * 11, None], [10.0] * 12, "inconclusive"),
        # never answered on both sides: nothing is known
        ([INF] * 12, [INF] * 12, "no_data"),
        ([None] * 12, [10.0] * 12, "no_data"),
        # never answered by the candidate, or no longer
        ([10.0] * 12, [INF] * 12, "failed"),
        ([INF] * 12, [10.0] * 12, "passed"),
        # zero
        ([0.0] * 12, [0.0] * 12, "passed"),
        ([0.0] * 12, [1.0] * 12, "failed"),
        ([1.0] * 12, [0.0] * 12, "passed"),
        # below zero there are no ratios
        ([-1.0] * 12, [-1.0] * 12, "no_data"),
    ],
)
def test_no_data_is_never_a_pass(baseline: list[Measured], candidate: list[Measured], outcome: str) -> None:
    sides = [Sides(baseline, candidate)]
    [comparison] = conclude_pairs([P99], sides, sides)
    assert comparison.outcome == outcome
    [unpaired] = compare_runs([P99], sides)
    assert unpaired.outcome == outcome


@pytest.mark.parametrize(
    ("baseline", "candidate", "outcome"),
    [
        # no failure in 120,000 tries is within 0.1 points, in 1,200 it is not shown to be
        (Share(0, 10_000), Share(0, 10_000), "passed"),
        (Share(0, 100), Share(0, 100), "inconclusive"),
        (Share(0, 10_000), Share(100, 10_000), "failed"),
        (Share(100, 10_000), Share(0, 10_000), "passed"),
        (Share(0, 0), Share(0, 100), "no_data"),
        (None, Share(0, 100), "no_data"),
    ],
)
def test_shares_are_compared_by_counts(baseline: Measured, candidate: Measured, outcome: str) -> None:
    sides = [Sides([baseline] * 12, [candidate] * 12)]
    [comparison] = conclude_pairs([ERRORS], sides, sides)
    assert comparison.outcome == outcome
    [unpaired] = compare_runs([ERRORS], sides)
    assert unpaired.outcome == outcome


def test_the_typical_values_beside_a_share_are_those_of_all_tries() -> None:
    [comparison] = conclude_pairs([ERRORS], [Sides([Share(0, 10), Share(2, 30)], [Share(1, 10)] * 2)])
    assert (comparison.found.before, comparison.found.after) == (0.05, 0.1)
    assert comparison.found.change == pytest.approx(0.05)


# -- runs and windows -------------------------------------------------------------------------------------------------


def test_runs_that_are_no_pairs() -> None:
    chance = random.Random(1)
    base = [10 * chance.lognormvariate(0, 0.02) for _ in range(10)]
    slower = [12 * chance.lognormvariate(0, 0.02) for _ in range(10)]
    [failed] = compare_runs([P99], [Sides(base, slower)])
    assert (failed.outcome, failed.unit, failed.found.n, failed.second) == ("failed", "runs", 10, None)
    [few] = compare_runs([P99], [Sides(base[:4], slower[:4])])
    assert (few.outcome, few.more) == ("inconclusive", 1)
    [one] = compare_runs([P99], [Sides(base[:1], slower[:1])])
    assert (one.outcome, one.more, one.smallest) == ("inconclusive", 4, INF)


@pytest.mark.slow
def test_one_run_a_side_by_its_windows() -> None:
    chance = random.Random(1)

    def windows(factor: float) -> list[list[tuple[float, int]]]:
        return [sorted((factor * chance.uniform(1, 2), 1) for _ in range(30)) for _ in range(40)]

    base, equal, slower = windows(1), windows(1), windows(1.5)
    same, worse = compare_windows([P99, P50_MS], [Windows(base, equal), Windows(base, slower)])
    assert (same.outcome, same.unit, same.found.n) == ("passed", "windows", 40)
    assert worse.found.change is not None
    assert 0 < worse.found.change < 2 * MS
    [failed] = compare_windows([P99], [Windows(base, slower)])
    assert failed.outcome == "failed"
    with pytest.raises(ValueError, match=r"iterations\.rate is not a percentile"):
        compare_windows([ITERATIONS], [Windows(base, equal)])


# -- invariances ------------------------------------------------------------------------------------------------------

values = st.lists(st.tuples(st.floats(0.1, 1e3), st.floats(0.1, 1e3)), min_size=1, max_size=12)


@pytest.mark.slow
@given(values, st.floats(1e-3, 1e3), st.randoms(use_true_random=False))
def test_a_relative_comparison_has_no_unit_and_no_order(
    pairs: list[tuple[float, float]], unit: float, chance: random.Random
) -> None:
    def compared(pairs: Sequence[tuple[float, float]], factor: float = 1.0) -> tuple[str, float, float]:
        sides = Sides([before * factor for before, _ in pairs], [after * factor for _, after in pairs])
        [comparison] = conclude_pairs([P99], [sides])
        return comparison.outcome, comparison.found.low, comparison.found.high

    outcome, low, high = compared(pairs)
    shuffled = compared(chance.sample(pairs, len(pairs)))
    assert shuffled[0] == outcome
    assert shuffled[1:] == pytest.approx((low, high))
    assert compared(pairs, unit)[1:] == pytest.approx((low, high), abs=1e-9)


@pytest.mark.slow
@given(values)
def test_swapped_sides_have_the_inverse_ratio(pairs: list[tuple[float, float]]) -> None:
    sides = Sides([before for before, _ in pairs], [after for _, after in pairs])
    [there] = conclude_pairs([P99], [sides])
    [back] = conclude_pairs([P99], [Sides(sides.candidate, sides.baseline)])
    assert there.found.change is not None
    assert back.found.change is not None
    assert 1 + back.found.change == pytest.approx(1 / (1 + there.found.change))
    if math.isfinite(there.found.high):
        assert 1 + back.found.low == pytest.approx(1 / (1 + there.found.high))
