"""Ways to a server other than a name of the public resolver: a unix socket, IPv6, names with given addresses."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import trio

from loadws.terms.transports import NAMES
from loadws.transport.background import background
from loadws.transport.base import ConnectFailed, Network, Outgoing
from loadws.transport.platform import MEANS
from tests.kit.raw import GONE, RawConnection, Request, serve
from tests.transport.talk import PATIENCE_S, Notes, connected, opened


class _Echo:
    """Opens what is asked, echoes, and notes who asked what."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.peers = Notes()

    async def __call__(self, connection: RawConnection) -> None:
        self.requests.append(await connection.read_request())
        self.peers.note(connection.peer)
        await connection.accept(self.requests[-1])
        while True:
            opcode, payload = await connection.read_frame()
            await connection.send(bytes([0x80 | opcode, len(payload)]) + payload)


@asynccontextmanager
async def _listening_at(
    listening: socket.socket, handler: Callable[[RawConnection], Awaitable[None]]
) -> AsyncIterator[None]:
    async def handle(stream: trio.SocketStream) -> None:
        async with stream:
            with suppress(*GONE):
                await handler(RawConnection(stream, stream))

    listening.listen()
    async with background() as nursery:
        listener = trio.SocketListener(trio.socket.from_stdlib_socket(listening))
        nursery.start_soon(trio.serve_listeners, handle, [listener])
        yield


async def _talk(name: str, url: str, **request: Any) -> None:
    async with opened(name) as connector:
        connection, listener = await connected(connector, url, **request)
        await connection.send("hello", Outgoing())
        with trio.fail_after(PATIENCE_S):
            await listener.messages_come(1)
        assert listener.messages == ["hello"]
        assert connection.timings.dns_ns is None
        await connection.close()


@pytest.mark.skipif(not MEANS.unix_sockets, reason="this platform has no unix sockets")
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("rest", "target"),
    [
        (":/chat?room=1", "/chat?room=1"),
        (":/", "/"),
        ("", "/"),  # no path is the root
        (":?room=1", "/?room=1"),
    ],
)
def test_a_unix_socket(name: str, rest: str, target: str, tmp_path: Path) -> None:
    echo, path = _Echo(), tmp_path / "a b:c.sock"
    quoted = str(path).replace(" ", "%20").replace(":", "%3A")

    async def main() -> None:
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(path))
            async with _listening_at(listening, echo):
                # A proxy has no part in it.
                await _talk(name, f"ws+unix://{quoted}{rest}", proxy="http://127.0.0.1:1")

    trio.run(main)
    assert [(request.target, request.headers["host"]) for request in echo.requests] == [(target, "localhost")]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("host", "given", "said"),
    [
        ("[::1]", {}, "[::1]"),
        ("chat.test", {"chat.test": ("::1",)}, "chat.test"),
        # The first address refuses, the next one has its turn.
        ("chat.test", {"chat.test": ("127.0.0.1", "::1")}, "chat.test"),
    ],
)
def test_ipv6(name: str, host: str, given: dict[str, tuple[str, ...]], said: str) -> None:
    echo = _Echo()

    async def main() -> None:
        with socket.socket(socket.AF_INET6) as listening:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listening.bind(("::1", 0))
            port = listening.getsockname()[1]
            async with _listening_at(listening, echo):
                await _talk(name, f"ws://{host}:{port}/", network=Network(resolve=given))
            assert [request.headers["host"] for request in echo.requests] == [f"{said}:{port}"]

    trio.run(main)


@pytest.mark.skipif(not MEANS.late_ports, reason="127.0.0.2 is a loopback address on Linux only")
@pytest.mark.parametrize("name", NAMES)
def test_connections_come_from_the_source_addresses_in_turn(name: str) -> None:
    echo = _Echo()
    network = Network(source_addresses=("127.0.0.2", "127.0.0.3"))

    async def main() -> None:
        async with serve(echo) as address, opened(name) as connector:
            for _ in range(4):
                await connected(connector, f"ws://{address}/", network=network)
            peers = await echo.peers.come(4)
            assert [peer[0] for peer in peers] == ["127.0.0.2", "127.0.0.3", "127.0.0.2", "127.0.0.3"]

    trio.run(main)


@pytest.mark.parametrize("url", ["ws+unix://host/run/s:/", "ws+unix:///:/", "ws+unix:///run/"])
def test_a_unix_socket_that_is_not_named(url: str) -> None:
    async def main() -> None:
        async with opened("native") as connector:
            with pytest.raises(ConnectFailed, match="a unix socket is named by its whole path"):
                await connected(connector, url)

    trio.run(main)
