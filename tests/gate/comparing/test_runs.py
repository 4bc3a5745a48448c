"""Whole runs compared: outcomes, what gates nothing, what is no pass, and what else moved."""

from __future__ import annotations

from functools import partial

import msgspec
import pytest

from loadws.gate.comparing.rules import RuleSet, WrongRules, defaults_of, own_metrics_of, parse_rules
from loadws.gate.comparing.runs import MeasuredRun, compare_sides
from loadws.metrics.comparison import ComparisonRecord
from loadws.metrics.ledger import Ledger, Turns
from loadws.metrics.summary import Summary
from tests.gate.comparing import made

NOW = "2026-11-29T08:00:00Z"


def compared(
    baseline: list[Summary], candidate: list[Summary], *rules: str, across_machines: bool = False
) -> ComparisonRecord:
    own = own_metrics_of((*baseline, *candidate))
    chosen = parse_rules(rules, own) if rules else defaults_of(baseline, candidate)
    return compare_sides(
        made.named(baseline, "a"), made.named(candidate, "b"), chosen, NOW, own, across_machines=across_machines
    )


def outcomes(record: ComparisonRecord) -> list[str]:
    return [rule.outcome for rule in record.rules]


@pytest.mark.parametrize(
    ("candidate_ms", "rule", "outcome", "code"),
    [
        # equal, and all of the interval within the limit
        (10.0, "response_time.p50 <= +10%", "passed", 0),
        # clearly slower
        (14.0, "response_time.p50 <= +10%", "failed", 1),
        (14.0, "response_time.p50 <= +2ms", "failed", 1),
        # slower, and allowed to be
        (12.0, "response_time.p50 <= +30%", "passed", 0),
        # about as much slower as is allowed
        (11.0, "response_time.p50 <= +10%", "inconclusive", 3),
        # a value that should be higher and is
        (14.0, "response_time.p50 >= -5%", "passed", 0),
    ],
)
def test_three_outcomes_by_interval(candidate_ms: float, rule: str, outcome: str, code: int) -> None:
    record = compared(made.runs(8), made.runs(8, candidate_ms, 100), rule)
    assert (outcomes(record), record.outcome, record.exit_code) == ([outcome], outcome, code)
    assert record.method == "runs"


@pytest.mark.parametrize(("side", "code"), [(0, 3), (1, 1)])
def test_latencies_of_a_run_that_mostly_failed_pass_nothing(side: int, code: int) -> None:
    sides = [made.runs(8), made.runs(8, 10.0, 100)]
    assert compared(sides[0], sides[1], "response_time.p50 <= +10%").exit_code == 0
    ledger = Ledger(turns=Turns(due=100, done=40, failed=60))
    sides[side][3] = msgspec.structs.replace(sides[side][3], ledger=ledger)
    record = compared(sides[0], sides[1], "response_time.p50 <= +10%")
    assert record.exit_code == code
    assert any("turns failed 60 of 100" in reason for reason in record.reasons)


def test_a_sentence_names_all_that_a_reader_needs() -> None:
    sentence = compared(made.runs(8), made.runs(8, 14.0, 100), "response_time.p50 <= +10%").rules[0].sentence
    for part in (
        "response_time.p50 changed by +39.9%",
        "99% interval +3",
        "8 runs on each side",
        "limit of +10%",
        "would have been",
    ):
        assert part in sentence


def test_defaults_are_the_headlines_that_both_sides_have() -> None:
    record = compared(made.runs(8), made.runs(8, 10.0, 100))
    assert [rule.rule for rule in record.rules] == [
        "response_time.p50 <= +5%",
        "response_time.p99 <= +5%",
        "error_rate.rate <= +0.1pp",
    ]


def test_nothing_in_common_is_no_pass() -> None:
    bare = [made.run(samples=20, tried=1, failed=0)]
    record = compare_sides(made.named(bare, "a"), made.named(bare, "b"), RuleSet(), NOW, {})
    assert (record.outcome, record.exit_code) == ("inconclusive", 3)
    assert "No rule could be judged" in record.reasons[0]


def test_a_rule_without_data_fails() -> None:
    record = compared(made.runs(8), made.runs(8, 10.0, 50), "connect_time.p50 <= +10%")
    assert (outcomes(record), record.exit_code) == (["no_data"], 1)
    assert record.rules[0].sentence == ("connect_time.p50 has no data to compare: no run of either side has a value.")


@pytest.mark.parametrize("counts", [(1, 1), (1, 4), (3, 2)])
def test_a_side_without_a_value_is_named(counts: tuple[int, int]) -> None:
    more = [made.entry("connect_time", made.histogram(10.0, 1))]
    with_it = [made.run(seed=seed, more=more) for seed in range(counts[0])]
    without = made.runs(counts[1], 10.0, 50)
    for sides, which in (((with_it, without), "candidate"), ((without, with_it), "baseline")):
        [rule] = compared(*sides, "connect_time.p50 <= +10%").rules
        assert rule.sentence == f"connect_time.p50 has no data to compare: no run of the {which} has a value."


def test_a_percentile_of_too_few_samples_is_not_known() -> None:
    few = [made.run(10.0, seed, samples=500) for seed in range(8)]
    record = compared(made.runs(8), few, "response_time.p99 <= +10%")
    assert record.exit_code != 0
    assert "response_time.p99 needs 1,000 samples in each run, and one had 500" in record.reasons[0]


