"""What the fuzzing server asks of a client: one connection a case, and every message sent back as it came.

All of it goes through our own seam, the server's own questions (how many cases, which) included.
"""

from __future__ import annotations

import json
import math
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, Literal

import trio

from loadws.transport.base import (
    Compression,
    Connection,
    Connector,
    ConnectRequest,
    End,
    NotOpen,
    Outgoing,
    Payload,
    TransportError,
)

#: The server gives its longest cases, those of 12 and 13, eight minutes, and ends them itself.
CASE_PATIENCE_S = 600
_REQUEST_PATIENCE_NS = 60_000_000_000
#: The largest message of the suite has 16 MiB.
_MOST_MESSAGE_BYTES = 32 << 20


class _Heard:
    """A listener that keeps the messages until they are taken; they end with the connection."""

    def __init__(self) -> None:
        self._put, self._messages = trio.open_memory_channel[Payload](math.inf)

    def on_open(self, connection: Connection) -> None: ...

    def on_message(self, payload: Payload, received_ns: int) -> None:
        self._put.send_nowait(payload)

    def on_pong(self, payload: bytes, sent_ns: int, received_ns: int) -> None: ...

    def on_end(self, end: End) -> None:
        self._put.close()

    def on_frame(self, direction: Literal["in", "out"], what: str, payload: bytes, at_ns: int) -> None: ...

    async def messages(self) -> AsyncIterator[Payload]:
        async for payload in self._messages:
            yield payload


def _request(url: str, compression: Compression | None = None) -> ConnectRequest:
    return ConnectRequest(
        url,
        open_timeout_ns=_REQUEST_PATIENCE_NS,
        write_timeout_ns=_REQUEST_PATIENCE_NS,
        max_message_size=_MOST_MESSAGE_BYTES,
        compression=compression,
    )


async def echo(connector: Connector, url: str, compression: Compression | None = None) -> bool:
    """Sends every message back, one after the other, until the connection has ended. False where it never opened."""
    heard = _Heard()
    try:
        connection = await connector.connect(_request(url, compression), heard)
    except TransportError:
        return False
    with trio.move_on_after(CASE_PATIENCE_S):
        async for payload in heard.messages():
            with suppress(NotOpen):  # the rest is heard out all the same: only the end of the connection ends it
                await connection.send(payload, Outgoing())
    connection.drop()  # where it has not ended in time, so that the server judges what it has
    return True


async def ask(connector: Connector, url: str) -> Any:
    """The server's answer to a question, which is one message of JSON; None where it says nothing."""
    heard = _Heard()
    with trio.fail_after(CASE_PATIENCE_S):
        await connector.connect(_request(url), heard)
        answers = [payload async for payload in heard.messages()]
    return json.loads(answers[0]) if answers else None
