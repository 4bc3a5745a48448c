"""Steps that disturb a connection: drop, stall, read_slowly."""

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
    """Cut the TCP connection without a close frame."""

    verb = "drop"
    waits = False
    sends = 0
    gives_sent = False
    measures = UNMEASURED
    reads_inbox = False
    names = ()
    is_named_by_text = False

    drop: Annotated[OnConnection, Field(description="Which connection. All keys are optional.")]

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
    """Read nothing for a time, so that the server's writes are held up."""

    verb = "stall"
    waits = True
    sends = 0
    gives_sent = False
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
    rate: Annotated[ByteRate, Field(description="How fast, in bytes per second of network traffic.")]
    for_: Annotated[
        Span | None,
        Field(
            alias="for", description="How long. Without it, until the connection ends, and the flow goes on at once."
        ),
    ] = None


class ReadSlowlyStep(ConnectionStep):
    """Read more slowly than the server may want to write."""

    verb = "read_slowly"
    waits = True
    sends = 0
    gives_sent = False
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
