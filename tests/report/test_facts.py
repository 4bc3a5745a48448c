from __future__ import annotations

import math

import msgspec
import pytest

from loadws.metrics.summary import Check, ErrorCount, MetricEntry, Verdict
from loadws.report import facts as rows
from loadws.report.html.overview import tiles, verdict_lines
from loadws.terms.errors import ExitCode
from loadws.terms.failures import KINDS, OF_HTTP_STEPS
from tests.report import example


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        # nothing to judge by
        (Verdict("passed", 0), ("Passed", "good", ["There are no thresholds: the run passes because less than half "
         "of the sessions, turns and tries that ended have failed."])),
        # one check
        (Verdict("passed", 0, (Check("a < 1", "passed", 0.0, "1"),)), ("Passed", "good", ["The one check held."])),
        # failed checks are named, and the reasons follow
        (Verdict("failed", 1, (Check("a < 1", "failed", 1.0, "1"), Check("b < 1", "passed", 0.0, "1")), ("So.",)),
         ("Failed", "bad", ["a < 1 did not hold.", "So."])),
        # where no check failed, none is spoken of
        (Verdict("failed", 1, (), ("Nothing was done.",)), ("Failed", "bad", ["Nothing was done."])),
        # the gate's reasons stand for themselves
        (Verdict("invalid", 4, (), ("Use more processes.",)), ("Invalid", "bad", ["Use more processes."])),
        # where there is none, the outcome still says what it is
        (Verdict("interrupted", 130), ("Interrupted", "warn", ["The run ended before its plan did."])),
    ],
)  # fmt: skip
def test_the_headline(verdict: Verdict, expected: tuple[str, str, list[str]]) -> None:
    assert expected == rows.headline(msgspec.structs.replace(example.summary(), verdict=verdict))


@pytest.mark.parametrize(
    ("failed", "said"), [(3, []), (4, ["1 more check does not hold."]), (6, ["3 more checks do not hold."])]
)
def test_checks_beyond_the_first_three_are_counted(failed: int, said: list[str]) -> None:
    checks = tuple(Check(f"{name} < 1", "failed", 1.0, "1", sentence=f"{name} was 1") for name in "abcdef"[:failed])
    summary = msgspec.structs.replace(example.summary(), verdict=Verdict("failed", 1, checks))
    assert rows.headline(summary)[2] == ["a was 1.", "b was 1.", "c was 1.", *said]
    assert verdict_lines(summary) == [f"Of {failed} checks: {failed} failed."]  # the page has all of them in a table


def test_exit_codes_have_the_words_of_their_table() -> None:
    assert rows.exit_meaning(ExitCode.FAILED.value) == f"exit code 1: {ExitCode.FAILED.meaning}"
    assert rows.exit_meaning(99) == "exit code 99"


@pytest.mark.parametrize(
    ("check", "expected"),
    [
        # an observed time in its unit
        (Check("p < 1s", "passed", 1_520_000.0, "ns"), rows.CheckRow("p < 1s", "passed", "good", "1.52 ms", "")),
        # nothing was observed
        (Check("p < 1s", "no_data", None, "ns"), rows.CheckRow("p < 1s", "no data", "bad", "no data", "")),
        # an answer that never came
        (Check("p < 1s", "failed", math.inf, "ns"), rows.CheckRow("p < 1s", "failed", "bad", "never", "")),
        # a unit of the scenario's own may be an attack
        (Check("p < 1", "failed", 2.0, "\x1b[m"), rows.CheckRow("p < 1", "failed", "bad", r"2 \x1b[m", "")),
        # it ended the run
        (Check("p < 1s", "failed", 2e9, "ns", "so", True),
         rows.CheckRow("p < 1s", "failed", "bad", "2 s", "so; it stopped the run")),
    ],
)  # fmt: skip
def test_a_check(check: Check, expected: rows.CheckRow) -> None:
    verdict = Verdict("failed", 1, (check,))
    assert [expected] == rows.check_rows(msgspec.structs.replace(example.summary(), verdict=verdict))


def test_an_error_says_what_it_means_and_what_to_do() -> None:
    first, *_ = rows.error_rows(example.summary())
    assert (first.kind, first.step, first.count) == ("timeout", "say", 41)
    meaning = "No answer came within the step's deadline."
    assert (
        rows.what_to_do(first) == f"{meaning} Look at what the server was busy with; a longer deadline only hides it. "
        "Where the ledger has unclaimed messages, no `where` fitted them: `--trace` says why."
    )


def test_a_status_is_explained_by_what_was_tried() -> None:
    tries = [
        MetricEntry("error_rate", {"kind": kind, "step": step}, "rate", "ratio", 3, failed=1)
        for kind, step in (("http", "login"), ("connect", "connect"), ("http", "both"), ("connect", "both"))
    ]
    errors = tuple(ErrorCount("http.404", step, 1) for step in ("login", "connect", "both", "unknown"))
    summary = msgspec.structs.replace(example.summary(), errors=errors, metrics=tuple(tries))
    of_step, of_upgrade = OF_HTTP_STEPS["http.404"].advice, KINDS["http.404"].advice
    assert [row.advice for row in rows.error_rows(summary)] == [of_step, of_upgrade, of_upgrade, of_upgrade]


def test_a_warning_that_is_the_verdicts_reason_is_not_said_twice() -> None:
    whole = example.summary()
    warning = whole.generator.warnings[0]
    said = msgspec.structs.replace(whole, verdict=Verdict("invalid", 4, (), (f"What was measured … {warning}",)))
    assert [warning] == rows.warnings(whole)
    assert rows.warnings(said) == []


def test_the_tiles_of_a_short_run_have_no_percentile_that_it_cannot_carry() -> None:
    names = [what for what, _ in tiles(example.brief())]
    assert names == ["response p50", "connections opened"]


def test_facts_of_the_machine() -> None:
    machine = {"cpus": 8, "memory_bytes": 2**30, "system": "Linux\x00", "unknown": None}
    assert rows.machine_rows(machine) == [("cpus", "8"), ("memory", "1 GiB"), ("system", r"Linux\x00")]
