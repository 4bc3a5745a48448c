"""Connections in, requests to a handler, answers out. Everything that a browser may cost is bounded.

The number of connections, the size of a request's head and its time are limited; requests have no body and only read.
"""

from __future__ import annotations

import errno
import traceback
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from pathlib import Path

import h11
import trio

from loadws.terms.errors import UsageError
from loadws.web.dialogue import Answer, Asked, Body, Handler, text
from loadws.web.visitors import refusal

MOST_CONNECTIONS = 64
MOST_HEAD_BYTES = 16 * 1024
#: For how many seconds a connection may be without a request, and a browser may take no byte of an answer.
IDLE_S, STUCK_S = 60.0, 30.0
_READ_OUT_S = 1.0
_METHODS = (b"GET", b"HEAD")
_READ_BYTES, _PIECE_BYTES = 4 * 1024, 64 * 1024
_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
#: Takes over a connection that asks for a WebSocket: its stream, which begins with the bytes of the request.
Upgrade = Callable[[trio.abc.Stream], Awaitable[None]]


async def open_listeners(host: str, port: int) -> list[trio.SocketListener]:
    """Return listening sockets.

    Raises:
        UsageError: The port is busy, or the address is not this machine's.
    """
    try:
        return await trio.open_tcp_listeners(port, host=host)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            advice = f"stop what listens there, or name another port: --listen {host}:0 takes a free one"
        else:
            advice = "name an address of this machine: 127.0.0.1:8089"
        raise UsageError(f"{host}:{port} cannot be listened on: {error.strerror or error}", advice) from error


def port_of(listeners: list[trio.SocketListener]) -> int:
    """Return the port that listeners have."""
    port: int = listeners[0].socket.getsockname()[1]
    return port


async def serve(listeners: list[trio.SocketListener], handler: Handler, upgrade: Upgrade | None = None) -> None:
    """Serve until it is cancelled. ``upgrade`` takes requests for WebSockets; without it they are refused."""
    port, room = port_of(listeners), trio.CapacityLimiter(MOST_CONNECTIONS)

    async def serve_one(stream: trio.SocketStream) -> None:
        try:
            room.acquire_nowait()
        except trio.WouldBlock:
            return  # closed at once: what is open takes all there is
        try:
            await _Visit(stream, handler, upgrade, port).run()
        finally:
            room.release()

    await trio.serve_listeners(serve_one, listeners)


