"""A target in the test's own loop: it counts what it gets on each connection, and tests wait for counts and not for time."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import trio

from tests.kit.raw import CLOSE, GONE, TEXT, RawConnection, close_frame, frame, serve


class CountingEcho:
    """What a target got and sent. ``url`` is where it is; ``hosts`` counts connections by the client's address."""

    def __init__(self) -> None:
        self.url = ""
        self.opened = 0
        self.received = 0
        self.sent = 0
        self.open_now = 0
        self.came_s: list[float] = []  # when each connection came, on trio's clock
        self.hosts: Counter[str] = Counter()
        self._of_each: Counter[int] = Counter()  # messages of each connection
        self._changed = trio.Event()

    async def reached(self, connections: int, messages: int) -> None:
        """Wait until so many connections have sent so many messages each."""
        while sum(count >= messages for count in self._of_each.values()) < connections:
            await self._changed.wait()

    async def left(self) -> None:
        """Wait until no connection is open."""
        while self.open_now:
            await self._changed.wait()

    async def converse(self, connection: RawConnection) -> None:
        """Serve one connection until it ends."""
        number = self.opened = self.opened + 1
        self.came_s.append(trio.current_time())
        self.hosts[connection.peer[0]] += 1
        self.open_now += 1
        try:
            with suppress(*GONE):
                await connection.accept()
                await self._echo(connection, number)
        finally:
            self.open_now -= 1
            self._change()

    async def _echo(self, connection: RawConnection, number: int) -> None:
        while True:
            opcode, payload = await connection.read_frame()
            if opcode == CLOSE:
                await connection.send(close_frame(1000))
                return
            if opcode == TEXT:
                self.received += 1
                self._of_each[number] += 1
                await connection.send(frame(TEXT, payload))
                self.sent += 1
                self._change()

    def _change(self) -> None:
        changed, self._changed = self._changed, trio.Event()
        changed.set()


@asynccontextmanager
async def counting_echo(host: str = "127.0.0.1") -> AsyncIterator[CountingEcho]:
    """Serve on a free port of ``host``."""
    target = CountingEcho()
    async with serve(target.converse, host=host) as address:
        target.url = f"ws://{address}"
        yield target
