"""A server's side of the opening handshake (RFC 6455, 4.2), without I/O: bytes in, and the bytes that answer them."""

from __future__ import annotations

import base64
import hashlib
from http import HTTPStatus

import h11

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_PLAIN_TEXT = (b"Content-Type", b"text/plain")


class NoUpgrade(Exception):
    """A request that does not ask for a WebSocket; ``answer`` are the bytes of the response."""

    def __init__(self, why: str, answer: bytes) -> None:
        super().__init__(why)
        self.answer = answer


class Upgrade:
    """The handshake of one connection. h11 bounds the memory for a request that never ends (16 KiB)."""

    __slots__ = ("_http", "_request")

    def __init__(self) -> None:
        self._http = h11.Connection(h11.SERVER)
        self._request: h11.Request | None = None

    def receive(self, data: bytes) -> bool:
        """Return whether the request is whole, so that it can be accepted or refused.

        Raises:
            NoUpgrade: It asks for no upgrade.
            RemoteProtocolError: It breaks HTTP.
        """
        try:
            self._http.receive_data(data)
            while not isinstance(event := self._http.next_event(), h11.EndOfMessage):
                if event is h11.NEED_DATA:
                    return False
                if not isinstance(event, h11.Request):
                    raise h11.RemoteProtocolError("a request with a body", 400)
                self._request = event
        except h11.RemoteProtocolError as error:
            raise NoUpgrade(str(error), self._error(error.error_status_hint, str(error))) from None
        assert self._request is not None
        if fault := _fault(self._request):
            raise NoUpgrade(fault, self._error(426, f"this is a WebSocket server: {fault}"))
        return True

    @property
    def rest(self) -> bytes:
        """Return the bytes that a client has sent after its request."""
        return self._http.trailing_data[0]

    def accept(self) -> bytes:
        """Return the bytes of the acceptance, with the first of the proposed subprotocols."""
        assert self._request is not None
        digest = hashlib.sha1(_header(self._request, b"sec-websocket-key") + _GUID, usedforsecurity=False).digest()
        headers = [
            (b"Upgrade", b"websocket"),
            (b"Connection", b"Upgrade"),
            (b"Sec-WebSocket-Accept", base64.b64encode(digest)),
        ]
        if proposed := _words(self._request, b"sec-websocket-protocol"):
            headers.append((b"Sec-WebSocket-Protocol", proposed[0]))
        reason = HTTPStatus.SWITCHING_PROTOCOLS.phrase.encode()
        answer = self._http.send(h11.InformationalResponse(status_code=101, headers=headers, reason=reason))
        assert answer is not None
        return answer

    def refuse(self, status: int, body: bytes) -> bytes:
        if status == HTTPStatus.NOT_MODIFIED:  # has none
            body = b""
        headers = [_PLAIN_TEXT, (b"Content-Length", str(len(body)).encode()), (b"Connection", b"close")]
        if status == HTTPStatus.UPGRADE_REQUIRED:
            headers += [(b"Upgrade", b"websocket"), (b"Sec-WebSocket-Version", b"13")]
        reason = HTTPStatus(status).phrase.encode() if status in set(HTTPStatus) else b""
        events = (
            h11.Response(status_code=status, headers=headers, reason=reason),
            h11.Data(data=body),
            h11.EndOfMessage(),
        )
        return b"".join(self._http.send(event) or b"" for event in events)

    def _error(self, status: int, why: str) -> bytes:
        return (
            self.refuse(status, f"{why}\n".encode()) if self._http.our_state in (h11.IDLE, h11.SEND_RESPONSE) else b""
        )


def _fault(request: h11.Request) -> str | None:
    if request.method != b"GET" or request.http_version != b"1.1":
        return "an upgrade is GET and HTTP/1.1"
    if b"websocket" not in [word.lower() for word in _words(request, b"upgrade")]:
        return "no Upgrade: websocket"
    if b"upgrade" not in [word.lower() for word in _words(request, b"connection")]:
        return "no Connection: Upgrade"
    if _header(request, b"sec-websocket-version") != b"13":
        return "no Sec-WebSocket-Version: 13"
    return None if _header(request, b"sec-websocket-key") else "no Sec-WebSocket-Key"


def _words(request: h11.Request, name: bytes) -> list[bytes]:
    return [word for word in map(bytes.strip, _header(request, name).split(b",")) if word]


def _header(request: h11.Request, name: bytes) -> bytes:
    """Return the values of all headers with this name, joined."""
    return b",".join(value for each, value in request.headers if each == name)