class _Visit:
    """One connection of a browser."""

    def __init__(self, stream: trio.SocketStream, handler: Handler, upgrade: Upgrade | None, port: int) -> None:
        self._stream = stream
        self._handler = handler
        self._upgrade = upgrade
        self._port = port
        self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=MOST_HEAD_BYTES)
        self._read = bytearray()  # of the present request, for a WebSocket that begins with it

    async def run(self) -> None:
        """Answer requests until the browser leaves. What is wrong with a connection ends it, and nothing else."""
        try:
            while await self._one():
                self._h11.start_next_cycle()
                self._read.clear()
        except (h11.ProtocolError, trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError, OSError):
            pass
        finally:
            with trio.move_on_after(1) as leaving:
                leaving.shield = True
                await self._stream.aclose()

    async def _one(self) -> bool:
        """Answer one request; return whether there may be another.

        A method that only a body could follow is refused before its body is read.
        """
        try:
            with trio.fail_after(IDLE_S):
                request = await self._request()
        except h11.RemoteProtocolError as error:
            await self._send(text(f"This is no request: {error}.", error.error_status_hint), is_head=False)
            await self._read_out()
            return False
        if request is None:
            return False
        why = refusal(request.headers, self._port)
        if why is None and self._upgrade is not None and _asks_for_websocket(request):
            await self._upgrade(_Replayed(self._stream, bytes(self._read)))
            return False
        answer = text(why, 403) if why else await self._answer(request)
        await self._send(answer, is_head=request.method == b"HEAD")
        if self._h11.their_state is not h11.DONE:
            await self._read_out()
            return False
        return self._h11.our_state is h11.DONE

    async def _request(self) -> h11.Request | None:
        """Return the next request; None where the browser has left. One that only asks is read whole.

        Raises:
            h11.RemoteProtocolError: What came is no request, or asks with a body.
        """
        request: h11.Request | None = None
        while True:
            event = self._h11.next_event()
            if event is h11.NEED_DATA:
                data = await self._stream.receive_some(_READ_BYTES)
                self._read += data
                self._h11.receive_data(bytes(data))
            elif isinstance(event, h11.Request):
                request = event
                if _asks_for_websocket(event) or event.method not in _METHODS:
                    return request
            elif isinstance(event, h11.Data):
                raise h11.RemoteProtocolError("a request here has no body", error_status_hint=413)
            elif isinstance(event, h11.EndOfMessage):
                return request
            else:
                return None

    async def _read_out(self) -> None:
        """Read for a moment what still comes: to close before would take the answer from the browser."""
        await self._stream.send_eof()
        with trio.move_on_after(_READ_OUT_S):
            while await self._stream.receive_some(_PIECE_BYTES):
                pass

    async def _answer(self, request: h11.Request) -> Answer:
        if request.method not in _METHODS:
            return Answer(
                b"This server only shows.\n", "text/plain", 405, headers={"Allow": "GET, HEAD", "Connection": "close"}
            )
        try:
            asked = Asked.of(request.target.decode("ascii"))
        except ValueError:
            return text("This address cannot be read.", 400)
        try:
            return await self._handler(asked)
        except Exception as error:  # one page less, and not all of them
            traceback.print_exception(error)
            return text(
                f"This page cannot be made ({type(error).__name__}): a defect of loadws. Please report it.", 500
            )

    async def _send(self, answer: Answer, is_head: bool) -> None:
        body, length = answer.body, None
        if not callable(body):
            length = body.stat().st_size if isinstance(body, Path) else len(body)
        headers = [("Content-Type", answer.kind), ("Content-Security-Policy", answer.policy), *_ALWAYS.items()]
        headers += [*answer.headers.items(), *([("Content-Length", str(length))] if length is not None else [])]
        await self._write(h11.Response(status_code=answer.status, headers=headers))
        if not is_head:
            await self._send_body(body, length or 0)
        await self._write(h11.EndOfMessage())

    async def _send_body(self, body: Body, length: int) -> None:
        if isinstance(body, bytes):
            await self._write(h11.Data(data=body))
            return
        async with aclosing(_pieces_of(body, length) if isinstance(body, Path) else body()) as pieces:
            async for piece in pieces:
                await self._write(h11.Data(data=piece))

    async def _write(self, event: h11.Event) -> None:
        data = self._h11.send(event)
        if data:
            with trio.fail_after(STUCK_S):
                await self._stream.send_all(data)


async def _pieces_of(file: Path, length: int) -> AsyncGenerator[bytes, None]:
    """Yield a file in pieces, up to ``length``: a file that grows is cut at the length that was announced."""
    async with await trio.open_file(file, "rb") as opened:
        while length and (piece := await opened.read(min(_PIECE_BYTES, length))):
            length -= len(piece)
            yield piece


def _asks_for_websocket(request: h11.Request) -> bool:
    return any(name == b"upgrade" and value.lower() == b"websocket" for name, value in request.headers)


class _Replayed(trio.abc.Stream):
    """A stream whose first bytes were already read, and are read again."""

    def __init__(self, stream: trio.SocketStream, first: bytes) -> None:
        self._stream = stream
        self._first = first

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """Return the bytes that were read before, then those that come."""
        if self._first:
            most = len(self._first) if max_bytes is None else max_bytes
            first, self._first = self._first[:most], self._first[most:]
            await trio.lowlevel.checkpoint()
            return first
        return await self._stream.receive_some(max_bytes)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send bytes on the stream."""
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """Wait as the stream does."""
        await self._stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        """Close the stream."""
        await self._stream.aclose()
