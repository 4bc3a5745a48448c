"""Models that are built when they are used: nothing of them before, and no difference after."""

from __future__ import annotations

import subprocess
import sys
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter, ValidationError
from ruamel.yaml import YAML

from loadws.scenario.docs.examples import EXAMPLES
from loadws.scenario.model.field_types import Many, Strict
from loadws.scenario.model.model import Scenario
from loadws.scenario.model.steps import BARE_VERBS, STEPS
from loadws.scenario.model.steps.step import LeafStep
from loadws.scenario.model.when_used import WhenUsed, WholeSchema, plain_data

#: The models of whose validators none is built by importing them, and the few that a small scenario needs.
PROGRAM = """
import gc
from pydantic import BaseModel
from loadws.scenario.model.model import Scenario
from loadws.scenario.protocol.protocol_file import ProtocolFile
def built():
    return sorted(each.__name__ for each in gc.get_objects() if isinstance(each, type) and issubclass(each, BaseModel)
                  and each.__module__.startswith("loadws.") and each.__pydantic_complete__)
print(*built())
Scenario.model_validate({"target": "builtin:echo", "load": [{"users": 1, "for": "1s"}], "flow": [{"request": "hi"}]})
print(*built())
"""


class Leaf(Strict):
    """A model inside another."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, JsonValue] = Field(init=False)

    number: Annotated[int, Field(description="A number.")]
    from_: Annotated[int | None, Field(alias="from", description="Another.")] = None


class Plain(Strict):
    """A model with others inside."""

    leaf: Annotated[Leaf, Field(description="One.")]
    leaves: Annotated[Many[Leaf], Field(description="Several.")] = ()
    named: Annotated[dict[str, Leaf] | None, Field(description="Some with names.")] = None


class Marked(Strict):
    """A model with others inside."""

    leaf: Annotated[Leaf, WhenUsed(), Field(description="One.")]
    leaves: Annotated[Many[Annotated[Leaf, WhenUsed()]], Field(description="Several.")] = ()
    named: Annotated[dict[str, Annotated[Leaf, WhenUsed()]] | None, Field(description="Some with names.")] = None


@pytest.mark.slow
def test_a_scenario_builds_only_what_it_names() -> None:
    found = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout.splitlines() == ["", "RequestStep Scenario"]


@pytest.mark.parametrize(
    "document",
    [
        {"leaf": {"number": 1}},
        {"leaf": {"number": 1}, "leaves": [{"number": 2}], "named": {"three": {"number": 3}}},
        {"leaf": {"number": "1"}},
        {"leaf": 1},
        {"leaf": None, "named": 3},
        {"leaf": {}, "leaves": [{"number": 2}, {"nunber": 2}, 7], "named": {"three": {"number": 3.5}}},
    ],
)
def test_values_and_errors_are_those_without_the_mark(document: dict[str, Any]) -> None:
    assert _result(Marked, document) == _result(Plain, document)


def _result(model: type[BaseModel], document: dict[str, Any]) -> Any:
    try:
        return dict(model.model_validate(document))
    except ValidationError as error:
        return error.errors(include_url=False)


def test_a_model_passes_as_it_is() -> None:
    leaf = Leaf(number=1)
    assert Marked(leaf=leaf).leaf is leaf


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"by_alias": True},
        {"exclude_unset": True},
        {"exclude_defaults": True},
        {"exclude_none": True},
        {"mode": "json"},
        {"include": {"leaf": {"from_"}}},
        {"exclude": {"leaves": {0: {"from_"}}, "named": {"three": {"number"}}}},
    ],
)
def test_it_is_dumped_as_without_the_mark(asked: dict[str, Any]) -> None:
    document = {
        "leaf": {"number": 1, "from": 2, "own": 3},
        "leaves": [{"number": 2}, {"number": 3, "from": None}],
        "named": {"three": {"number": 3}},
    }
    expected = Plain.model_validate(document).model_dump(**asked)
    assert Marked.model_validate(document).model_dump(**asked) == expected


@pytest.mark.parametrize("verb", EXAMPLES)
def test_plain_data_is_what_is_dumped(verb: str) -> None:
    flow = YAML(typ="safe", pure=True).load(EXAMPLES[verb])
    document = {"target": "ws://127.0.0.1:1", "load": [{"users": 1, "for": "1s"}], "flow": flow}
    scenario = Scenario.model_validate(document)
    assert plain_data(scenario) == scenario.model_dump()
    assert str(plain_data(scenario)) == str(scenario.model_dump())


def test_the_schema_is_that_without_the_mark() -> None:
    assert _schema(Marked) == {**_schema(Plain), "title": "Marked"}


def _schema(model: type[BaseModel]) -> dict[str, Any]:
    return model.model_json_schema(schema_generator=WholeSchema)


def test_verbs_that_may_stand_alone_are_those_whose_body_needs_no_key() -> None:
    leaves = {verb: TypeAdapter(step) for verb, step in STEPS.items() if issubclass(step, LeafStep)}
    assert {verb for verb, step in leaves.items() if _is_valid(step, {verb: {}})} == BARE_VERBS


def _is_valid(step: TypeAdapter[Any], document: dict[str, Any]) -> bool:
    try:
        step.validate_python(document)
    except ValidationError:
        return False
    return True
