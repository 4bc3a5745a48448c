"""The opening handshake (RFC 6455, 4.1): send the request over any stream, and read until the answer is judged."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable

import trio

from loadws.transport.base import ConnectFailed, ConnectRequest, HandshakeRefused
from loadws.transport.codec.negotiation import offer
from loadws.transport.net.tcp import READ_SIZE
from loadws.transport.opening.http_request import header_bytes, host_and_headers
from loadws.transport.opening.upgrade_response import BODY_PATIENCE_S, Answer, Shape
from loadws.transport.url import Url

#: Stands for the key: HTTP allows it in no header, and it is encoded in a request-target.
_KEY = b"\0"

Trace = Callable[[str, bytes], None]


def upgrade_request(request: ConnectRequest, url: Url, key: bytes) -> bytes:
    """Return the bytes of the request. ``checked_url`` has made sure that no value can break a line."""
    host, headers = host_and_headers(request, url)
    offered = [(b"Sec-WebSocket-Protocol", ", ".join(request.subprotocols).encode())] if request.subprotocols else []
    wanted = request.compression
    extensions = [(b"Sec-WebSocket-Extensions", offer(wanted).encode())] if wanted is not None else []
    rows = [
        (b"Host", header_bytes(host)),
        (b"Upgrade", b"websocket"),
        (b"Connection", b"Upgrade"),
        (b"Sec-WebSocket-Key", key),
        (b"Sec-WebSocket-Version", b"13"),
        *offered,
        *extensions,
        *headers,
    ]
    lines = b"".join(b"%b: %b\r\n" % row for row in rows)
    return b"GET %b HTTP/1.1\r\n%b\r\n" % (url.target.encode(), lines)


class Question:
    """What is the same in every upgrade that one request asks for."""

    __slots__ = ("_after", "_before", "_is_plain", "_shape", "request", "url")

    def __init__(self, request: ConnectRequest, url: Url) -> None:
        self.request = request
        self.url = url
        self._is_plain = not url.secure and url.unix_path is None
        self._before, _, self._after = upgrade_request(request, url, _KEY).partition(_KEY)
        self._shape = Shape()

    def upgrade(self) -> Upgrade:
        """Return a new upgrade, with a key of its own."""
        key = base64.b64encode(os.urandom(16))
        request = self.request
        answer = Answer(
            key,
            request.subprotocols,
            request.compression,
            follows=request.redirects > 0,
            is_plain=self._is_plain,
            shape=self._shape,
        )
        return Upgrade(b"%b%b%b" % (self._before, key, self._after), answer)


class Upgrade:
    """One request for an upgrade and its answer. ``data`` is the request; ``is_asked``: it has been written."""

    __slots__ = ("answer", "data", "is_asked")

    def __init__(self, data: bytes, answer: Answer) -> None:
        self.data = data
        self.is_asked = False
        self.answer = answer

    async def run(self, stream: trio.abc.Stream, scope: trio.CancelScope, trace: Trace) -> None:
        """Send the request, and return when a good 101 has come.

        The body of a refusal shortens ``scope``. ``trace`` is called with the bytes of both sides.

        Raises:
            HandshakeRefused: The response was no good 101.
            ConnectFailed: No response came.
        """
        await self._ask(stream)
        trace("request", self.data)
        passed = None
        while passed is None:
            try:
                data = bytes(await stream.receive_some(READ_SIZE))
            except trio.BrokenResourceError:
                data = b""
            trace("response", data.partition(b"\r\n\r\n")[0])
            passed = self.answer.feed(data)
            if self.answer.head_has_come:
                scope.deadline = min(scope.deadline, trio.current_time() + BODY_PATIENCE_S)

    def out_of_time(self) -> ConnectFailed | HandshakeRefused:
        """Return the exception to raise where the attempt's deadline came first."""
        if not self.is_asked:
            return ConnectFailed("upgrade", "timeout", "the request for the upgrade could not be written in time")
        return self.answer.out_of_time()

    async def _ask(self, stream: trio.abc.Stream) -> None:
        try:
            await stream.send_all(self.data)
        except trio.BrokenResourceError as error:
            raise ConnectFailed(
                "upgrade", "closed", f"TCP was closed before the request was written: {error}"
            ) from error
        self.is_asked = True
