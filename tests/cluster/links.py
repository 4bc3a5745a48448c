"""A link between shares and their coordinator that a test can slow down and cut: a relay on loopback."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import trio

_GONE = (trio.BrokenResourceError, trio.ClosedResourceError, OSError)


class Link:
    """A relay to one address. ``up_s`` and ``down_s`` delay what goes to it and what comes back.

    A link that is cut carries nothing more and closes nothing, as a cable that is pulled out.
    """

    def __init__(self, up_s: float = 0, down_s: float = 0) -> None:
        self.up_s = up_s
        self.down_s = down_s
        self.port = 0
        self._is_cut = False

    def cut(self) -> None:
        self._is_cut = True

    @asynccontextmanager
    async def open(self, host: str, port: int) -> AsyncIterator[None]:
        """Relay to ``host``:``port`` while within."""

        async def relay(near: trio.SocketStream) -> None:
            with suppress(*_GONE):
                far = await trio.open_tcp_stream(host, port)
                async with far, trio.open_nursery() as nursery:
                    nursery.start_soon(self._carry, near, far, self.up_s)
                    nursery.start_soon(self._carry, far, near, self.down_s)

        async with trio.open_nursery() as nursery:
            [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
            self.port = listener.socket.getsockname()[1]
            nursery.start_soon(trio.serve_listeners, relay, [listener])
            yield
            nursery.cancel_scope.cancel()

    async def _carry(self, source: trio.SocketStream, sink: trio.SocketStream, delay_s: float) -> None:
        """Carry one direction; each chunk arrives its delay after it was read, in order."""
        send, receive = trio.open_memory_channel[tuple[float, bytes]](math.inf)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._deliver, receive, sink)
            async with send:
                with suppress(*_GONE):
                    async for chunk in source:
                        send.send_nowait((trio.current_time() + delay_s, bytes(chunk)))

    async def _deliver(self, chunks: trio.MemoryReceiveChannel[tuple[float, bytes]], sink: trio.SocketStream) -> None:
        with suppress(*_GONE):
            async for at_s, chunk in chunks:
                await trio.sleep_until(at_s)
                if not self._is_cut:
                    await sink.send_all(chunk)
            if not self._is_cut:
                await sink.send_eof()
