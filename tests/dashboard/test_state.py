from __future__ import annotations

import json
from typing import Any

import pytest

from loadws.dashboard.messages import Over
from loadws.dashboard.state import MOST_POINTS, State
from loadws.metrics.frame import Gauges
from tests.metrics.made_up import counted, frame, info, times
from tests.report import example


def _state(seconds: int) -> State:
    state = State(info("response_time.p95 < 10ms", "error_rate < 1%", "recovery_time.max < 1s"))
    for second in range(seconds):
        state.add(
            frame(
                second,
                gauges=Gauges(users=7),
                histograms=(times("response_time", [5.0] * 50, step="a"),),
                counters=(
                    counted("messages_received", 50),
                    counted("error_rate", 50, failed=2, kind="request", step="a"),
                    counted("errors", 2, kind="timeout", step="a"),
                ),
            )
        )
    return state


def _curve(shown: dict[str, Any], name: str) -> list[float | None]:
    [values] = [curve["values"] for chart in shown["charts"] for curve in chart["curves"] if curve["name"] == name]
    found: list[float | None] = values
    return found


def _shown(state: State, has_report: bool = False) -> dict[str, Any]:
    shown: dict[str, Any] = json.loads(state.encoded(has_report))
    return shown


def test_it_says_where_the_run_stands() -> None:
    shown = _shown(_state(12))
    assert (shown["title"], shown["clock"], shown["over"], shown["report"]) == (
        "made up", "12 s, until its iterations are done", None, False,
    )  # fmt: skip
    assert [(rule["outcome"], rule["now"]) for rule in shown["rules"]] == [
        ("failed", "4%"), ("no_data", "no data yet"), ("passed", "5 ms"),  # the worst first, as in the terminal
    ]  # fmt: skip
    assert shown["errors"] == {"count": "24", "kinds": [{"count": "24", "kind": "timeout", "step": "a", "example": ""}]}
    assert ["received, last 5 s", "50/s"] in shown["tiles"]
    assert shown["spread"] == [{"limit": "5 ms", "count": 250}]
    assert shown["generator"]["word"] == "keeps up"


def test_a_browser_that_comes_late_gets_the_whole_course() -> None:
    state = _state(0)
    for second in range(30):  # as many states as seconds: each knows only the newest of them
        state.add(frame(second, counters=(counted("messages_received", second),)))
        state.encoded(False)
    assert _curve(_shown(state), "received") == [float(second) for second in range(30)]


def test_seconds_are_not_lost_where_no_browser_looks() -> None:
    shown = _shown(_state(45))
    assert _curve(shown, "received") == [50.0] * 45
    assert _curve(shown, "users") == [7.0] * 45
    assert _curve(shown, "p50") == _curve(shown, "p99") == [5e6] * 45
    assert shown["seconds_each"] == 1


@pytest.mark.slow
def test_a_long_run_has_so_many_points() -> None:
    shown = _shown(_state(MOST_POINTS + 100))
    assert {len(curve["values"]) for chart in shown["charts"] for curve in chart["curves"]} == {
        (MOST_POINTS + 100) // 2
    }
    assert shown["seconds_each"] == 2


def test_the_end_is_told() -> None:
    state = _state(1)
    state.end(Over("failed", "error_rate was 4%, limit 1%"))
    shown = _shown(state, has_report=True)
    assert (shown["over"], shown["report"]) == ({"outcome": "failed", "why": "error_rate was 4%, limit 1%"}, True)


def test_nothing_that_a_server_says_is_more_than_text() -> None:
    state = State(info())
    for second, attack in enumerate(example.ATTACKS):
        state.add(frame(second, counters=(counted("errors", 1, kind=attack, step=attack),)))
    assert "\\u001b" not in state.encoded(False)
