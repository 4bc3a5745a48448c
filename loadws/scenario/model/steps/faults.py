"""Steps that disturb a connection: drop, stall, read_slowly."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from loadws.scenario.model.field_types import ByteRate, Span
from loadws.scenario.model.steps.parts import Part
from loadws.scenario.model.steps.step import (
    PATIENCE_NS,
    UNMEASURED,
    Awaits,
    ConnectionStep,
    Effect,
    Measures,
    OnConnection,
)


class DropStep(ConnectionStep):
    """Cut TCP without a close frame."""

    verb = "drop"
    waits = False
    sends = 0
    measures = UNMEASURED
    reads_inbox = False
    names = ()
    is_named_by_text = False

    drop: Annotated[OnConnection, Field(description="Which connection; nothing is needed.")]

    def parts(self) -> Iterator[Part]:
        """Yield nothing: its body has no templates."""
        return iter(())

    def patience_ns(self) -> int | None:
        """Return None: it does not wait for an open connection."""
        return None

    def awaits(self) -> Awaits | None:
        """Return None: it waits for no message."""
        return None

    def effect(self) -> Effect | None:
        """Return that it cuts the connection."""
        return "drops"


class StallBody(OnConnection):
    for_: Annotated[Span, Field(alias="for", description="How long nothing is read.")]


def _stall_body(value: Any) -> Any:
    return value if isinstance(value, dict | StallBody) else {"for": value}


class StallStep(ConnectionStep):
    """Stop reading altogether for a time, so that the peer is held up."""

    verb = "stall"
    waits = True
    sends = 0
    measures = Measures(tries=frozenset({"stall"}))
    reads_inbox = False
    names = ()
    is_named_by_text = False

    stall: Annotated[
        StallBody,
        BeforeValidator(_stall_body, json_schema_input_type=str | StallBody),
        Field(description="How long, or a mapping."),
    ]

    def parts(self) -> Iterator[Part]:
        """Yield nothing: its body has no templates."""
        return iter(())

    def patience_ns(self) -> int | None:
        """Return the default: it has no ``within``."""
        return PATIENCE_NS

    def awaits(self) -> Awaits | None:
        """Return None: it waits for no message."""
        return None

    def effect(self) -> Effect | None:
        """Return None: it leaves the connection as it is."""
        return None


class ReadSlowlyBody(OnConnection):
    rate: Annotated[ByteRate, Field(description="Bytes a second, as they come from the network.")]
    for_: Annotated[
        Span | None,
        Field(alias="for", description="How long; without it, to the connection's end, and the flow goes on."),
    ] = None


class ReadSlowlyStep(ConnectionStep):
    """Read slower than the peer may want to write."""

    verb = "read_slowly"
    waits = True
    sends = 0
    measures = Measures(tries=frozenset({"read_slowly"}))
    reads_inbox = False
    names = ()
    is_named_by_text = False

    read_slowly: Annotated[ReadSlowlyBody, Field(description="How slowly, and how long.")]

    def parts(self) -> Iterator[Part]:
        """Yield nothing: its body has no templates."""
        return iter(())

    def patience_ns(self) -> int | None:
        """Return the default: it has no ``within``."""
        return PATIENCE_NS

    def awaits(self) -> Awaits | None:
        """Return None: it waits for no message."""
        return None

    def effect(self) -> Effect | None:
        """Return None: it leaves the connection as it is."""
        return None
