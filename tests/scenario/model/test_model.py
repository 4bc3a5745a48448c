"""What the models make of a file's tree."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from loadws.scenario.model.model import Scenario, UserType
from loadws.scenario.model.steps import STEPS, CloseStep, ConnectStep, Flow, RecordBody, RequestStep, ThinkStep, walk
from loadws.terms.units import NS_PER_MS, NS_PER_S


def flow(*steps: Any) -> Flow:
    return UserType.model_validate({"flow": list(steps)}).flow


def test_every_verb_is_the_key_of_its_own_model() -> None:
    for verb, step in STEPS.items():
        assert verb in [field.alias or name for name, field in step.model_fields.items()]


def test_a_word_is_a_step_and_so_is_a_key_with_nothing_behind_it() -> None:
    word, empty = flow("connect", {"connect": None})
    assert word == empty
    assert isinstance(word, ConnectStep)


def test_short_forms_mean_their_long_forms() -> None:
    short, long = flow({"request": "hi"}, {"request": {"send": {"text": "hi"}}})
    assert isinstance(short, RequestStep)
    assert isinstance(long, RequestStep)
    assert short.request.send == long.request.send
    assert flow({"send": "hi"}) == flow({"send": {"text": "hi"}})
    assert flow({"check": "{{ a }}"}) == flow({"check": {"that": "{{ a }}"}})


@pytest.mark.parametrize(
    ("think", "least", "most", "exponential"),
    [
        ("1s", NS_PER_S, NS_PER_S, None),
        ("1s..3s", NS_PER_S, 3 * NS_PER_S, None),
        ({"exponential": "2s"}, None, None, 2 * NS_PER_S),
    ],
)
def test_pauses(think: Any, least: int | None, most: int | None, exponential: int | None) -> None:
    (step,) = flow({"think": think})
    assert isinstance(step, ThinkStep)
    assert (step.think.least, step.think.most, step.think.exponential) == (least, most, exponential)


@pytest.mark.parametrize("code", [1000, 1003, 1007, 1014, 3000, 4999])
def test_close_codes_that_may_be_sent(code: int) -> None:
    (step,) = flow({"close": {"code": code}})
    assert isinstance(step, CloseStep)
    assert step.close.code == code


@pytest.mark.parametrize("code", [999, 1004, 1005, 1006, 1015, 1016, 2999, 5000])
def test_close_codes_that_may_not(code: int) -> None:
    with pytest.raises(ValidationError):
        flow({"close": {"code": code}})


def test_what_judges_a_run_has_defaults_and_may_be_said() -> None:
    tree = {"target": "ws://h", "load": [{"users": 1, "for": "1s"}], "flow": [{"request": "a"}]}
    plain = Scenario.model_validate(tree)
    assert (plain.too_close, plain.generator.send_lag, plain.connection.expect_close) == ("inconclusive", None, ())
    assert (plain.load[0].max_dropped, plain.load[0].max_skipped) == (0.01, None)
    said = Scenario.model_validate(
        tree
        | {"load": [{"users": 1, "for": "1s", "max_dropped": "0%", "max_skipped": "50%"}], "too_close": "pass"}
        | {"generator": {"send_lag": "5ms"}, "connection": {"expect_close": [1000, 1005, 4000]}}
    )
    assert (said.too_close, said.generator.send_lag) == ("pass", 5 * NS_PER_MS)
    assert said.connection.expect_close == (1000, 1005, 4000)
    assert (said.load[0].max_dropped, said.load[0].max_skipped) == (0.0, 0.5)


def test_steps_give_their_flows_and_take_changed_ones() -> None:
    whole = flow(
        {"repeat": 2, "do": [{"if": "{{ a }}", "then": [{"send": "b"}], "else": [{"send": "c"}]}]},
        {"pick": [{"do": [{"send": "d"}]}, {"do": [{"every": "1s", "do": [{"send": "e"}]}]}]},
    )

    def named(steps: Flow) -> Flow:
        return tuple(step.model_copy(update={"name": "x"}).with_flows(named) for step in steps)

    assert [where for where, _ in walk(whole)] == [
        (0,),
        (0, "do", 0),
        (0, "do", 0, "then", 0),
        (0, "do", 0, "else", 0),
        (1,),
        (1, "pick", 0, "do", 0),
        (1, "pick", 1, "do", 0),
        (1, "pick", 1, "do", 0, "do", 0),
    ]
    assert {step.name for _, step in walk(named(whole))} == {"x"}


@pytest.mark.parametrize(
    ("unit", "ns_per_unit", "metric_unit"),
    [("ms", NS_PER_MS, "ns"), ("s", NS_PER_S, "ns"), ("m", None, "m"), ("km", None, "km"), ("1", None, "1")],
)
def test_a_recorded_time_is_kept_in_nanoseconds(unit: str, ns_per_unit: int | None, metric_unit: str) -> None:
    body = RecordBody.model_validate({"name": "a", "value": 1, "unit": unit})
    assert (body.ns_per_unit, body.metric_unit) == (ns_per_unit, metric_unit)


def test_flow_is_short_for_one_user_type() -> None:
    scenario = Scenario.model_validate(
        {"target": "ws://h", "load": [{"users": 1, "for": "1s"}], "flow": ["connect"], "on": {"open": [{"log": "a"}]}}
    )
    (user_type,) = scenario.user_types
    assert user_type.is_whole_session
    assert len(user_type.on.open) == 1
