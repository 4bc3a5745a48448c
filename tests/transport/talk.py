"""How tests of transports talk to a peer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import trio

from loadws.transport.base import Connection, Connector, ConnectRequest
from loadws.transport.clock.timers import open_timers
from loadws.transport.registry import transport
from tests.kit import faults
from tests.kit.conformance import Recorder

PATIENCE_S = 20


class Notes:
    """What a server saw, and a way to wait for it."""

    def __init__(self) -> None:
        self.rows: list[Any] = []
        self._changed = trio.Event()

    def note(self, row: Any) -> None:
        self.rows.append(row)
        self._changed.set()
        self._changed = trio.Event()

    async def come(self, count: int) -> list[Any]:
        with trio.fail_after(PATIENCE_S):
            while len(self.rows) < count:
                await self._changed.wait()
        return self.rows


@asynccontextmanager
async def opened(name: str) -> AsyncIterator[Connector]:
    async with open_timers() as timers, transport(name).open(timers) as connector:
        with trio.fail_after(PATIENCE_S):
            yield connector


async def connected(connector: Connector, url: str, **request: Any) -> tuple[Connection, Recorder]:
    listener = Recorder()
    return await connector.connect(ConnectRequest(url, **request), listener), listener


def against(
    name: str, fault: faults.Fault, **request: Any
) -> Callable[[Callable[[Connection, Recorder], Awaitable[None]]], None]:
    """Runs the decorated coroutine function at once, with a connection of the named transport to the fault."""

    def decorate(talk: Callable[[Connection, Recorder], Awaitable[None]]) -> None:
        async def main() -> None:
            async with fault as url, opened(name) as connector:
                await talk(*await connected(connector, url, **request))

        trio.run(main)

    return decorate
