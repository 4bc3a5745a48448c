"""What can be known before the first slice or run: that there are too few of them."""

from __future__ import annotations

import pytest

from loadws.gate.comparing.compare import Comparison, Sides, compare_runs, conclude_pairs
from loadws.gate.comparing.reach import MOST_RUNS, least_to_decide, pairs_lacking, runs_lacking, saved_lacking
from loadws.gate.statistics.sequential import Design
from loadws.gate.statistics.shares import Share
from loadws.terms.comparisons import ComparisonRule, parse_comparison

TIME, SHARE = parse_comparison("response_time.p50 <= +5%"), parse_comparison("error_rate <= +0.1pp")
WHOLE = parse_comparison("delivery.completeness >= -0.1pp")


@pytest.mark.parametrize(
    ("pairs", "rules", "sentence"),
    [
        (
            2, [TIME],
            "2 slices a side cannot decide: to find both sides equal takes 8, and to find the rule broken takes 8 "
            "(--slices 8)",
        ),
        (8, [TIME], ""),
        (
            8, [TIME] * 5,
            "8 slices a side can only find both sides equal: to find one of 5 rules broken takes 10 (--slices 10)",
        ),
        (12, [TIME] * 5, ""),
        (2, [SHARE], ""),
        (2, [], ""),
    ],
)  # fmt: skip
def test_pairs(pairs: int, rules: list[object], sentence: str) -> None:
    assert pairs_lacking(pairs, rules) == sentence  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("baseline", "candidate", "by_windows", "rules", "sentence"),
    [
        (5, 5, False, 1, ""),
        (1, 5, True, 1, "5 runs against 1 of the baseline cannot decide: to find no change takes 5 on each side, "
                        "the baseline too, and to find the rule broken takes 5 on each side, the baseline too"),
        (5, 1, True, 5, "1 run against 5 of the baseline cannot decide: to find no change takes 5 (--repeat 5), and to "
                        "find one of 5 rules broken takes 8 (--repeat 8)"),
        (5, 5, False, 5, "5 runs against 5 of the baseline can only find no change: to find one of 5 rules broken takes 8 "
                         "(--repeat 8)"),
        (1, 1, True, 1, "one run on each side is compared by its seconds, which does not see the noise between runs and "
                        "takes 30 judged seconds; --repeat makes more runs"),
    ],
)  # fmt: skip
def test_runs(baseline: int, candidate: int, by_windows: bool, rules: int, sentence: str) -> None:
    assert runs_lacking(baseline, candidate, [TIME] * rules, by_windows) == sentence


@pytest.mark.parametrize("pairs", range(2, 14))
def test_what_is_said_of_pairs_is_what_the_comparison_then_finds(pairs: int) -> None:
    """Values that are as clear as they can be: equal, or twice as much."""
    outcomes = []
    for factor in (1.0, 2.0):
        sides = [Sides([10.0 + n for n in range(pairs)], [factor * (10.0 + n) for n in range(pairs)])] * 5
        made = conclude_pairs([TIME] * 5, sides, sides, Design(pairs=pairs, early=min(8, pairs)))
        outcomes.append(made[0].outcome)
    said = pairs_lacking(pairs, [TIME] * 5)
    assert outcomes == (
        ["inconclusive"] * 2 if "cannot decide" in said else ["passed", "inconclusive" if said else "failed"]
    )


@pytest.mark.parametrize(
    ("baseline", "candidate"), [(3, 3), (5, 4), (5, 5), (5, 6), (5, 7), (5, 8), (2, 30), (1, MOST_RUNS)]
)
def test_what_is_said_of_runs_is_what_the_comparison_then_finds(baseline: int, candidate: int) -> None:
    outcomes = []
    for factor in (1.0, 2.0):
        before = [10 + n / 1000 for n in range(baseline)]
        after = [factor * (10 + n / 1000) for n in range(candidate)]
        outcomes.append(compare_runs([TIME] * 5, [Sides(before, after)] * 5)[0].outcome)
    said = runs_lacking(baseline, candidate, [TIME] * 5, by_windows=False)
    assert outcomes == (
        ["inconclusive"] * 2 if "cannot decide" in said else ["passed", "inconclusive" if said else "failed"]
    )


@pytest.mark.parametrize("rules", [1, 2, 3, 5])
def test_the_least_number_of_runs_decides_and_one_less_does_not(rules: int) -> None:
    least = least_to_decide(rules)
    for runs, outcome in ((least, "failed"), (least - 1, "inconclusive")):
        before, after = [10 + n / 1000 for n in range(runs)], [20 + n / 1000 for n in range(runs)]
        assert compare_runs([TIME] * rules, [Sides(before, after)] * rules)[0].outcome == outcome
        assert (saved_lacking(runs, rules) == "") == (outcome == "failed")


def test_what_a_baseline_cannot_decide_is_said_before_it_is_made() -> None:
    assert saved_lacking(1, 1) == (
        "a baseline of 1 run, against as many, cannot decide: to find the rule broken takes 5 on each side (--repeat 5)"
    )
    assert saved_lacking(5, 2) == (
        "a baseline of 5 runs, against as many, can only find no change: to find one of 2 rules broken takes 6 on each "
        "side (--repeat 6)"
    )


def _without_variance(rule: ComparisonRule, runs: int, tries: int) -> Comparison:
    """Return the comparison of runs that are all the same: no error, every delivery, or the same time."""
    each = Share(tries if rule is WHOLE else 0, tries) if rule.judges_share else 10.0
    return compare_runs([rule], [Sides([each] * runs, [each] * runs)])[0]


@pytest.mark.parametrize("rule", [SHARE, WHOLE, TIME], ids=str)
@pytest.mark.parametrize("runs", [1, 2, 4, 5, 10, 20])
@pytest.mark.parametrize("tries", [100, 305, 700, 6_000])
def test_what_is_said_of_further_runs_is_true_where_nothing_varies(rule: ComparisonRule, runs: int, tries: int) -> None:
    """As many more as were said decide, and one less does not."""
    found = _without_variance(rule, runs, tries)
    if found.outcome == "inconclusive" and found.more is not None:
        assert _without_variance(rule, runs + found.more, tries).outcome == "passed"
        assert found.more == 1 or _without_variance(rule, runs + found.more - 1, tries).outcome == "inconclusive"
    elif found.outcome == "inconclusive":
        assert _without_variance(rule, 50 * runs, tries).outcome == "inconclusive"
    else:
        assert found.outcome == "passed"


@pytest.mark.parametrize("text", ["error_rate <= -0.1pp", "error_rate <= +0pp"])
def test_sides_that_are_equal_are_never_found_different(text: str) -> None:
    """A limit that asks for a change, or allows none, is not decided by any number of runs without an error."""
    rule = parse_comparison(text)
    found = _without_variance(rule, 5, 305)
    assert (found.outcome, found.more) == ("inconclusive", None)
    assert _without_variance(rule, 250, 305).outcome == "inconclusive"
