"""Proxies on loopback sockets: two that work and note the requests, others that each do one thing wrong."""

from __future__ import annotations

import base64
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field

import trio

from tests.kit.raw import GONE, Handler, RawConnection, response, serve

Proxy = AbstractAsyncContextManager[str]
#: Kinds of addresses in SOCKS 5 (RFC 1928, 5).
_IPV4, _NAME, _IPV6 = 1, 3, 4
_GRANTED = b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"


@dataclass(slots=True)
class Asked:
    """The requests that a proxy got: each ``host:port``, and the user."""

    targets: list[str] = field(default_factory=list)
    credentials: list[str | None] = field(default_factory=list)


@asynccontextmanager
async def http_proxy(
    asked: Asked, user_info: str | None = None, tls: ssl.SSLContext | None = None, to: str | None = None
) -> AsyncIterator[str]:
    """Open tunnels by CONNECT, for a client that sends ``user:password``. All of them lead to ``to``."""
    wanted = None if user_info is None else "Basic " + base64.b64encode(user_info.encode()).decode()

    async def handle(connection: RawConnection) -> None:
        request = await connection.read_request()
        asked.targets.append(request.target)
        asked.credentials.append(request.headers.get("proxy-authorization"))
        if asked.credentials[-1] != wanted:
            await connection.send(response("407 Proxy Authentication Required", (("Content-Length", "0"),)))
            return
        async with await _dial(to or request.target) as onward:
            await connection.send(response("200 Connection established"))
            await _relay(connection, onward)

    async with serve(handle, tls) as address:
        yield _url("https" if tls else "http", user_info, address)


@asynccontextmanager
async def socks_proxy(
    asked: Asked, user_info: str | None = None, scheme: str = "socks5h", to: str | None = None
) -> AsyncIterator[str]:
    """Open tunnels by SOCKS 5; without a user for every client."""

    async def handle(connection: RawConnection) -> None:
        _, methods = await connection.read_exactly(2)
        offered = await connection.read_exactly(methods)
        if user_info is None:
            await connection.send(b"\x05\x00")
            asked.credentials.append(None)
        elif 2 not in offered:
            await connection.send(b"\x05\xff")
            return
        elif not await _shows(connection, user_info, asked):
            return
        asked.targets.append(await _socks_target(connection))
        async with await _dial(to or asked.targets[-1]) as onward:
            await connection.send(_GRANTED)
            await _relay(connection, onward)

    async with serve(handle) as address:
        yield _url(scheme, user_info, address)


async def _shows(connection: RawConnection, user_info: str, asked: Asked) -> bool:
    await connection.send(b"\x05\x02")
    words = []
    await connection.read_exactly(1)
    for _ in range(2):
        (length,) = await connection.read_exactly(1)
        words.append((await connection.read_exactly(length)).decode())
    asked.credentials.append(":".join(words))
    fits = asked.credentials[-1] == user_info
    await connection.send(b"\x01\x00" if fits else b"\x01\x01")
    return fits


async def _socks_target(connection: RawConnection) -> str:
    _, _, _, kind = await connection.read_exactly(4)
    if kind == _NAME:
        (length,) = await connection.read_exactly(1)
        host = (await connection.read_exactly(length)).decode()
    elif kind == _IPV4:
        host = socket.inet_ntop(socket.AF_INET, await connection.read_exactly(4))
    else:
        host = f"[{socket.inet_ntop(socket.AF_INET6, await connection.read_exactly(16))}]"
    return f"{host}:{int.from_bytes(await connection.read_exactly(2))}"


async def _dial(target: str) -> trio.SocketStream:
    host, _, port = target.rpartition(":")
    return await trio.open_tcp_stream(host.strip("[]"), int(port))


async def _relay(connection: RawConnection, onward: trio.SocketStream) -> None:
    """Copy bytes until either side closes."""
    async with trio.open_nursery() as nursery:

        async def back() -> None:
            with suppress(*GONE):
                async for data in onward:
                    await connection.send(bytes(data))
            nursery.cancel_scope.cancel()

        nursery.start_soon(back)
        with suppress(*GONE):
            while data := await connection.read_some():
                await onward.send_all(data)
        nursery.cancel_scope.cancel()


def _url(scheme: str, user_info: str | None, address: str) -> str:
    return f"{scheme}://{user_info + '@' if user_info else ''}{address}"


# Those that do one thing wrong.


@asynccontextmanager
async def _at(handler: Handler, scheme: str) -> AsyncIterator[str]:
    async with serve(handler) as address:
        yield f"{scheme}://{address}"


@asynccontextmanager
async def nothing_listens(scheme: str) -> AsyncIterator[str]:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"{scheme}://127.0.0.1:{held.getsockname()[1]}"


def says_nothing(scheme: str) -> Proxy:
    """Read the request, and never answer."""

    async def handle(connection: RawConnection) -> None:
        await connection.read_to_the_end()

    return _at(handle, scheme)


def closes_at_once(scheme: str) -> Proxy:
    """Read something, and close TCP."""

    async def handle(connection: RawConnection) -> None:
        await connection.read_some()

    return _at(handle, scheme)


def answers(data: bytes, scheme: str) -> Proxy:
    """Answer any request with these bytes, and then send nothing."""

    async def handle(connection: RawConnection) -> None:
        await connection.read_some()
        await connection.send(data)
        await connection.read_to_the_end()

    return _at(handle, scheme)


def answers_in_turn(replies: tuple[bytes, ...], scheme: str) -> Proxy:
    """Send an answer for each read; after the last one only read."""

    async def handle(connection: RawConnection) -> None:
        for reply in replies:
            await connection.read_some()
            await connection.send(reply)
        await connection.read_to_the_end()

    return _at(handle, scheme)


def floods(scheme: str) -> Proxy:
    """Send a head that never ends."""

    async def handle(connection: RawConnection) -> None:
        await connection.read_some()
        await connection.send(b"HTTP/1.1 200 OK\r\n")
        while True:
            await connection.send(b"X-More: of it\r\n" * 100)

    return _at(handle, scheme)
