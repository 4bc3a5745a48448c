"""The schema for editors agrees with what loads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from loadws.scenario.explain import Problems, SourceText
from loadws.scenario.schema import scenario_schema
from loadws.scenario.source import read_tree
from loadws.scenario.tree import plain_value
from tests.scenario.texts import EVERYTHING, SMALLEST


def tree(text: str) -> Any:
    return plain_value(read_tree(Problems(SourceText(Path("s.yaml"), text))))


def errors(text: str) -> list[str]:
    return [error.message for error in Draft202012Validator(scenario_schema()).iter_errors(tree(text))]


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
    ],
)
def test_it_knows_what_does_not(text: str) -> None:
    assert errors(text) != []
