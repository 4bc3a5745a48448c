"""The course of a paired comparison: who ends early, who needs a second set, and what that set decides."""

from __future__ import annotations

import pytest

from loadws.gate.statistics.estimate import Estimate
from loadws.gate.statistics.outcome import Limit
from loadws.gate.statistics.sequential import failing, is_clearly_equal, rule_on

LIMIT = Limit(0.05)
WORSE = Estimate(0.1, 0.07, 0.13, 0.0005, 12, 0, 11)
EQUAL = Estimate(0.0, -0.02, 0.02, 0.0005, 12, 0, 11)
OPEN = Estimate(0.02, -0.03, 0.07, 0.2, 12, 0, 11)
NOTHING = Estimate(None, float("-inf"), float("inf"), 1.0, 0, 12, 1)


@pytest.mark.parametrize(
    ("estimates", "ends"), [([EQUAL, EQUAL], True), ([EQUAL, OPEN], False), ([EQUAL, NOTHING], False), ([], False)]
)
def test_clearly_equal_is_every_rule_within(estimates: list[Estimate], ends: bool) -> None:
    assert is_clearly_equal(estimates, [LIMIT] * len(estimates)) == ends


@pytest.mark.parametrize(
    ("first", "second", "outcomes"),
    [
        # nothing fails: there is no second set
        ([EQUAL, OPEN], [], ["passed", "inconclusive"]),
        ([NOTHING, EQUAL], [], ["no_data", "passed"]),
        # a failure needs the second set, and it needs it whole
        ([WORSE, EQUAL], [], ["inconclusive", "passed"]),
        ([WORSE, EQUAL], [WORSE, EQUAL], ["failed", "passed"]),
        ([WORSE, EQUAL], [OPEN, EQUAL], ["inconclusive", "passed"]),
        # a failure that was not confirmed does not pass either, whatever the second set says
        ([WORSE, EQUAL], [EQUAL, EQUAL], ["inconclusive", "passed"]),
        ([WORSE, EQUAL], [NOTHING, EQUAL], ["inconclusive", "passed"]),
        # a rule that did not fail at first is not failed by the second set
        ([WORSE, EQUAL], [WORSE, WORSE], ["failed", "passed"]),
        ([WORSE, WORSE], [WORSE, EQUAL], ["failed", "inconclusive"]),
    ],
)
def test_what_two_sets_decide(first: list[Estimate], second: list[Estimate], outcomes: list[str]) -> None:
    assert [ruling.outcome for ruling in rule_on(first, second, [LIMIT, LIMIT], 0.01)] == outcomes


def test_the_second_set_is_judged_among_the_rules_that_failed() -> None:
    """p .008 is enough for one rule at 1 %, and not for the first of two."""
    weak = Estimate(0.1, 0.06, 0.14, 0.008, 12, 0, 11)
    limits = [LIMIT] * 2
    [ruling, _] = rule_on([WORSE, EQUAL], [weak, EQUAL], limits, 0.01)
    assert (ruling.outcome, ruling.second is not None and ruling.second.adjusted_p) == ("failed", 0.008)
    assert [each.outcome for each in rule_on([WORSE, WORSE], [weak, weak], limits, 0.01)] == ["inconclusive"] * 2


def test_the_rules_that_fail_are_named_by_index() -> None:
    assert failing([EQUAL, WORSE, OPEN, NOTHING], [LIMIT] * 4, 0.01) == [1]
