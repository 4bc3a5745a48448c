from __future__ import annotations

import math

import msgspec
import pytest

from loadws.metrics.ledger import Arrivals, Connections, Ledger, Messages
from loadws.metrics.summary import Check, MetricEntry, Summary, Verdict
from loadws.report import rows
from loadws.terms.errors import ExitCode
from tests.report import example


def _with(summary: Summary, *entries: MetricEntry) -> Summary:
    return msgspec.structs.replace(summary, metrics=entries)


def _times(name: str, step: str | None, p50: float, p99: float | None, count: int = 2_000) -> MetricEntry:
    labels = {} if step is None else {"step": step}
    return MetricEntry(name, labels, "histogram", "ns", count, min=1.0, mean=2.0, p50=p50, p99=p99, max=9e6)


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        # nothing to judge by
        (Verdict("passed", 0), ("Passed", "good", ["The scenario has no thresholds, so nothing was judged but that "
                                                   "something was done."])),
        # one check
        (Verdict("passed", 0, (Check("a < 1", "passed", 0.0, "1"),)), ("Passed", "good", ["The one check held."])),
        # failed checks are counted, and its reasons follow
        (Verdict("failed", 1, (Check("a < 1", "failed", 1.0, "1"), Check("b < 1", "passed", 0.0, "1")), ("So.",)),
         ("Failed", "bad", ["1 of 2 checks failed.", "So."])),
        # the gate's reasons stand for themselves
        (Verdict("invalid", 4, (), ("Use more processes.",)), ("Invalid", "bad", ["Use more processes."])),
        # where there is none, the outcome still says what it is
        (Verdict("interrupted", 130), ("Interrupted", "warn", ["The run ended before its plan did."])),
    ],
)  # fmt: skip
def test_the_headline(verdict: Verdict, expected: tuple[str, str, list[str]]) -> None:
    assert expected == rows.headline(msgspec.structs.replace(example.summary(), verdict=verdict))


def test_exit_codes_have_the_words_of_their_table() -> None:
    assert rows.exit_meaning(ExitCode.FAILED.value) == "exit code 1: a threshold failed"
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


def test_response_stands_beside_service_time_and_all_steps_come_last() -> None:
    summary = _with(
        example.summary(),
        _times("response_time", "a", 2e6, 5e6),
        _times("response_time", "b", 3e6, None),
        _times("response_time", None, 2.5e6, 5e6),
        _times("service_time", "a", 1e6, 4e6),
    )
    found = rows.latency_rows(summary, ("p50", "p99"))
    assert [(row.step, row.what, row.cells) for row in found] == [
        ("a", "response", ("2 ms", "5 ms")),
        ("a", "service", ("1 ms", "4 ms")),
        ("b", "response", ("3 ms", rows.NO_NUMBER)),
        (rows.ALL_STEPS, "response", ("2.5 ms", "5 ms")),
    ]


def test_a_single_step_needs_no_row_for_all() -> None:
    summary = _with(example.summary(), _times("response_time", "a", 2e6, 5e6), _times("response_time", None, 2e6, 5e6))
    assert [row.step for row in rows.latency_rows(summary, ("p50",))] == ["a"]


@pytest.mark.parametrize(
    ("percentile", "expected"),
    [("p50", 20), ("p90", 100), ("p95", 200), ("p99", 1_000), ("p999", 10_000), ("p9999", 100_000)],
)
def test_how_many_samples_a_percentile_takes(percentile: str, expected: int) -> None:
    assert expected == rows.samples_needed(percentile)


def test_too_few_samples_are_said_with_the_number_that_it_takes() -> None:
    found = rows.latency_rows(example.brief(), ("p50", "p90", "p999", "max"))
    assert (
        rows.too_few_note(found, ("p50", "p90", "p999", "max"))
        == "— too few samples: p90 takes 100, p99.9 takes 10,000."
    )
    assert rows.too_few_note(found, ("max",)) == ""


def test_requests_without_an_answer_are_named() -> None:
    found = rows.latency_rows(example.summary(), ("p50",))
    assert rows.missing_note(found).startswith("Without an answer, and so in no percentile here: 13 of say.")


