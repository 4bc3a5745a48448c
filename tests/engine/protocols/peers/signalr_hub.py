# mypy: ignore-errors
# It runs in a Python of its own, with libraries that loadws does not need.
"""PyPI aiosignalr: a hub of SignalR with a method, a stream, and a broadcast."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from aiohttp import web
from aiosignalr.server import Hub, ServerOptions, SignalRServer
from aiosignalr.server.aiohttp_server import build_aiohttp_app


class Numbers(Hub):
    """A hub."""

    async def add(self, one: int, other: int) -> int:
        """Add two numbers."""
        return one + other

    async def shout(self, text: str) -> None:
        """Send a text to all."""
        await self.clients.all_.send("heard", text)

    async def ticks(self) -> AsyncIterator[int]:
        """Count, 50 times per second."""
        for number in range(1000):
            await asyncio.sleep(0.02)
            yield number


async def main() -> None:
    """Serve until the process is ended."""
    server = SignalRServer(Numbers, options=ServerOptions(keep_alive_interval=0.2))
    runner = web.AppRunner(build_aiohttp_app(server))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
