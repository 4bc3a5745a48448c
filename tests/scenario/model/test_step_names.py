"""What steps are called."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from loadws.scenario.build import load_text
from loadws.scenario.model.step_names import LONGEST_LITERAL, walk_steps


def names(*flow: Any, **rest: Any) -> list[str | None]:
    scenario = {"target": "ws://h", "load": [{"users": 1, "for": "1s"}], "flow": flow, **rest}
    loaded = load_text(json.dumps(scenario), Path("s.yaml"), env={})
    return [step.name for _, step in walk_steps(loaded.scenario)]


@pytest.mark.parametrize(
    ("flow", "expected"),
    [
        # said beside the verb, or in its body
        ([{"name": "a", "send": "x"}, {"send": {"text": "y", "name": "b"}}], ["a", "b"]),
        # literal text; the same text is the same name
        ([{"request": "hello"}, {"request": {"send": "hello"}}], ["hello", "hello"]),
        # literal text on one line
        ([{"send": "  a\n\tb "}], ["a b"]),
        # no text, a template, or nothing to see: verb and number, counted by verb
        (["connect", {"request": {"send": {"json": 1}}}, {"request": "{{ 1 }}"}, {"send": " "}],
         ["connect-1", "request-1", "request-2", "send-1"]),
        # a number counts all steps of the verb
        ([{"request": "a"}, {"request": {"send": {"json": 1}}}], ["a", "request-2"]),
        # inside loops too, outer before inner
        ([{"repeat": 2, "do": [{"repeat": 3, "do": []}]}, {"repeat": 1, "do": []}], ["repeat-1", "repeat-2", "repeat-3"]),
        # another verb with the same text has another meaning
        ([{"request": "a"}, {"send": "a"}], ["a", "send-1"]),
        ([{"send": "a"}, {"name": "a", "request": "b"}], ["send-1", "a"]),
        # a number that is taken is skipped
        ([{"name": "send-2", "request": "b"}, {"send": {"json": 1}}, {"send": {"json": 1}}],
         ["send-2", "send-1", "send-3"]),
    ],
)  # fmt: skip
def test_names(flow: list[Any], expected: list[str]) -> None:
    assert names(*flow) == expected


def test_a_long_text_is_cut_and_two_of_one_beginning_are_told_apart() -> None:
    long = "x" * 80
    cut = "x" * (LONGEST_LITERAL - 1) + "…"
    assert names({"request": long}, {"request": long + "y"}, {"request": long}) == [cut, "request-2", cut]


def test_handlers_count_on_after_the_flow() -> None:
    handlers = {"message": [{"where": {"$.a": 1}, "do": [{"send": {"json": 1}}]}], "open": [{"send": {"json": 2}}]}
    assert names({"send": {"json": 3}}, on=handlers) == ["send-1", "send-2", "send-3"]


def test_what_the_body_says_of_the_step_is_the_steps() -> None:
    text = (
        "target: ws://h\nload: [{users: 1, for: 1s}]\n"
        "flow: [{request: {send: a, on_failure: end_turn}}, {send: b, on_failure: continue}]\n"
    )
    loaded = load_text(text, Path("s.yaml"), env={})
    assert [step.on_failure for _, step in walk_steps(loaded.scenario)] == ["end_turn", "continue"]
