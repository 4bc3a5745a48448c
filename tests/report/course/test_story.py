"""What happened, told from counts: each kind of event, and nothing where nothing happened."""

from __future__ import annotations

import msgspec
import pytest

from loadws.metrics.frame import CounterPart, Frame, Gauges, Health
from loadws.metrics.ledger import Ledger
from loadws.metrics.summary import Applied, Column, MetricEntry, Series, Summary
from loadws.report.course.course import Course, course_of, step_error
from loadws.report.course.spans import Span, spans_where
from loadws.report.course.story import MOST, clock, sentences
from tests.report import example

STEADY = (100,) * 10


def _summary(seconds: int = 10, **gauges: tuple[float, ...]) -> Summary:
    brief = example.brief()
    columns = [Column("response_time", {}, "max", "ns", (2e6,) * (seconds - 1) + (1.6e9,))]
    columns += [Column("open_connections", {}, aggregate, "1", values) for aggregate, values in gauges.items()]
    series = Series(1.0, tuple(map(float, range(seconds))), ("load",) * seconds, tuple(columns))
    passed = msgspec.structs.replace(brief.verdict, outcome="passed")
    return msgspec.structs.replace(brief, series=series, errors=(), applied=Applied(), verdict=passed)


def _course(**counts: tuple[int, ...]) -> Course:
    return Course(1.0, (1.0,) * 10, {name.replace("_", " ").replace("9", "."): each for name, each in counts.items()})


def _told(summary: Summary, course: Course) -> list[tuple[str, str, str]]:
    return [(each.when, each.text, each.chart) for each in sentences(summary, course)]


def test_a_quiet_run_says_that_nothing_stood_out() -> None:
    ((when, text, chart),) = _told(_summary(), _course(answered=STEADY))
    assert (when, chart) == ("", "latency")
    assert text.startswith("Nothing stood out: no errors, no refusals, no lost connections; the slowest answer took")


@pytest.mark.parametrize("outcome", ["failed", "invalid", "inconclusive", "interrupted"])
def test_nothing_is_said_to_have_stood_out_of_a_run_that_did_not_pass(outcome: str) -> None:
    verdict = msgspec.structs.replace(_summary().verdict, outcome=outcome)
    ((_, text, _),) = _told(msgspec.structs.replace(_summary(), verdict=verdict), _course(answered=STEADY))
    assert text.startswith("No errors, no refusals and no lost connections; the slowest answer took")


def test_what_loadws_itself_lost_is_told_first() -> None:
    summary = _summary()
    (process, *_) = summary.generator.processes
    lost = msgspec.structs.replace(process, complete=False, machine="share 1 (there)")
    generator = msgspec.structs.replace(summary.generator, processes=(process, lost))
    applied = Applied(stalled_share=0.25, longest_stall_ns=2_000_000_000)
    silent = _course(answered=(100, 100, 0, 0, 100, 100, 100, 100, 100, 100), asked=STEADY)
    told = _told(msgspec.structs.replace(summary, generator=generator, applied=applied), silent)
    assert told[2][2] == "latency"
    assert told[:2] == [
        (
            "",
            "1 of loadws' 2 processes (share 1 (there)): lost, and what was measured there last is missing",
            "generator",
        ),
        ("", "loadws stood still for 25% of the judged time, once for 2 s", "generator"),
    ]


def test_seconds_without_answers_are_told_with_how_late_the_answers_were() -> None:
    course = _course(answered=(100, 100, 100, 100, 100, 100, 0, 0, 150, 100))
    assert _told(_summary(), course) == [("6–8 s", "no answers, then responses of up to 1.6 s", "latency")]


def test_seconds_in_which_nothing_was_asked_are_no_silences() -> None:
    asked = (100, 100, 0, 0, 0, 0, 100, 100, 0, 100)
    course = _course(answered=asked, asked=asked, settled=asked)
    assert _told(_summary(), course)[0][1].startswith("Nothing stood out")
    held_up = _course(answered=(100, 100, 0, 0, 300, 100, 100, 100, 100, 100),
                      asked=(100, 200, 0, 0, 100, 100, 100, 100, 100, 100),
                      settled=(100, 100, 0, 0, 200, 100, 100, 100, 100, 100))  # fmt: skip
    assert _told(_summary(), held_up) == [("2–4 s", "no answers, then responses of up to 2 ms", "latency")]


def test_a_run_with_few_answers_has_no_silences() -> None:
    (only,) = _told(_summary(), _course(answered=(3, 0, 2, 0, 4, 0, 0, 1, 2, 3)))
    assert only[1].startswith("Nothing stood out")


def test_closes_are_told_with_refusals_and_recovery() -> None:
    closed = (0, 0, 0, 58, 0, 0, 0, 0, 0, 0)
    refused = (0, 0, 0, 100, 80, 0, 0, 0, 0, 0)
    open_max, open_min = (58.0,) * 10, (58.0, 58.0, 58.0, 0.0, 20.0, 57.0, 58.0, 58.0, 58.0, 58.0)
    course = Course(1.0, (1.0,) * 10, {"answered": STEADY, "closed peer.1012": closed, "refused 503": refused})
    assert _told(_summary(max=open_max, min=open_min), course) == [
        ("3–4 s", "the server closed 58 connections with 1012, all back by 5 s", "losses"),
        ("3–5 s", "180 connections were refused with HTTP 503", "losses"),
    ]


def test_an_ordinary_close_is_no_event() -> None:
    course = Course(1.0, (1.0,) * 10, {"answered": STEADY, "closed peer.1000": (0,) * 9 + (58,)})
    assert _told(_summary(), course)[0][1].startswith("Nothing stood out")


