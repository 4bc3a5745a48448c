"""Names that have a value where they are read; those that have none are in ../invalid."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from loadws.scenario.build import load_text
from loadws.scenario.yaml.explain import ScenarioError


def problems(*flow: Any, on: Any = None, **rest: Any) -> list[str]:
    scenario = {"target": "ws://h", "load": [{"users": 1, "for": "1s"}], "flow": flow, **rest}
    if on is not None:
        scenario["on"] = on
    try:
        load_text(json.dumps(scenario), Path("s.yaml"), env={})
    except ScenarioError as error:
        return [problem.message for problem in error.problems]
    return []


CAPTURE = {"request": {"send": "a", "reply": {"capture": {"n": "$.n"}}}}
USE = {"log": "{{ n }}"}
EARLY = "the variable 'n' is used before it is set"


@pytest.mark.parametrize(
    ("flow", "expected"),
    [
        # after its capture
        ([CAPTURE, USE], []),
        # before it
        ([USE, CAPTURE], [EARLY]),
        # after a branch that sets it, even if another does not
        ([{"if": "{{ 1 }}", "then": [CAPTURE]}, USE], []),
        ([{"pick": [{"do": [CAPTURE]}, {"do": []}]}, USE], []),
        # but not in that other branch
        ([{"pick": [{"do": [CAPTURE]}, {"do": [USE]}]}], [EARLY]),
        # after a loop that sets it, and in the loop from there on
        ([{"repeat": 2, "do": [CAPTURE, USE]}, USE], []),
        ([{"repeat": 2, "do": [USE, CAPTURE]}], [EARLY]),
        # a loop's condition is looked at before the loop
        ([{"while": "{{ n }}", "do": [CAPTURE]}], [EARLY]),
        # in one set, from left to right
        ([{"set": {"n": 1, "m": "{{ n }}"}}], []),
        ([{"set": {"m": "{{ n }}", "n": 1}}], [EARLY]),
        # what may be missing is asked for as such
        ([{"log": "{{ n | default(0) }} {{ n is defined }}"}, CAPTURE], []),
        # what everyone always has
        ([{"log": "{{ user.index }} {{ iteration }} {{ id() }}"}], []),
        # after a message there is one, and what was sent
        ([CAPTURE, {"check": "{{ message.a == sent.a }}"}], []),
    ],
)
def test_order(flow: list[Any], expected: list[str]) -> None:
    assert problems(*flow) == expected


def test_a_flow_may_use_what_a_handler_sets_and_the_other_way_round() -> None:
    handler = {"message": [{"where": {"$.a": 1}, "capture": {"seen": "$.b"}, "do": [USE]}]}
    assert problems({"log": "{{ seen }}"}, CAPTURE, on=handler) == []


def test_a_shared_header_may_use_what_is_set_before_one_of_the_connects() -> None:
    shared = {"query": {"n": "{{ n }}"}}
    assert problems({"set": {"n": 1}}, "connect", connection=shared) == []
    assert problems("connect", {"set": {"n": 1}}, connection=shared) == [EARLY]
    assert problems({"set": {"n": 1}}, connection=shared) == [EARLY]  # connected before its flow begins


def test_what_a_broken_part_may_have_set_is_not_called_unknown() -> None:
    broken = {"request": {"send": "a", "reply": {"capture": {"n": "$.n"}, "withing": "1s"}}, "tpo": 3}
    assert problems(broken, USE) == ["unknown key 'withing'", "unknown key 'tpo'"]
    assert problems({"reqest": {"send": "a", "reply": {"capture": {"n": "$.n"}}}}, USE) == ["unknown step 'reqest'"]
