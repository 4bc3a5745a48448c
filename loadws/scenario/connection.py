"""``connection:``, what every connect uses unless it says otherwise."""

from __future__ import annotations

from typing import Literal

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


class ConnectionOptions(Strict):
    """What every connect uses unless it says otherwise."""

    subprotocols: Subprotocols = ()
    headers: Headers = {}
    query: dict[str, Template] = {}
    compression: Literal[False] = False
    open_timeout: Span = TEN_SECONDS
    close_timeout: Span = 5 * NS_PER_S
    ping: KeepAlive | None = None
    max_message_size: Size = 1024 * 1024
    tls: Tls = Tls()
