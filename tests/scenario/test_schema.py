"""The schema for editors agrees with what loads."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from loadws.scenario.docs.schema import scenario_schema
from loadws.scenario.model.steps import STEPS
from loadws.scenario.yaml.explain import Problems, ScenarioError, SourceText
from loadws.scenario.yaml.source import read_tree
from loadws.scenario.yaml.tree import plain_value
from tests.scenario.models import models, written_fields
from tests.scenario.texts import EVERYTHING, SMALLEST

SCENARIOS = Path(__file__).parents[2] / "scenarios"


def tree(text: str) -> Any:
    return plain_value(read_tree(Problems(SourceText(Path("s.yaml"), text))))


@functools.cache
def validator() -> Draft202012Validator:
    return Draft202012Validator(scenario_schema())


def errors(text: str) -> list[str]:
    return [error.message for error in validator().iter_errors(tree(text))]


@pytest.mark.slow
def test_it_is_a_schema() -> None:
    schema = scenario_schema()
    Draft202012Validator.check_schema(schema)
    assert schema["title"] == "loadws scenario"


@pytest.mark.parametrize("text", [SMALLEST, EVERYTHING, SMALLEST.replace("10s", "'${TIME:-10s}'")])
def test_it_knows_what_loads(text: str) -> None:
    assert errors(text) == []


@pytest.mark.parametrize(
    "text",
    [
        SMALLEST.replace("users: 100", "users: many"),
        SMALLEST.replace("10s", "ten"),
        SMALLEST.replace("request:", "requst:"),
        SMALLEST + "nme: a\n",
        SMALLEST + "users: [{flow: [connect]}]\n",  # beside flow
        SMALLEST.replace("request: hello", "{send: a, think: 1s}"),
        SMALLEST.replace("request: hello", "send: {text: a, json: 1}"),
        SMALLEST.replace("request: hello", "send: {fragments: 2}"),
        SMALLEST.replace("request: hello", "http: {get: /, post: /}"),
        SMALLEST.replace("request: hello", "close: {code: 1005}"),
        SMALLEST.replace("request: hello", "set: {not: 1}"),
        SMALLEST.replace("request: hello", "wait_for: {where: {json: 1}}"),
        SMALLEST.replace("request: hello", "condct"),
    ],
)
def test_it_knows_what_does_not(text: str) -> None:
    assert errors(text) != []


# -- what editors show ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", models(), ids=lambda model: model.__name__)
def test_every_key_says_what_it_is(model: type[BaseModel]) -> None:
    assert [key for key, field in written_fields(model) if not field.description] == []


@pytest.mark.parametrize("verb", STEPS)
def test_every_verb_says_what_it_does(verb: str) -> None:
    step = validator().schema["$defs"][STEPS[verb].__name__]
    assert step["description"] == STEPS[verb].__doc__
    assert step["properties"][verb]["description"].startswith(str(STEPS[verb].__doc__))


# -- the scenarios that ship, and those that are wrong ----------------------------------------------------------------


@pytest.mark.parametrize("path", sorted(SCENARIOS.glob("*.yaml")), ids=lambda path: path.stem)
def test_it_knows_every_scenario_that_ships(path: Path) -> None:
    assert errors(path.read_text("utf-8")) == []


_NO_TREE = "it is no YAML, or no mapping"
_A_FILE = "which files there are"
_ELSEWHERE = "what stands elsewhere in the file"
_ADDRESS = "the parts of an address"
#: Invalid files whose problem a schema cannot know, and what it would have to know.
NOT_OF_SHAPE = {
    "a-list": _NO_TREE,
    "alias-bomb": _NO_TREE,
    "alias-of-itself": _NO_TREE,
    "binary": _NO_TREE,
    "certificate": _A_FILE,
    "certificate-missing": _A_FILE,
    "comparisons": _ELSEWHERE,
    "connections": _ELSEWHERE,
    "control-character": _NO_TREE,
    "duplicate-keys": "JSON's objects have no key twice",
    "empty": _NO_TREE,
    "endless-iterations": _ELSEWHERE,
    "events-without-a-protocol": _ELSEWHERE,
    "expressions": "the template language",
    "huge-number": _NO_TREE,
    "keys-that-are-no-text": "JSON's keys are all text",
    "network": _ELSEWHERE,
    "network-family": _ELSEWHERE,
    "no-load": "that a phase of no users at all is the only one",
    "not-utf-8": _NO_TREE,
    "numbers": _NO_TREE,
    "only-comments": _NO_TREE,
    "only-warm-up": "that no phase is judged",
    "probes": _ELSEWHERE,
    "probes-without-deliver": _ELSEWHERE,
    "probes-without-publish": _ELSEWHERE,
    "rules-on-words-that-name-nothing": _ELSEWHERE,
    "setup-and-teardown": _ELSEWHERE,
    "special-names": _ELSEWHERE,
    "tab": _NO_TREE,
    "target-builtin": "which servers loadws has",
    "target-host": _ADDRESS,
    "target-port": _ADDRESS,
    "target-unix": _ADDRESS,
    "target-unix-path": _ADDRESS,
    "templates": "the template language",
    "too-deep": _NO_TREE,
    "two-documents": _NO_TREE,
    "unclosed": _NO_TREE,
    "unknown-alias": _NO_TREE,
    "unknown-tag": _NO_TREE,
    "unquoted-colon": _NO_TREE,
    "unquoted-path": _NO_TREE,
    "unquoted-rule": _NO_TREE,
    "rows-by-use": _ELSEWHERE,
    "variables": _ELSEWHERE,
}
INVALID = Path(__file__).parent / "invalid"


def _is_refused(path: Path) -> bool:
    try:
        return errors(path.read_bytes().decode()) != []
    except (ScenarioError, UnicodeDecodeError):
        return False


@pytest.mark.slow
def test_what_is_wrong_in_shape_is_refused_by_the_schema_too() -> None:
    passed = {path.stem for path in INVALID.glob("*.yaml") if not _is_refused(path)}
    assert sorted(NOT_OF_SHAPE) == sorted(passed)
