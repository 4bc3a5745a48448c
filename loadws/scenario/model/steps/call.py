"""The step that runs a Python function: call."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, ConfigDict, Field, JsonValue

from loadws.scenario.model.field_types import FunctionName, Identifier, Many, Name, NotWritten, short_for
from loadws.scenario.model.steps.step import Body, Step


class CallBody(Body):
    """``sets``, ``records`` and ``counts`` are what the function does that the rest of the scenario has to know of."""

    function: Annotated[
        FunctionName,
        Field(description="module:function, beside the scenario: an async function that takes a user and the args."),
    ]
    args: Annotated[
        dict[str, JsonValue], Field(description="What it is called with, by name; templates keep their type.")
    ] = {}
    sets: Annotated[Many[Identifier], Field(description="Variables that it sets, for the steps after it.")] = ()
    records: Annotated[
        dict[Name, Name], Field(description="Trends of its own, and their units: us, ms, s, or any word.")
    ] = {}
    counts: Annotated[Many[Name], Field(description="Counters of its own that thresholds may name.")] = ()


_call_body = short_for("function", "module:function, or a mapping")


class CallStep(Step):
    """Run a Python function. As a whole flow, in place of its steps, it is a user written in Python: a session."""

    model_config = ConfigDict(json_schema_extra=lambda schema: schema["properties"].pop("is_session", None))

    verb = "call"
    call: Annotated[
        CallBody,
        BeforeValidator(_call_body, json_schema_input_type=FunctionName | CallBody),
        Field(description="The function, or a mapping with its args."),
    ]
    is_session: Annotated[bool, NotWritten()] = False
