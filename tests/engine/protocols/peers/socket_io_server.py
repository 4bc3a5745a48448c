# mypy: ignore-errors
# It runs in a Python of its own, with libraries that loadws does not need.
"""PyPI python-socketio on aiohttp: the same server as that of npm socket.io."""

from __future__ import annotations

import asyncio

import socketio
from aiohttp import web

server = socketio.AsyncServer(async_mode="aiohttp", ping_interval=0.3, ping_timeout=2)


@server.on("connect", namespace="/chat")
async def connect(sid, environ, auth):
    """Refuse a client without a token."""
    return bool(auth and auth.get("token"))


@server.on("add", namespace="/chat")
async def add(sid, one, other):
    """Acknowledge with a sum."""
    return one + other


@server.on("join", namespace="/chat")
async def join(sid, room):
    """Welcome with binary data."""
    await server.emit("welcome", (room, bytes([1, 2, 3])), to=sid, namespace="/chat")


@server.on("twice", namespace="/chat")
async def twice(sid, blob):
    """Acknowledge with binary data."""
    return blob + blob


@server.on("call_me", namespace="/chat")
async def call_me(sid):
    """Ask the client for an acknowledgement."""
    asked = asyncio.get_running_loop().create_future()
    await server.emit("hello", "loadws", to=sid, namespace="/chat", callback=asked.set_result)
    return await asked


async def main():
    """Serve until the process is ended."""
    app = web.Application()
    server.attach(app)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