def test_errors_are_compared_by_counts_and_from_zero() -> None:
    none = [made.run(seed=seed, tried=20_000) for seed in range(6)]
    some = [made.run(seed=seed, tried=20_000, failed=400 + 10 * seed) for seed in range(6)]
    assert outcomes(compared(none, none[:], "error_rate <= +0.1pp")) == ["passed"]
    failed = compared(none, some, "error_rate <= +0.1pp")
    assert (outcomes(failed), failed.rules[0].before) == (["failed"], 0.0)
    assert outcomes(compared(some, none, "error_rate <= +0.1pp")) == ["passed"]


def test_error_rates_of_other_schema_versions_are_not_compared() -> None:
    old = [made.run(seed=seed, schema=1) for seed in range(6)]
    record = compared(old, made.runs(6), "error_rate <= +0.1pp", "response_time.p50 <= +10%")
    assert [rule.rule for rule in record.rules] == ["response_time.p50 <= +10%"]
    assert record.exit_code == 3
    assert "error_rate is not compared" in record.reasons[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"machine": "another"}, "machine"),
        ({"machine": ""}, "unknown"),
        ({"version": "0.9"}, "version of loadws"),
    ],
)
def test_another_machine_or_version_gates_nothing(change: dict[str, str], word: str) -> None:
    slow = [made.run(15.0, seed, **change) for seed in range(8)]  # type: ignore[arg-type]
    record = compared(made.runs(8), slow, "response_time.p50 <= +10%")
    assert (record.exit_code, record.gates, outcomes(record)) == (3, False, ["failed"])
    assert word in record.reasons[0]
    assert "--across-machines" in record.reasons[0]
    across = compared(made.runs(8), slow, "response_time.p50 <= +10%", across_machines=True)
    assert (across.exit_code, across.gates) == (1, True)


def test_an_invalid_run_makes_the_comparison_invalid() -> None:
    record = compared(made.runs(8), [*made.runs(7), made.run(outcome="invalid")], "response_time.p50 <= +10%")
    assert (record.outcome, record.exit_code) == ("invalid", 4)


def test_thresholds_hold_against_the_candidate_alone() -> None:
    record = compared(
        made.runs(8, 50.0),
        made.runs(8, 10.0, 100),
        "response_time.p50 < 20ms",
        "response_time.p50 < 5ms",
        "error_rate < 1%",
    )
    assert [check.outcome for check in record.checks] == ["passed", "failed", "passed"]
    assert record.exit_code == 1


@pytest.mark.slow
def test_what_else_moved_is_watched_and_gates_nothing() -> None:
    def with_step(step_ms: float, seed: int) -> Summary:
        return made.run(10.0, seed, more=[made.entry("connect_time", made.histogram(step_ms, seed + 500), step="open")])

    record = compared(
        [with_step(5.0, seed) for seed in range(8)],
        [with_step(9.0, seed) for seed in range(20, 28)],
        "response_time.p50 <= +10%",
    )
    assert (record.exit_code, record.outcome) == (0, "passed")
    moved = [each.selection for each in record.watched]
    assert {"connect_time.p50", "connect_time{step=open}.p50"} <= set(moved)
    assert "response_time.p50" not in moved
    assert record.looked_at >= len(moved)


# -- one run on each side ---------------------------------------------------------------------------------------------------


def one_run(median_ms: float, seed: int, seconds: int = 40) -> MeasuredRun:
    return MeasuredRun(f"run-{seed}", made.run(median_ms, seed), partial(made.frames, seconds, median_ms, seed))


def single(baseline: MeasuredRun, candidate: MeasuredRun, *rules: str) -> ComparisonRecord:
    return compare_sides([baseline], [candidate], parse_rules(rules, {}), NOW, {})


@pytest.mark.slow
def test_one_run_a_side_is_compared_by_its_windows() -> None:
    record = single(one_run(10.0, 1), one_run(14.0, 2), "response_time.p50 <= +10%", "error_rate <= +1pp")
    assert (outcomes(record), record.method) == (["failed", "passed"], "windows")
    assert "noise between runs is not in the interval" in record.rules[0].sentence
    assert single(one_run(10.0, 1), one_run(10.0, 2), "response_time.p50 <= +10%").exit_code == 0


def test_one_summary_a_side_without_its_seconds_decides_no_percentile() -> None:
    record = compared([made.run(10.0, 1)], [made.run(20.0, 2)], "response_time.p50 <= +10%")
    assert (outcomes(record), record.method) == (["inconclusive"], "runs")


def test_warm_up_is_in_no_window() -> None:
    cold = MeasuredRun("cold", made.run(10.0, 3), partial(made.frames, 40, 30.0, 3, "warm-up"))
    record = single(one_run(10.0, 1), cold, "response_time.p50 <= +10%")
    assert outcomes(record) == ["inconclusive"]


# -- rules ------------------------------------------------------------------------------------------------------------


def test_every_wrong_rule_is_told() -> None:
    with pytest.raises(WrongRules) as caught:
        parse_rules(["respnse_time.p99 <= +1%", "error_rate <= +0.1pp", "response_time.p99 <= 10%"], {})
    first, last = caught.value.problems
    assert (first[0], first[1].offset, last[0]) == (0, 0, 2)
    assert last[1].advice == "a change has a sign: response_time.p99 <= +10%"
