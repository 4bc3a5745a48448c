"""A server's end of a WebSocket, written by hand so that it can be wrong in every way.

Frames are bytes that a test can read; nothing here checks that what it sends makes sense. Bounded: a request's head, a frame
and the number of connections.
"""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import msgspec
import trio

from loadws.transport.background import background
from loadws.transport.base import close_payload
from loadws.transport.opening.upgrade_response import accept_for

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
MOST_HEAD_BYTES = 64 * 1024
MOST_FRAME_BYTES = 64 * 1024 * 1024
MOST_CONNECTIONS = 10_000
#: What reading and writing raise where the client has gone away.
GONE = (EOFError, trio.BrokenResourceError, trio.ClosedResourceError)


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, reserved: int = 0) -> bytes:
    """A frame as servers send them, without a mask; ``reserved`` are the three bits beside FIN (RFC 6455, 5.2)."""
    head = bytes([fin << 7 | reserved << 4 | opcode])
    if len(payload) < 126:
        return head + bytes([len(payload)]) + payload
    if len(payload) < 1 << 16:
        return head + struct.pack("!BH", 126, len(payload)) + payload
    return head + struct.pack("!BQ", 127, len(payload)) + payload


def close_frame(code: int | None, reason: str = "") -> bytes:
    return frame(CLOSE, close_payload(code, reason))


class Request(msgspec.Struct, frozen=True):
    """``target`` is the path with its query; the names of headers are in lower case."""

    target: str
    headers: dict[str, str]


class RawConnection:
    """One accepted TCP (or TLS) connection."""

    def __init__(self, stream: trio.abc.Stream, tcp: trio.SocketStream) -> None:
        self._stream = stream
        self._tcp = tcp
        self._buffer = bytearray()
        self._writing = trio.StrictFIFOLock()

    @property
    def peer(self) -> Any:
        """The client's address, as its family of sockets has it."""
        return self._tcp.socket.getpeername()

    async def send(self, data: bytes) -> None:
        async with self._writing:
            await self._stream.send_all(data)

    async def read_request(self) -> Request:
        """Raises EOFError where the client closes first."""
        while b"\r\n\r\n" not in self._buffer:
            await self._read_more(MOST_HEAD_BYTES)
        head, _, rest = bytes(self._buffer).partition(b"\r\n\r\n")
        self._buffer[:] = rest
        first, *lines = head.decode("latin-1").split("\r\n")
        fields = (line.partition(":") for line in lines)
        return Request(first.split(" ")[1], {name.lower(): value.strip() for name, _, value in fields})

    async def accept(
        self, request: Request | None = None, headers: tuple[tuple[str, str], ...] = (), with_it: bytes = b""
    ) -> None:
        """The handshake as it should be; reads the request where it is not given. ``with_it`` goes in the same write."""
        if request is None:
            request = await self.read_request()
        accept = accept_for(request.headers["sec-websocket-key"].encode()).decode()
        rows = (("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", accept), *headers)
        await self.send(response("101 Switching Protocols", rows) + with_it)

    async def read_frame(self) -> tuple[int, bytes]:
        """Opcode and unmasked payload of the next frame, for clients that do not fragment. Raises EOFError."""
        await self._have(2)
        opcode, length, at = self._buffer[0] & 15, self._buffer[1] & 127, 2
        if length > 125:
            width = 2 if length == 126 else 8
            await self._have(at + width)
            length, at = int.from_bytes(self._buffer[at : at + width], "big"), at + width
        await self._have(at + 4 + length)
        mask = bytes(self._buffer[at : at + 4]) * (length // 4 + 1)
        masked = self._buffer[at + 4 : at + 4 + length]
        del self._buffer[: at + 4 + length]
        unmasked = int.from_bytes(masked, "big") ^ int.from_bytes(mask[:length], "big")
        return opcode, unmasked.to_bytes(length, "big")

    async def read_until_close(self) -> bytes:
        """Reads frames up to a close frame, and returns its payload."""
        while True:
            opcode, payload = await self.read_frame()
            if opcode == CLOSE:
                return payload

    async def read_some(self) -> bytes:
        return bytes(await self._stream.receive_some())

    async def read_exactly(self, size: int) -> bytes:
        """Raises EOFError where the client closes first."""
        await self._have(size)
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    async def read_to_the_end(self) -> None:
        """Reads until the client has closed TCP."""
        while await self._stream.receive_some():
            pass

    @property
    def client_name(self) -> str | None:
        """The common name that the client's certificate proved; None where there was none."""
        certificate = self._stream.getpeercert() if isinstance(self._stream, trio.SSLStream) else None
        parts = (part for row in (certificate or {}).get("subject", ()) for part in row)
        return next((value for key, value in parts if key == "commonName"), None)

    def reset(self) -> None:
        """Closes TCP with RST."""
        self._tcp.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._tcp.socket.close()

    def cut(self) -> None:
        """Closes TCP with FIN."""
        self._tcp.socket.close()

    async def _have(self, size: int) -> None:
        while len(self._buffer) < size:
            await self._read_more(MOST_FRAME_BYTES)

    async def _read_more(self, most: int) -> None:
        data = await self._stream.receive_some()
        if not data or len(self._buffer) > most:
            raise EOFError
        self._buffer += data


def response(status: str, headers: tuple[tuple[str, str], ...] = (), body: bytes = b"") -> bytes:
    head = "".join(f"{name}: {value}\r\n" for name, value in headers)
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode("latin-1") + body


Handler = Callable[[RawConnection], Awaitable[None]]


@asynccontextmanager
async def serve(handler: Handler, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> AsyncIterator[str]:
    """Runs the handler for each connection on a free port of ``host``, and yields ``127.0.0.1:PORT``.

    A client that goes away ends its handler and is no error; a connection is closed when its handler returns.
    """
    left = MOST_CONNECTIONS

    async def handle(tcp: trio.SocketStream) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise RuntimeError(f"more than {MOST_CONNECTIONS} connections: no test needs so many")
        stream = trio.SSLStream(tcp, tls, server_side=True, https_compatible=True) if tls else tcp
        async with stream:
            with suppress(*GONE):
                await handler(RawConnection(stream, tcp))

    async with background() as nursery:
        listeners = await trio.open_tcp_listeners(0, host=host, backlog=1000)
        nursery.start_soon(trio.serve_listeners, handle, listeners)
        yield f"{host}:{listeners[0].socket.getsockname()[1]}"
