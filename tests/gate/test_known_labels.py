"""Labels of rules that no run has."""

from __future__ import annotations

import pytest

from loadws.gate.known_labels import unknown_labels
from loadws.metrics.summary import MetricEntry
from loadws.terms.thresholds import parse_threshold
from tests.gate.comparing import made

COUNT = MetricEntry("errors", {"kind": "timeout", "step": "ask"}, "counter", "1", 3)
ASKED = made.entry("response_time", made.histogram(10.0, 1), step="ask", phase="steady")
TRIED = MetricEntry("error_rate", {"kind": "connect"}, "rate", "ratio", 10)
DELIVERED = made.entry("delivery", made.histogram(10.0, 1), probe="message")
RUNS = [made.run(more=(COUNT, ASKED)), made.run(more=(TRIED, DELIVERED))]


@pytest.mark.parametrize(
    ("rule", "message", "advice", "is_certain"),
    [
        ("response_time{step=aks}.p50 < 1s", "there is no step 'aks' in these runs", "did you mean 'ask'?", True),
        ("response_time{step=xyz}.p50 < 1s", "there is no step 'xyz' in these runs", "there is 'ask'", True),
        ("response_time{phase=stead}.p50 < 1s", "there is no phase 'stead' in these runs", "did you mean 'steady'?", True),
        ("delivery{probe=mesage}.p50 < 1s", "there is no probe 'mesage' in these runs", "did you mean 'message'?", True),
        ("error_rate{kind=conect} < 1%", "there is no kind 'conect' in these runs", "did you mean 'connect'?", True),
        ("errors{kind=tmeout} < 1", "there is no kind 'tmeout'", "did you mean 'timeout'?", True),
        ("errors{step=aks} < 1", "there is no step 'aks' in these runs", "did you mean 'ask'?", False),
    ],
)  # fmt: skip
def test_a_name_that_no_run_has(rule: str, message: str, advice: str, is_certain: bool) -> None:
    [found] = unknown_labels(parse_threshold(rule, {}), RUNS)
    assert (found.message, found.advice, found.is_certain) == (message, advice, is_certain)


@pytest.mark.parametrize(
    "rule",
    [
        "response_time{step=ask}.p50 < 1s",
        "errors{kind=closed.1011} < 1",  # a kind that could be, and was not
        "errors{step=connection} < 1",
        "error_rate < 1%",
    ],
)
def test_a_name_that_a_run_has_or_may_have(rule: str) -> None:
    assert list(unknown_labels(parse_threshold(rule, {}), RUNS)) == []


def test_runs_that_name_no_step_say_nothing_of_steps() -> None:
    assert list(unknown_labels(parse_threshold("response_time{step=a}.p50 < 1s", {}), [made.run()])) == []
