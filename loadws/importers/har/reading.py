"""A HAR file -> ``Recording``. Every known spelling of WebSocket messages is read here, and nowhere else.

The archive (HAR 1.2) has no place for messages. Chrome writes ``_webSocketMessages``, with seconds since 1970 and base64 for
binary messages; mitmproxy, HTTP Toolkit, Proxyman and Playwright do the same with small differences: milliseconds, names of
opcodes, ``http://`` in place of ``ws://``, ``_webSocketClose``.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

from loadws.importers.har.places import Lines, Torn, elements, member, members, skip_blanks, value_at
from loadws.importers.har.recording import BINARY, CLOSE, ERROR, PING, PONG, TEXT, Exchange, Frame, Recording, Socket
from loadws.importers.notes import ImportFailed, Notes

_LISTS = (
    "_webSocketMessages",
    "webSocketMessages",
    "_websocketMessages",
    "_webSocketFrames",
    "_wsMessages",
    "_messages",
)
_SENT = frozenset("send sent out outgoing outbound request client upload client-to-server true".split())
_RECEIVED = frozenset(
    "receive received recv in incoming inbound response server download server-to-client false".split()
)
_OPCODES = {
    "text": TEXT,
    "binary": BINARY,
    "close": CLOSE,
    "ping": PING,
    "pong": PONG,
    "error": ERROR,
    "continuation": 0,
}
_NOT_HAR = "export it again as HAR: in Chrome's Network panel, right-click, Save all as HAR with content"
#: Times above this are milliseconds: in seconds it would be the year 5138.
_LEAST_MILLISECONDS = 1e11


def read_har(content: bytes, path: Path, notes: Notes) -> Recording:
    """Return what the file holds. Raises ``ImportFailed``, with the place, for a file that is no HAR."""
    return _Reader(_text(content, path), path, notes).recording()


def _text(content: bytes, path: Path) -> str:
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise ImportFailed(f"{path}: byte {error.start} is not UTF-8, so this is no HAR file", _NOT_HAR) from None


class _Reader:
    """One file on its way to a recording."""

    def __init__(self, text: str, path: Path, notes: Notes) -> None:
        self._text, self._path, self._notes = text, path, notes
        self._lines = Lines(text)

    def recording(self) -> Recording:
        program, entries_at = self._head()
        sockets: list[Socket] = []
        exchanges: list[Exchange] = []
        for entry, at in self._entries(entries_at):
            self._entry(entry, at, sockets, exchanges)
        if not sockets:
            line = self._lines.line(entries_at)
            advice = "record the page while its WebSocket opens: open the Network panel first, then load the page"
            raise ImportFailed(f"{self._path}:{line}: there is no WebSocket in this recording", advice)
        return Recording(program, tuple(sockets), tuple(exchanges))

    def _head(self) -> tuple[str, int]:
        """Return the program that wrote the file, and where its entries begin."""
        try:
            log_at = member(self._text, skip_blanks(self._text, 0), "log")
            if log_at is None:
                self._fail(0, "there is no `log`, so this is no HAR file")
            return self._log(log_at)
        except Torn as error:
            self._fail(error.offset, f"this is no HAR file: {error.reason}")

    def _log(self, log_at: int) -> tuple[str, int]:
        program = ""
        for key, at in members(self._text, log_at):
            if key == "creator":
                program = _creator(value_at(self._text, at)[0])
            elif key == "entries" and self._text[at : at + 1] == "[":
                return program or self._creator_behind(at), at
            elif key == "entries":
                self._fail(at, "`entries` is not a list, so this is no HAR file")
        return self._fail(log_at, "there are no `entries`, so this is no HAR file")

    def _creator_behind(self, entries_at: int) -> str:
        """Return the program where ``creator`` stands behind the entries; empty where it is not to be found."""
        at = self._text.rfind('"creator"')
        colon = self._text.find(":", at)
        if at < entries_at or colon < 0:
            return ""
        try:
            return _creator(value_at(self._text, skip_blanks(self._text, colon + 1))[0])
        except Torn:
            return ""

    def _entries(self, at: int) -> Iterator[tuple[Any, int]]:
        """Yield the entries. Those before the place where a file was torn are kept."""
        count = 0
        try:
            for entry, start in elements(self._text, at):
                count += 1
                yield entry, start
        except Torn as error:
            if not count:
                self._fail(error.offset, f"the file breaks off within its first entry: {error.reason}")
            text = f"the file breaks off within entry {count + 1} ({error.reason}); the {count} before it were read"
            self._notes.loss(self._lines.line(error.offset), text)

    def _fail(self, offset: int, message: str) -> NoReturn:
        place = f"{self._path}:{self._lines.line(offset)}:{self._lines.column(offset)}"
        raise ImportFailed(f"{place}: {message}", _NOT_HAR)

    # -- one entry

    def _entry(self, entry: Any, at: int, sockets: list[Socket], exchanges: list[Exchange]) -> None:
        line = self._lines.line(at)
        exchange = _exchange(entry, line)
        if exchange is None:
            self._notes.loss(line, "this entry has no request with an address, so it was left out")
            return
        spelling = next((key for key in _LISTS if isinstance(entry.get(key), list)), None)
        if spelling is None and not _is_socket(entry, exchange):
            exchanges.append(exchange)
            return
        frames = tuple(sorted(self._frames(at, spelling), key=lambda frame: frame.at_s)) if spelling else ()
        sockets.append(Socket(exchange, frames, spelling is not None, _close_code(entry)))

    def _frames(self, entry_at: int, spelling: str) -> Iterator[Frame]:
        messages_at = member(self._text, entry_at, spelling)
        assert messages_at is not None
        for message, at in elements(self._text, messages_at):
            frame = self._frame(message, self._lines.line(at))
            if frame is not None:
                yield frame

    def _frame(self, message: Any, line: int) -> Frame | None:
        if not isinstance(message, dict):
            self._left_out(line, "it is not an object")
            return None
        opcode = _opcode(message)
        direction = "error" if opcode == ERROR else _direction(message)
        if direction is None:
            self._left_out(line, "it does not say whether it was sent or received")
            return None
        at_s = _seconds(_first(message, "time", "timestamp", "ts", "wallTime", "startedDateTime"))
        data = _first(message, "data", "payload", "payloadData", "text", "content", "body")
        if at_s is None or not isinstance(data, str):
            self._left_out(line, "it has no time" if at_s is None else "it has no text")
            return None
        payload = self._payload(message, opcode, data, line)
        return None if payload is None else Frame(direction == "sent", at_s, opcode, payload, line)

    def _payload(self, message: dict[str, Any], opcode: int, data: str, line: int) -> str | bytes | None:
        is_base64 = opcode == BINARY or str(message.get("encoding", "")).lower() == "base64"
        if not is_base64 or opcode == ERROR:
            return _without_surrogates(data)
        try:
            content = base64.b64decode(data, validate=True)
        except (binascii.Error, ValueError):
            self._left_out(line, "its binary content is not base64")
            return None
        return content if opcode == BINARY else content.decode("utf-8", "replace")

    def _left_out(self, line: int, why: str) -> None:
        self._notes.loss(line, f"this message was left out: {why}")


def _creator(creator: Any) -> str:
    return str(creator.get("name", "")) if isinstance(creator, dict) else ""


def _exchange(entry: Any, line: int) -> Exchange | None:
    request = entry.get("request") if isinstance(entry, dict) else None
    if not isinstance(request, dict) or not isinstance(request.get("url"), str):
        return None
    response = entry["response"] if isinstance(entry.get("response"), dict) else {}
    status = response.get("status")
    return Exchange(
        method=str(request.get("method", "GET")).upper(),
        url=request["url"],
        headers=_headers(request),
        status=status if isinstance(status, int) else 0,
        answer_headers=_headers(response),
        at_s=_seconds(entry.get("startedDateTime")) or 0.0,
        line=line,
        body=_content(request.get("postData")),
        answer=_content(response.get("content")),
    )


def _headers(part: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    listed = part.get("headers")
    pairs = [(each.get("name"), each.get("value")) for each in listed or () if isinstance(each, dict)]
    return tuple((str(name), str(value)) for name, value in pairs if name and value is not None)


def _content(content: Any) -> str | None:
    """Return a body as text; None where there is none, or where it is no text."""
    if not isinstance(content, dict) or not isinstance(content.get("text"), str):
        return None
    text: str = content["text"]
    if content.get("encoding") != "base64":
        return _without_surrogates(text)
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError):
        return None


def _is_socket(entry: dict[str, Any], exchange: Exchange) -> bool:
    is_upgrade = exchange.status == 101 and any(
        name.lower() == "upgrade" and value.lower() == "websocket" for name, value in exchange.headers
    )
    return (
        exchange.url.lower().startswith(("ws://", "wss://"))
        or str(entry.get("_resourceType", "")).lower() == "websocket"
        or is_upgrade
    )


def _close_code(entry: dict[str, Any]) -> int | None:
    close = entry.get("_webSocketClose")
    code = close.get("code") if isinstance(close, dict) else None
    return code if isinstance(code, int) and not isinstance(code, bool) else None


def _first(message: dict[str, Any], *keys: str) -> Any:
    return next((message[key] for key in keys if key in message), None)


def _opcode(message: dict[str, Any]) -> int:
    value = _first(message, "opcode", "opCode", "op_code")
    if isinstance(value, str):
        value = _OPCODES.get(value.lower(), int(value) if value.lstrip("-").isdigit() else None)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if message.get("type") == "error":
        return ERROR
    is_binary = message.get("isBinary") is True or str(message.get("encoding", "")).lower() == "base64"
    return BINARY if is_binary else TEXT


def _direction(message: dict[str, Any]) -> str | None:
    for key in ("type", "direction", "from_client", "fromClient", "isSent", "sent", "request"):
        word = str(message.get(key, "")).lower()
        if word in _SENT:
            return "sent"
        if word in _RECEIVED:
            return "received"
        if word == "error":
            return "error"
    return None


def _seconds(value: Any) -> float | None:
    """Return seconds since 1970 of a number of seconds or milliseconds, or of an ISO time; None for anything else."""
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value).timestamp()
        except (ValueError, OverflowError, OSError):
            return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e15:
        return None
    return value / 1000 if value > _LEAST_MILLISECONDS else float(value)


def _without_surrogates(text: str) -> str:
    """Return the text as UTF-8 can carry it: half of a surrogate pair is replaced, as a browser does on sending."""
    return text.encode("utf-8", "replace").decode() if not text.isascii() else text
