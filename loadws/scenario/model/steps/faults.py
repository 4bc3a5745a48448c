"""Steps that disturb a connection: drop, stall, read_slowly."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from loadws.scenario.model.field_types import ByteRate, Span
from loadws.scenario.model.steps.step import OnConnection, Step


class DropStep(Step):
    """Cut TCP without a close frame."""

    verb = "drop"
    drop: Annotated[OnConnection, Field(description="Which connection; nothing is needed.")]


class StallBody(OnConnection):
    for_: Annotated[Span, Field(alias="for", description="How long nothing is read.")]


def _stall_body(value: Any) -> Any:
    return value if isinstance(value, dict | StallBody) else {"for": value}


class StallStep(Step):
    """Stop reading altogether for a time, so that the peer is held up."""

    verb = "stall"
    stall: Annotated[
        StallBody,
        BeforeValidator(_stall_body, json_schema_input_type=str | StallBody),
        Field(description="How long, or a mapping."),
    ]


class ReadSlowlyBody(OnConnection):
    rate: Annotated[ByteRate, Field(description="Bytes a second, as they come from the network.")]
    for_: Annotated[
        Span | None,
        Field(alias="for", description="How long; without it, to the connection's end, and the flow goes on."),
    ] = None


class ReadSlowlyStep(Step):
    """Read slower than the peer may want to write."""

    verb = "read_slowly"
    read_slowly: Annotated[ReadSlowlyBody, Field(description="How slowly, and how long.")]
