"""What can be known before the first slice or run: that there are too few of them."""

from __future__ import annotations

import pytest

from loadws.gate.comparing.compare import Sides, compare_runs, conclude_pairs
from loadws.gate.comparing.reach import MOST_RUNS, least_to_decide, pairs_lacking, runs_lacking, saved_lacking
from loadws.gate.statistics.sequential import Design
from loadws.terms.comparisons import parse_comparison

TIME, SHARE = parse_comparison("response_time.p50 <= +5%"), parse_comparison("error_rate <= +0.1pp")


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
