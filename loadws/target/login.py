"""``--login PATH``: a POST there gives a token, and an upgrade without it is refused with 401.

::

    POST /login  {"user": "anna"}   ->  200 {"user": "anna", "token": "…"}, Set-Cookie: session=…

The token may come back as ``Authorization: Bearer …`` or as the cookie. It is the user's name and a hash of it with the
target's seed, so the target does not store which users have logged in.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable
from typing import Any

import msgspec
import trio

COOKIE = "session"
#: The largest size of a request to log in, or of the head of an upgrade, in bytes.
LONGEST_HEAD = 64 * 1024
_SEPARATOR = b"\r\n\r\n"


class Begun(trio.abc.Stream):
    """A stream of which some first bytes were read already: a read returns these first."""

    def __init__(self, stream: trio.abc.Stream, first: bytes) -> None:
        self._stream = stream
        self._first = first

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        if not self._first:
            return bytes(await self._stream.receive_some(max_bytes))
        await trio.lowlevel.checkpoint()
        given, self._first = self._first[:max_bytes], b"" if max_bytes is None else self._first[max_bytes:]
        return given

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        await self._stream.aclose()


async def answer_login(stream: trio.abc.Stream, path: str, seed: int) -> Begun | int:
    """Read the head of a request, and answer one for a token.

    Return the status of the answer, or the stream as it was if more than a token is asked for.

    Raises:
        ValueError: The head is too long or ends early.
    """
    received = await _until(stream, b"", lambda data: _SEPARATOR in data)
    head, _, body = received.partition(_SEPARATOR)
    method, _, rest = head.partition(b"\r\n")[0].decode("latin-1").partition(" ")
    if method != "POST" or rest.partition(" ")[0].partition("?")[0] != path:
        return Begun(stream, received)
    length = _length(head)
    body = await _until(stream, body, lambda data: len(data) >= length)
    status, answer = _answer(body[:length], seed)
    await stream.send_all(answer)
    return status


async def _until(stream: trio.abc.Stream, data: bytes, is_whole: Any) -> bytes:
    while not is_whole(data):
        chunk = await stream.receive_some()
        if not chunk or len(data) + len(chunk) > LONGEST_HEAD:
            raise ValueError("no whole request")
        data += chunk
    return data


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            return min(int(value), LONGEST_HEAD + 1)
    return 0


def _answer(body: bytes, seed: int) -> tuple[int, bytes]:
    try:
        user = str(msgspec.json.decode(body, type=dict[str, Any])["user"])
    except (msgspec.DecodeError, KeyError):
        return 400, _response("400 Bad Request", {"error": 'log in with {"user": name}'})
    token = token_of(user, seed)
    cookie = f"Set-Cookie: {COOKIE}={token}; Path=/; HttpOnly\r\n"
    return 200, _response("200 OK", {"user": user, "token": token}, cookie)


def _response(status: str, content: dict[str, str], more: str = "") -> bytes:
    body = msgspec.json.encode(content)
    kind = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return f"HTTP/1.1 {status}\r\n{kind}{more}Connection: close\r\n\r\n".encode() + body


# -- tokens -----------------------------------------------------------------------------------------------------------


def token_of(user: str, seed: int) -> str:
    name = base64.urlsafe_b64encode(user.encode("utf-8", "replace")).decode().rstrip("=")
    return f"{name}.{_hash(name, seed)}"


def is_logged_in(headers: Iterable[tuple[bytes, bytes]], seed: int) -> bool:
    """Return whether the upgrade's headers have a token of this target."""
    return any(_is_token(token, seed) for name, value in headers for token in _tokens(name, value.decode("latin-1")))


def _tokens(name: bytes, value: str) -> Iterable[str]:
    match name.lower():
        case b"authorization":
            scheme, _, token = value.partition(" ")
            return (token.strip(),) if scheme.lower() == "bearer" else ()
        case b"cookie":
            pairs = (pair.strip().partition("=") for pair in value.split(";"))
            return (token for key, _, token in pairs if key == COOKIE)
    return ()


def _is_token(token: str, seed: int) -> bool:
    name, _, mac = token.partition(".")
    return bool(name) and hmac.compare_digest(mac.encode(), _hash(name, seed).encode())


def _hash(name: str, seed: int) -> str:
    return hashlib.blake2b(name.encode(), key=seed.to_bytes(8), digest_size=16).hexdigest()
