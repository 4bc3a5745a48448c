from __future__ import annotations

import msgspec
import pytest

from loadws.metrics.summary import MetricEntry, Summary
from loadws.report import timings
from tests.report import example


def _with(summary: Summary, *entries: MetricEntry) -> Summary:
    return msgspec.structs.replace(summary, metrics=entries)


def _times(name: str, step: str | None, p50: float, p99: float | None, count: int = 2_000) -> MetricEntry:
    labels = {} if step is None else {"step": step}
    return MetricEntry(name, labels, "histogram", "ns", count, min=1.0, mean=2.0, p50=p50, p99=p99, max=9e6)


def test_response_stands_beside_service_time_and_all_steps_come_last() -> None:
    summary = _with(
        example.summary(),
        _times("response_time", "a", 2e6, 5e6),
        _times("response_time", "b", 3e6, None),
        _times("response_time", None, 2.5e6, 5e6),
        _times("service_time", "a", 1e6, 4e6),
    )
    found = timings.latency_rows(summary, ("p50", "p99"))
    assert [(row.step, row.what, row.cells) for row in found] == [
        ("a", "response", ("2 ms", "5 ms")),
        ("a", "service", ("1 ms", "4 ms")),
        ("b", "response", ("3 ms", timings.NO_NUMBER)),
        (timings.ALL_STEPS, "response", ("2.5 ms", "5 ms")),
    ]


def test_a_single_step_needs_no_row_for_all() -> None:
    summary = _with(example.summary(), _times("response_time", "a", 2e6, 5e6), _times("response_time", None, 2e6, 5e6))
    assert [row.step for row in timings.latency_rows(summary, ("p50",))] == ["a"]


@pytest.mark.parametrize(
    ("percentile", "expected"),
    [("p50", 20), ("p90", 100), ("p95", 200), ("p99", 1_000), ("p999", 10_000), ("p9999", 100_000)],
)
def test_how_many_samples_a_percentile_takes(percentile: str, expected: int) -> None:
    assert expected == timings.samples_needed(percentile)


def test_too_few_samples_are_said_with_the_number_that_it_takes() -> None:
    found = timings.latency_rows(example.brief(), ("p50", "p90", "p999", "max"))
    assert (
        timings.too_few_note(found, ("p50", "p90", "p999", "max"))
        == "— too few samples: p90 needs 100, p99.9 needs 10,000."
    )
    assert timings.too_few_note(found, ("max",)) == ""


def test_requests_without_an_answer_are_named() -> None:
    found = timings.latency_rows(example.summary(), ("p50",))
    assert timings.missing_note(found).startswith("Without an answer: 13 of say. They rank above")


def test_the_gap_between_response_and_service_time_is_explained() -> None:
    late = _with(example.summary(), _times("response_time", "a", 2e6, 9e8), _times("service_time", "a", 2e6, 3e6))
    assert "here p99 is 900 ms against 3 ms, because the server (or a slow flow) held up" in timings.gap_sentence(late)
    own_doing = _with(
        example.summary(),
        _times("response_time", "a", 2e6, 9e8),
        _times("service_time", "a", 2e6, 3e6),
        _times("schedule_lag", "a", 0.0, 1e6),
        _times("send_lag", "a", 0.0, 8e8),
    )
    assert "most of the gap is loadws' own send lag (p99 800 ms), not the server's" in timings.gap_sentence(own_doing)
    overloaded = msgspec.structs.replace(late, generator=msgspec.structs.replace(late.generator, healthy=False))
    assert "here p99 is 900 ms against 3 ms. The generator was not healthy" in timings.gap_sentence(overloaded)
    on_time = _with(example.summary(), _times("response_time", "a", 2e6, 3e6), _times("service_time", "a", 2e6, 3e6))
    assert "Here they agree (p99 3 ms and 3 ms)" in timings.gap_sentence(on_time)
    assert timings.gap_sentence(_with(example.summary())).endswith("a user would have felt.")


def test_how_long_a_storm_lasted() -> None:
    stormy = _with(
        example.summary(),
        MetricEntry("disconnects", {}, "counter", "1", 100),
        MetricEntry("reconnects", {}, "counter", "1", 98),
        MetricEntry("recovery_time", {}, "histogram", "ns", 90, p50=2e8, max=5.68e8),
    )
    assert timings.recovery_sentence(stormy) == (
        "100 ended without our asking, 98 were opened in the place of one that had. "
        "From its loss to its next good answer: half of them after 200 ms, the last after 568 ms."
    )
    lost = _with(example.summary(), MetricEntry("disconnects", {}, "counter", "1", 3))
    assert timings.recovery_sentence(lost) == "3 ended without our asking, 0 were opened in the place of one that had."
