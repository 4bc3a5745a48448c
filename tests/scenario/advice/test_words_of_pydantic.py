"""No message about a scenario is in pydantic's words, whatever is wrong with the file."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from ruamel.yaml import YAML

from loadws.scenario.build import load_text
from loadws.scenario.docs.examples import EXAMPLES
from loadws.scenario.model.model import Scenario
from loadws.scenario.yaml.explain import ScenarioError
from tests.scenario.texts import EVERYTHING, EXAMPLES_FOLDER

#: What pydantic says of errors, from its own list of messages.
PHRASES = re.compile(
    r"Input should|Value error|Assertion failed|Field required|Extra inputs|Unable to|[Vv]alid (integer|number|string|list|"
    r"tuple|dictionary|boolean)|validation error|pydantic|Keys should|instance of|at most \d+ items|"
    r"at least \d+ item|should have at"
)
_LOAD = {"target": "ws://h", "load": [{"users": 1, "for": "1s"}]}
_parsed = YAML(typ="safe", pure=True).load
SCENARIOS = [_parsed(EVERYTHING), *({**_LOAD, "flow": _parsed(text)} for text in EXAMPLES.values())]
_SCALARS = [
    None,
    True,
    0,
    1,
    -1,
    1.5,
    1e300,
    float("nan"),
    float("inf"),
    10**40,
    "",
    " ",
    "text",
    "5",
    "1s",
    "{{",
    "{{ x }}",
]
_PARTS = [[], {}, [1], [[]], {"a": 1}, {"": None}, ["connect"], {"send": "a"}, {"connect": None, "close": None}]
WRONG = st.sampled_from([*_SCALARS, *_PARTS])
WORDS = st.sampled_from(["vus", "name", "on", "timeout", "reply", "x", "for", "call"])


def _places(tree: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    children = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [place, *(inner for key, child in children for inner in _places(child, (*place, key)))]


def _changed(tree: Any, place: tuple[Any, ...], how: str, value: Any, word: str) -> Any:
    """Return a copy with one value replaced, wrapped in a list or left out, or with its key renamed."""
    copy = json.loads(json.dumps(tree))
    inside = copy
    for key in place[:-1]:
        inside = inside[key]
    old = inside.pop(place[-1])
    if how == "leave out":
        return copy
    new = value if how == "replace" else [old] if how == "wrap" else old
    if isinstance(inside, list):
        inside.insert(place[-1], new)
    else:
        inside[word if how == "rename" else place[-1]] = new
    return copy


@st.composite
def broken(draw: st.DrawFn) -> Any:
    """A valid scenario with one to three changes."""
    tree = draw(st.sampled_from(SCENARIOS))
    for _ in range(draw(st.integers(1, 3))):
        if places := _places(tree)[1:]:
            how = draw(st.sampled_from(["replace", "wrap", "leave out", "rename"]))
            tree = _changed(tree, draw(st.sampled_from(places)), how, draw(WRONG), draw(WORDS))
    return tree


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(broken())
def test_no_message_is_in_pydantics_words(tree: Any) -> None:
    text = json.dumps(tree).replace("-Infinity", "-.inf").replace("Infinity", ".inf").replace("NaN", ".nan")
    try:
        load_text(text, EXAMPLES_FOLDER / "scenario.yaml", env={})
    except ScenarioError as error:
        said = [problem.message + problem.advice for problem in error.problems]
        assert said
        assert all(problem.strip() for problem in said)
        assert not [problem for problem in said if PHRASES.search(problem)]


def test_the_phrases_are_pydantics() -> None:
    """The pattern would find what it is there to find."""
    for tree in (
        {},
        {"target": 5, "load": 5, "flow": 5, "x": 1},
        {**_LOAD, "flow": [{"repeat": 1.5, "do": []}], "seed": "a"},
    ):
        try:
            Scenario.model_validate(tree)
        except ValidationError as error:
            messages = [each["msg"] for each in error.errors()]
            assert messages
            assert all(PHRASES.search(message) for message in messages), messages
