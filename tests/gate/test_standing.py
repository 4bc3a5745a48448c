from __future__ import annotations

from loadws.gate.standing import MOST_AT_A_TIME, Standing
from loadws.metrics.runinfo import RunInfo
from loadws.metrics.summarising.summariser import Summariser
from tests.metrics.made_up import counted, frame, info, times


def _standing(of: RunInfo) -> Standing:
    summariser = Summariser(of)
    summariser.add(
        frame(
            0,
            histograms=(times("response_time", [5.0] * 2_000, step="a"),),
            counters=(counted("error_rate", 100, failed=3, kind="request", step="a"),),
        )
    )
    return Standing(of, summariser.rough_entries_for)


def test_before_it_is_judged_a_rule_has_no_data() -> None:
    standing = _standing(info("response_time.p95 < 10ms"))
    [check] = standing.checks
    assert (check.rule, check.outcome, check.limit) == ("response_time.p95 < 10ms", "no_data", 10e6)


def test_each_rule_stands_where_it_is_now() -> None:
    standing = _standing(info("response_time.p95 < 10ms", "error_rate < 1%", "recovery_time.max < 1s"))
    assert sum(1 for _ in standing.judging()) == 3  # a slice each
    assert [check.outcome for check in standing.checks] == ["passed", "failed", "no_data"]
    assert standing.checks[1].observed == 0.03


def test_of_many_rules_the_next_are_judged_each_time() -> None:
    rules = [f"response_time.p95 < {number}ms" for number in range(10, 10 + MOST_AT_A_TIME + 3)]
    standing = _standing(info(*rules))
    assert sum(1 for _ in standing.judging()) == MOST_AT_A_TIME
    assert [check.outcome for check in standing.checks[-3:]] == ["no_data"] * 3
    assert sum(1 for _ in standing.judging()) == MOST_AT_A_TIME
    assert {check.outcome for check in standing.checks} == {"passed"}
