"""``connection:``, what every connect uses unless it says otherwise."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag

from loadws.scenario.fields import TEN_SECONDS, Headers, Size, Span, Strict, Subprotocols, Template
from loadws.terms.units import (
    NS_PER_S,
)


class KeepAlive(Strict):
    """Pings that loadws sends by itself; their round trip is ``ping_time``."""

    every: Span
    timeout: Span = TEN_SECONDS


class Tls(Strict):
    ca: str | None = None


class CompressionOptions(Strict):
    """permessage-deflate (RFC 7692), as it is offered to the server; what the server agrees to is what is done."""

    level: Annotated[int, Field(ge=1, le=9, description="zlib's: 1 is the fastest, 9 the smallest.")] = 6
    context_takeover: Annotated[
        bool,
        Field(description="Whether a message may refer to those before it: smaller, but memory for each connection."),
    ] = True


def _switched(value: Any) -> Any:
    if not isinstance(value, bool | dict | CompressionOptions):
        raise ValueError("compression is true, false, or {level: 6, context_takeover: true}")
    return {} if value is True else value


def _off_or_on(value: Any) -> str:
    return "off" if value is False else "on"


#: False, or how; true is short for the defaults.
Compression = Annotated[
    Annotated[
        Annotated[Literal[False], Tag("off")] | Annotated[CompressionOptions, Tag("on")], Discriminator(_off_or_on)
    ],
    BeforeValidator(_switched, json_schema_input_type=bool | CompressionOptions),
]


class ConnectionOptions(Strict):
    """What every connect uses unless it says otherwise."""

    subprotocols: Subprotocols = ()
    headers: Headers = {}
    query: dict[str, Template] = {}
    compression: Compression = False
    open_timeout: Span = TEN_SECONDS
    close_timeout: Span = 5 * NS_PER_S
    ping: KeepAlive | None = None
    max_message_size: Size = 1024 * 1024
    tls: Tls = Tls()