def test_a_close_that_is_an_error_is_told_whatever_its_code() -> None:
    closed = (0,) * 9 + (58,)
    counts = {"answered": STEADY, "closed peer.1000": closed, "error closed.1000": closed}
    (only,) = _told(_summary(), Course(1.0, (1.0,) * 10, counts))
    assert only == ("9–10 s", "the server closed 58 connections with 1000", "losses")


def test_drops_and_the_slowest_step_are_told() -> None:
    ask = MetricEntry("response_time", {"step": "ask"}, "histogram", "ns", 2_000, p50=1e6, p99=9e8, max=1e9)
    book = msgspec.structs.replace(ask, labels={"step": "book"}, p99=3e6)
    summary = msgspec.structs.replace(
        example.summary(), applied=Applied(arrivals_planned=129, arrivals_started=81, turns_due=10, turns_kept=9),
        metrics=(ask, book),
    )  # fmt: skip
    told = [text for _, text, _ in _told(summary, Course())]
    assert "48 of 129 arrivals were dropped by max_users" in told
    assert "1 of 10 turns were skipped" in told
    assert "slowest step: ask (p99 900 ms; the others at most 3 ms)" in told


def test_there_are_at_most_five_and_those_of_a_moment_come_in_its_order() -> None:
    counts = {
        "answered": (100, 100, 100, 100, 100, 0, 100, 100, 100, 100),
        "closed lost.reset": (0, 0, 4, 0, 0, 0, 0, 0, 0, 0),
        "refused 503": (0, 0, 0, 0, 0, 0, 0, 7, 0, 0),
        "error timeout": (0, 5, 0, 0, 0, 0, 0, 0, 0, 0),
    }
    summary = msgspec.structs.replace(
        _summary(), applied=Applied(arrivals_planned=129, arrivals_started=81, turns_due=10, turns_kept=9)
    )
    found = sentences(summary, Course(1.0, (1.0,) * 10, counts))
    assert len(found) == MOST
    assert [each.when for each in found] == ["1–2 s", "2–3 s", "5–6 s", "7–8 s", ""]


@pytest.mark.parametrize(
    ("seconds", "expected"), [(8, "8 s"), (119, "119 s"), (125, "2:05"), (3_725, "1:02:05"), (90_000, "25:00:00")]
)
def test_times_of_a_run(seconds: float, expected: str) -> None:
    assert clock(seconds) == expected


def test_spans_are_put_together_where_they_are_close() -> None:
    holds = [True, False, True, False, False, False, True]
    assert spans_where(holds) == [Span(0, 1), Span(2, 3), Span(6, 7)]
    assert spans_where(holds, 1.0, 2.0) == [Span(0, 3), Span(6, 7)]


def _line(process: int, second: int, closed: int, errors: int) -> bytes:
    ledger = Ledger(close_codes={"peer.1012": closed, "us.1000": 99} if closed else {})
    ledger.messages.answered = 10 * (second + 1)
    counters = (CounterPart("errors", {"kind": "timeout", "step": "ask"}, errors),) if errors else ()
    frame = Frame(process, second, float(second), 1.0, "load", False, ledger, Gauges(), Health(), counters=counters)
    return msgspec.json.encode(frame) + b"\n"


def test_a_course_counts_what_is_new_in_each_window_of_each_process() -> None:
    lines = [_line(process, second, 5 * (second > 0), second) for second in range(3) for process in range(2)]
    course = course_of([*lines, b'{"ended_at_s":3.0}\n', b'{"cut'], 1.0, 3)
    assert course.of("answered") == (20, 20, 20)
    assert course.kinds("closed ") == {"peer.1012": (0, 10, 0)}
    assert course.of("error timeout") == course.of(step_error("timeout", "ask")) == (0, 2, 4)
    assert course.covered_s == (1.0, 1.0, 1.0)


def test_a_course_in_longer_intervals_adds_up() -> None:
    course = course_of([_line(0, second, 0, 1) for second in range(5)], 2.0, 3)
    assert course.of("answered") == (20, 20, 10)
    assert course.of("error timeout") == (2, 2, 1)
    assert course.covered_s == (2.0, 2.0, 1.0)


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({"refused 503": 1}, "1 connection was refused with HTTP 503"),
        ({"failed tcp.refused": 7}, "7 connections failed to open (tcp.refused)"),
        (
            {"failed tcp.refused": 7, "refused 503": 2},
            "9 connections were refused or failed to open (2 × HTTP 503, 7 × tcp.refused)",
        ),
    ],
)
def test_connections_that_did_not_open(counts: dict[str, int], expected: str) -> None:
    course = Course(1.0, (1.0,) * 10, {key: (count,) + (0,) * 9 for key, count in counts.items()})
    assert expected in [text for _, text, _ in _told(_summary(), course)]


def _counter(name: str, probe: str, count: int) -> MetricEntry:
    return MetricEntry(name, {"probe": probe}, "counter", "1", count)


def test_deliveries_that_went_wrong_are_told_and_the_worst_probe_first() -> None:
    """A run with duplicates said that nothing stood out."""
    counts = {
        "quiet": {"deliveries_expected": 7},
        "talk": {"deliveries_expected": 40, "deliveries_out_of_order": 2},
        "news": {"deliveries_expected": 50, "deliveries_duplicate": 3, "deliveries_missing": 1_000},
    }
    metrics = tuple(_counter(name, probe, n) for probe, of in counts.items() for name, n in of.items())
    assert _told(msgspec.structs.replace(_summary(), metrics=metrics), _course(answered=STEADY)) == [
        ("", "deliveries of news: 1,000 missing, 3 duplicate (of 50 expected)", "undelivered"),
        ("", "deliveries of talk: 2 out of order (of 40 expected)", "undelivered"),
    ]
