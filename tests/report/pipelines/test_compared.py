"""What CI services are told of comparisons and searches."""

from __future__ import annotations

from pathlib import Path

import msgspec

from loadws.metrics.comparison import ComparisonRecord, Interval, RuleResult, Side
from loadws.metrics.summary import Check
from loadws.report.pipelines import azure, github, teamcity
from loadws.report.pipelines.compared import result_of_comparison, result_of_words, together
from loadws.report.pipelines.result import Problem, result_of_run
from loadws.terms.errors import ExitCode
from tests.report import example
from tests.report.pipelines.test_services import ATTACKS, azure_command, github_annotation

FAILED = RuleResult(
    "response_time.p99 <= +10%", "failed", "response_time.p99 rose by 31% (99% interval 22% to 40%)", "pairs", True, 0.1,
    1e6, 1.31e6, Interval(0.31, 0.22, 0.4, 0.001, 0.002, 12),
)  # fmt: skip
UNDECIDED = msgspec.structs.replace(
    FAILED, rule="error_rate <= +0.1pp", outcome="inconclusive", sentence="error_rate: too few"
)
RECORD = ComparisonRecord(
    1, "chat", "2026-11-29T12:00:00Z", "pairs", "failed", 1, ("The second set confirms it.",), Side("A", ()), Side("B", ()),
    0.01, rules=(UNDECIDED, FAILED, msgspec.structs.replace(FAILED, outcome="passed")),
    checks=(Check("error_rate < 1%", "failed", 0.4, "ratio", sentence="error_rate was 40%, limit 1%"),),
)  # fmt: skip


def test_each_rule_that_is_not_kept_is_a_problem_and_those_that_failed_come_first(tmp_path: Path) -> None:
    found = result_of_comparison(RECORD, tmp_path)
    assert found.problems == (
        Problem("error", FAILED.rule, FAILED.sentence),
        Problem("warning", UNDECIDED.rule, UNDECIDED.sentence),
        Problem("error", "error_rate < 1%", "error_rate was 40%, limit 1%"),
        Problem("error", "comparison", "The second set confirms it."),
    )
    assert (found.word, found.exit_code, found.severity) == ("Failed", 1, "error")
    assert found.markdown.startswith(
        "## ❌ Failed: chat: comparison with a baseline\n\nThe second set confirms it.\n\n| "
    )
    assert found.markdown.count("\n| ") == 6


def test_rules_that_gate_nothing_are_no_problem() -> None:
    watched = msgspec.structs.replace(
        RECORD, gates=False, outcome="inconclusive", exit_code=3, checks=(), reasons=("Another machine.",)
    )
    found = result_of_comparison(watched)
    assert found.problems == (Problem("warning", "comparison", "Another machine."),)
    assert FAILED.sentence not in found.markdown


def test_a_comparison_that_passed_has_no_problem() -> None:
    passed = msgspec.structs.replace(RECORD, outcome="passed", exit_code=0, rules=(), checks=())
    assert result_of_comparison(passed).problems == ()


def test_words_are_a_result_too() -> None:
    none = result_of_words("chat: comparison with a baseline", ExitCode.INCONCLUSIVE, "no_baseline", ["main: nothing."])
    assert none.problems == (Problem("warning", "chat: comparison with a baseline", "main: nothing."),)
    assert none.markdown == "## ⚠️ No baseline: chat: comparison with a baseline\n\nmain: nothing.\n"
    assert result_of_words("chat: search by users", 0, "passed", ["held up to 80 users."]).problems == ()


def test_several_results_are_told_as_one(tmp_path: Path) -> None:
    """The most severe gives the verdict; a problem that several have is told once."""
    failed = result_of_run(msgspec.structs.replace(example.summary()), tmp_path / "old", None)
    newest = result_of_run(example.brief(), tmp_path / "new", tmp_path / "new" / "report.html")
    compared = result_of_words("chat: comparison", ExitCode.INCONCLUSIVE, "no_baseline", ["nothing there."])
    found = together([newest, failed, failed, compared], ExitCode.FAILED)
    assert (found.outcome, found.title, found.exit_code) == ("failed", "chat rooms", 1)
    assert [each.severity for each in found.problems] == ["error", "error", "warning", "warning"]
    assert (found.folder, found.report) == (tmp_path / "old", None)  # those of the run that decided
    assert found.figures == failed.figures
    words = ["## ❌ Failed", "## ❌ Failed", "## ⚠️ No baseline", "## ✅ Passed"]
    assert [line.split(":")[0] for line in found.markdown.splitlines() if line.startswith("## ")] == words


def test_no_text_of_a_comparison_is_a_command(tmp_path: Path) -> None:
    rules = tuple(msgspec.structs.replace(FAILED, rule=text, sentence=text) for text in ATTACKS)
    attacked = msgspec.structs.replace(RECORD, scenario=" ".join(ATTACKS), rules=rules, reasons=ATTACKS)
    found = result_of_comparison(attacked, tmp_path)
    for line in github.annotations_of(found):
        github_annotation(line)
    for line in azure.tell(found, {}).lines:
        azure_command(line)
    for line in teamcity.tell(found, {}).lines:
        assert line.startswith("##teamcity[")
        assert "\n" not in line
    assert len({line.count("|") for line in found.markdown.splitlines() if line.startswith("| ")}) == 1
    assert "<script" not in found.markdown