def test_the_gap_between_response_and_service_time_is_explained() -> None:
    late = _with(example.summary(), _times("response_time", "a", 2e6, 9e8), _times("service_time", "a", 2e6, 3e6))
    assert "here p99 is 900 ms against 3 ms, because the server (or a slow flow) held up" in rows.gap_sentence(late)
    on_time = _with(example.summary(), _times("response_time", "a", 2e6, 3e6), _times("service_time", "a", 2e6, 3e6))
    assert "Here they agree (p99 3 ms and 3 ms)" in rows.gap_sentence(on_time)
    assert rows.gap_sentence(_with(example.summary())).endswith("a user would have felt.")


def test_an_equation_leaves_out_what_is_nothing() -> None:
    ledger = Ledger(connections=Connections(attempted=10, opened=9, refused=1, closed_by_us=9))
    attempted, opened = rows.equations(ledger)
    assert attempted.text() == "attempted 10 = opened 9 + refused 1"
    assert opened.text() == "opened 9 = closed by us 9"


def test_an_equation_that_does_not_hold_says_so() -> None:
    (arrivals,) = rows.equations(Ledger(arrivals=Arrivals(expected=9, planned=10, completed=8)))
    assert not arrivals.holds
    assert arrivals.text() == "planned 10 ≠ completed 8"
    assert arrivals.aside_text() == "expected 9"


def test_side_counters_stand_beside_the_messages() -> None:
    (messages,) = rows.equations(Ledger(messages=Messages(sent=5, received=7, answered=5, late=1, unclaimed=1)))
    assert messages.holds
    assert messages.aside_text() == "received 7, late 1, unclaimed 1"


def test_nothing_is_said_of_what_there_was_nothing_of() -> None:
    assert rows.equations(Ledger()) == []


def test_every_part_of_the_ledger_is_in_an_equation_or_beside_one() -> None:
    ledger = Ledger()
    for part in ("arrivals", "sessions", "turns", "connections", "messages"):
        record = getattr(ledger, part)
        for name in record.__struct_fields__:
            setattr(record, name, 1)
    named = {
        (equation.subject, part.name.replace(" ", "_"))
        for equation in rows.equations(ledger)
        for part in (equation.whole, *equation.parts, *equation.aside)
    }
    counted = {
        (part, name)
        for part in ("arrivals", "sessions", "turns", "connections", "messages")
        for name in getattr(ledger, part).__struct_fields__
    }
    assert counted == named


def test_how_connections_ended_with_the_most_frequent_first() -> None:
    found = rows.ending_rows(example.summary().ledger)
    assert [(what, count) for what, count, _ in found] == [
        ("closed by us 1000", 2_811),
        ("closed by the server 1001", 42),
        ("closed by the server 1013", 18),
        ("lost reset", 9),
        ("refused with 503", 12),
        ("failed: tcp.refused", 3),
    ]


def test_an_error_says_what_it_means_and_what_to_do() -> None:
    first, *_ = rows.error_rows(example.summary())
    assert (first.kind, first.step, first.count) == ("timeout", "say", 41)
    meaning = "No answer came within the step's deadline."
    assert (
        rows.what_to_do(first) == f"{meaning} Look at what the server was busy with; a longer deadline only hides it."
    )


def test_a_warning_that_is_the_verdicts_reason_is_not_said_twice() -> None:
    whole = example.summary()
    warning = whole.generator.warnings[0]
    said = msgspec.structs.replace(whole, verdict=Verdict("invalid", 4, (), (f"What was measured … {warning}",)))
    assert [warning] == rows.warnings(whole)
    assert rows.warnings(said) == []


def test_the_key_numbers_of_a_short_run_have_no_percentile_that_it_cannot_carry() -> None:
    names = [what for what, _ in rows.key_numbers(example.brief())]
    assert names == ["response time p50", "requests answered", "connections opened"]


def test_facts_of_the_machine() -> None:
    machine = {"cpus": 8, "memory_bytes": 2**30, "system": "Linux\x00", "unknown": None}
    assert rows.machine_rows(machine) == [("cpus", "8"), ("memory", "1 GiB"), ("system", r"Linux\x00")]
