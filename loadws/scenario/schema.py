"""The JSON Schema of scenario files, for editors: made from the models, so that it cannot differ from them."""

from __future__ import annotations

from typing import Any

from loadws.scenario.model import Scenario


def scenario_schema() -> dict[str, Any]:
    """A JSON Schema (2020-12)."""
    schema = Scenario.model_json_schema(by_alias=True, mode="validation")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "loadws scenario",
        "description": "Who connects where, when, what they say, what they expect, and what passes.",
    }
