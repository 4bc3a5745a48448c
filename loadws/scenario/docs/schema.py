"""The JSON Schema of scenario files, for editors. It is made from the models, so that it cannot differ from them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ruamel.yaml import YAML

from loadws.scenario.docs.examples import EXAMPLES
from loadws.scenario.model.model import Scenario
from loadws.scenario.model.steps import STEPS
from loadws.scenario.model.when_used import WholeSchema


def scenario_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12)."""
    schema = Scenario.model_json_schema(by_alias=True, schema_generator=WholeSchema, mode="validation")
    _close(schema)
    for verb, step in STEPS.items():
        _explain_verb(verb, schema["$defs"][step.__name__])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "loadws scenario",
        "description": "Who connects where, when, what they say, what they expect, and what passes.",
    }


def _explain_verb(verb: str, step: dict[str, Any]) -> None:
    """Put what a step does where editors show it: at its verb."""
    key = step["properties"][verb]
    key["description"] = f"{step['description']} {key['description']}"
    key["examples"] = list(_values(YAML(typ="safe", pure=True).load(EXAMPLES[verb]), verb))


def _values(flow: list[Any], verb: str) -> Iterator[Any]:
    """Yield the values of a verb at the top level of its example."""
    return (step[verb] for step in flow if isinstance(step, dict) and verb in step)


def _close(node: Any) -> None:
    """Allow no other keys in a mapping whose keys have a pattern: pydantic leaves that open."""
    if isinstance(node, dict):
        if "patternProperties" in node:
            node["additionalProperties"] = False
        for inner in node.values():
            _close(inner)
    elif isinstance(node, list):
        for inner in node:
            _close(inner)
