"""How many samples a rule will have, and where that is not known before the run."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadws.plan.plan import make_plan
from loadws.plan.samples import expected_samples
from loadws.scenario.build import load_text
from tests.scenario.texts import EXAMPLES_FOLDER

HELD = "{users: 10, for: 10s}"


def expected(load: str, flow: str, rule: str, more: str = "") -> float | None:
    text = f"target: ws://h\nload: [{load}]\nflow: {flow}\n{more}thresholds: ['{rule}']\n"
    loaded = load_text(text, EXAMPLES_FOLDER / "s.yaml", env={})
    return expected_samples(loaded.scenario, make_plan(loaded.scenario, 1), loaded.thresholds[0])


P95 = "response_time.p95 < 1s"
CONNECTS = "connect_time.p95 < 1s"
TICK = "[{every: 1s, do: [{request: a}, {send: b}]}]"


@pytest.mark.parametrize(
    ("load", "flow", "rule", "samples"),
    [
        # a loop with a pause: a turn at once, and one more each second
        (HELD, "[{request: a}, {think: 1s}]", P95, 10 * 11),
        # a schedule, for ever and for a time
        (HELD, TICK, P95, 100),
        (HELD, "[connect, {every: 1s, for: 4s, do: [{request: a}]}, {think: 1s}]", P95, 10 * 3 * 4),
        # a ramp, by its mean
        ("{users: {from: 0, to: 10}, for: 10s}", TICK, P95, 50),
        # the step that the rule names, and no other
        (HELD, "[{request: a}, {request: b}, {think: 1s}]", P95, 220),
        (HELD, "[{request: a}, {request: b}, {think: 1s}]", "response_time{step=b}.p95 < 1s", 110),
        # connections: one a user that begins, whoever opens it
        (HELD, "[{request: a}]", CONNECTS, 10),
        ("{users: {from: 5, to: 20}, for: 10s}", "[{request: a}]", CONNECTS, 20),
        ("{users: 10, for: 5s, warmup: true}, {users: 10, for: 5s}", "[{request: a}]", CONNECTS, 0),
        ("{users: 10, for: 5s, warmup: true}, {users: 15, for: 5s}", "[{request: a}]", CONNECTS, 5),
        (HELD, "[connect, {every: 1s, do: [{request: a}]}]", CONNECTS, 10),
        (HELD, "[connect, {think: 1s}]", CONNECTS, 110),
        # only judged time, and only the phase that a rule names
        ("{users: 10, for: 10s, warmup: true}, {users: 10, for: 2s}", TICK, P95, 20),
        ("{name: one, users: 10, for: 10s}, {users: 10, for: 2s}", TICK, "response_time{phase=one}.p95 < 1s", 100),
        # arrivals, each with one session
        ("{arrivals: 5/s, for: 10s}", "[{request: a}, {repeat: 3, do: [{request: b}]}]", P95, 200),
        ("{arrivals: 5/s, for: 10s}", "[{request: a}]", CONNECTS, 50),
        # iterations
        ("{users: 2, iterations: 30}", "[{request: a}]", P95, 30),
        ("{users: 2, iterations: 30, for: 10s}", "[{request: a}, {think: 1s}]", P95, 22),
        # other metrics of steps, and the scenario's own
        (HELD, "[{ping: {}}, {think: 1s}]", "ping_time.p95 < 1s", 110),
        (HELD, "[{http: {get: /a}}, {think: 1s}]", "http_time.p95 < 1s", 110),
        (HELD, TICK, "send_lag.p95 < 1s", 200),
        (HELD, "[{record: {name: age, value: 1, unit: ms}}, {think: 1s}]", "age.p95 < 1s", 110),
        (HELD, "[{request: a}, {request: {name: s, send: b, reply: {until: {$.d: 1}}}}, {think: 1s}]",
         "first_message_time.p95 < 1s", 110),
        # a branch that does nothing of the kind is no matter
        (HELD, "[{request: a}, {if: '{{ true }}', then: [{log: x}]}, {think: 1s}]", P95, 110),
    ],
)  # fmt: skip
def test_samples_that_the_plan_tells(load: str, flow: str, rule: str, samples: float) -> None:
    assert expected(load, flow, rule) == pytest.approx(samples)


@pytest.mark.parametrize(
    ("flow", "rule", "more"),
    [
        ("[{request: a}]", P95, ""),  # as fast as the server answers
        ("[{if: '{{ true }}', then: [{request: a}]}, {think: 1s}]", P95, ""),
        ("[{pick: [{do: [{request: a}]}]}, {think: 1s}]", P95, ""),
        ("[{repeat: '{{ 1 + 1 }}', do: [{request: a}]}, {think: 1s}]", P95, ""),
        ("[{call: {function: 'flows:greet', args: {times: 1, name: a}}}, {request: a}, {think: 1s}]", P95, ""),
        ("[{request: a}, {think: 1s}]", CONNECTS, "connection: {reconnect: true}\n"),
        ("[{request: a}, {think: 1s}]", "session_time.p95 < 1s", ""),  # of no step
        ("[{ping: {}}, {think: 1s}]", "ping_time.p95 < 1s", "connection: {ping: {every: 1s}}\n"),
        ("[{send: a}, {think: 1s}]", "send_lag.p95 < 1s", "on: {message: [{where: {$.a: 1}, do: [{send: b}]}]}\n"),
    ],
)
def test_where_nothing_is_known_nothing_is_said(flow: str, rule: str, more: str) -> None:
    assert expected(HELD, flow, rule, more) is None


def test_user_types_count_by_their_weights() -> None:
    text = (
        "target: ws://h\nload: [{users: 40, for: 10s}]\nusers:\n"
        "  - {weight: 1, flow: [{every: 1s, do: [{request: a}]}]}\n  - {weight: 3, flow: [connect, {think: 1h}]}\n"
        "thresholds: ['response_time.p95 < 1s']\n"
    )
    loaded = load_text(text, Path("s.yaml"), env={})
    found = expected_samples(loaded.scenario, make_plan(loaded.scenario, 1), loaded.thresholds[0])
    assert found == pytest.approx(100)
