"""The layers between trio-websocket and the network that watch it: its byte stream and its ``wsproto`` connection.

``WatchedProtocol`` sees every event before and after the library handles it. ``WatchedWire`` reads the answer to the
upgrade itself, before the library sees it, and knows for each write which frame it is. Both only report; the
``Watcher`` decides.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from typing import Protocol

import trio
from wsproto import ConnectionType, WSConnection
from wsproto.connection import ConnectionState
from wsproto.events import AcceptConnection, CloseConnection, Event, Message, Ping, Pong, Request

from loadws.transport.base import ConnectFailed, ConnectRequest, HandshakeRefused, Outgoing, WireBytes
from loadws.transport.codec.violation import ProtocolViolation, check_frames, too_large
from loadws.transport.losses import loss_kind
from loadws.transport.net.tcp import READ_SIZE
from loadws.transport.opening.upgrade_response import BODY_PATIENCE_S, Answer

TOO_LARGE, TOO_MANY_FRAMES = 1009, 1008
#: How many frames of one connection the library gets before others have their turn: some milliseconds of work.
FRAMES_AT_ONCE = 128

_KEY = re.compile(rb"(?i)\r\nsec-websocket-key: *(\S+)")


class Frame(bytes):
    """The bytes of a frame on its way out, with its event, and the message whose stamps it sets."""

    event: Event
    out: Outgoing | None


class Watcher(Protocol):
    """The receiver of the events of both sides. Its methods do not wait."""

    @property
    def ended(self) -> bool:
        """Return whether the connection has ended: no event reaches the library then, and data that is read is
        discarded.
        """

    def answer_came(self, head: bytes) -> None: ...
    def opened(self) -> None: ...
    def message_completed(self) -> None:
        """Handle a message that the library has just put together."""

    def pinged(self, payload: bytes) -> None: ...
    def ponged(self, payload: bytes) -> None: ...
    def peer_closed(self, code: int, reason: str) -> None: ...
    def peer_violated(self, code: int, reason: str) -> None:
        """Handle a violation. ``code`` is the code that the library closes with."""

    def write_began(self, frame: Frame) -> None: ...
    def write_ended(self, frame: Frame) -> None: ...
    def write_broke(self) -> None: ...
    def write_was_cancelled(self) -> None: ...
    def read_ended(self, kind: str, detail: str) -> None: ...
    def library_closes(self) -> None:
        """Handle the library's wish to close TCP."""


class WatchedProtocol(WSConnection):
    """The watched protocol. ``next_out`` is the message whose stamps the next frame sets."""

    def __init__(self, watcher: Watcher, max_message_size: int) -> None:
        super().__init__(ConnectionType.CLIENT)
        self._watcher = watcher
        self._limit = max_message_size
        self._size = self._frames = 0  # of the message under way
        self._violated = False
        self.next_out: Outgoing | None = None

    @property
    def state(self) -> ConnectionState:
        """Return the state. The library sends a close frame only where it believes that the peer is closing, so a
        violation looks like that.
        """
        state = super().state
        return ConnectionState.REMOTE_CLOSING if self._violated and state is ConnectionState.OPEN else state

    def send(self, event: Event) -> bytes:
        frame = Frame(super().send(event))
        frame.event = event
        frame.out, self.next_out = self.next_out, None
        return frame

    def events(self) -> Generator[Event, None, None]:
        for raw in super().events():
            event = self._judged(raw)
            if isinstance(event, Ping):  # the library would wait for the write lock, and stop reading
                self._watcher.pinged(bytes(event.payload))
            else:
                self._before(event)
                yield event
                self._after(event)
            if self._watcher.ended:
                return

    def _before(self, event: Event) -> None:
        match event:
            case Pong(payload=payload):
                self._watcher.ponged(bytes(payload))
            case CloseConnection(code=code, reason=reason) if self._violated:
                self._watcher.peer_violated(code, reason or "")
            case CloseConnection(code=code, reason=reason):
                self._watcher.peer_closed(code, reason or "")

    def _after(self, event: Event) -> None:
        if isinstance(event, AcceptConnection):
            self._watcher.opened()
        elif isinstance(event, Message) and event.message_finished and not self._watcher.ended:
            self._watcher.message_completed()

    def _judged(self, event: Event) -> Event:
        """Return the event, or the close that answers a violation."""  # noqa: DOC501
        if isinstance(event, CloseConnection):
            # A close frame moves the state; what wsproto makes of a violation does not.
            self._violated = super().state in (ConnectionState.OPEN, ConnectionState.LOCAL_CLOSING)
        elif isinstance(event, Message):
            self._size += _size(event.data)
            self._frames += event.frame_finished
            try:
                if self._size > self._limit:
                    raise too_large(self._limit)
                check_frames(self._frames, self._size)
            except ProtocolViolation as violation:
                self._violated = True
                return CloseConnection(violation.code, violation.detail)
            if event.message_finished:
                self._size = self._frames = 0
        return event


class FrameWalk:
    """A finder of the beginnings of frames in a server's data, so that a read can be handed over in parts."""

    __slots__ = ("_head", "_left")

    def __init__(self) -> None:
        self._head = b""  # of a header that is not whole yet
        self._left = 0  # bytes of the present frame's payload

    def cut(self, data: bytes, most: int) -> int:
        """Return the offset up to which the data holds the headers of ``most`` frames, or the length of the data."""
        at, end = 0, len(data)
        for _ in range(most):
            taken = min(self._left, end - at)
            at, self._left = at + taken, self._left - taken
            while at < end and len(self._head) < _header_size(self._head):
                self._head += data[at : at + 1]
                at += 1
            if at == end and len(self._head) < _header_size(self._head):
                return end
            self._left, self._head = _payload_size(self._head), b""
        return at


def _header_size(head: bytes) -> int:
    """Return the size of a header from its first bytes; two where they do not tell yet."""
    if len(head) < 2:
        return 2
    code = head[1] & 0x7F
    return 2 + (2 if code == 126 else 8 if code == 127 else 0)


def _payload_size(head: bytes) -> int:
    return int.from_bytes(head[2:]) if len(head) > 2 else head[1] & 0x7F


class WatchedWire(trio.abc.Stream):
    """The watched byte stream. ``scope`` is the attempt's deadline; ``asked_ns`` is when the request for the upgrade
    was written.

    ``upgraded``: the answer is good, and the library may read it.
    """

    def __init__(
        self,
        watcher: Watcher,
        stream: trio.abc.Stream,
        request: ConnectRequest,
        scope: trio.CancelScope,
        now_ns: Callable[[], int],
        wire: WireBytes,
        *,
        is_plain: bool,
    ) -> None:
        """Prepare. ``is_plain``: over TCP, without TLS."""
        self._is_plain = is_plain
        self._watcher = watcher
        self._stream = stream
        self._request = request
        self._scope = scope
        self._now_ns = now_ns
        self._wire = wire
        self._answer: Answer | None = None
        self._walk = FrameWalk()
        self._unshown = b""  # of the last read
        self.upgraded = False
        self.asked_ns = 0

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        assert isinstance(data, Frame)
        if isinstance(data.event, Request):
            self._expect_answer(data)
        if self._watcher.ended and data.out is not None:
            raise trio.ClosedResourceError("it ended while this message waited for its turn")
        if self.upgraded:
            self._wire.wire_sent += len(data)
        self._watcher.write_began(data)
        try:
            await self._stream.send_all(data)
        except trio.Cancelled:
            self._watcher.write_was_cancelled()
            raise
        except trio.BrokenResourceError:
            self._watcher.write_broke()
        else:
            self._watcher.write_ended(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        if not self.upgraded:
            return await self._receive_upgrade()
        if self._unshown:
            await trio.lowlevel.checkpoint()
            return self._shown(self._unshown)
        while True:
            try:
                data = await self._stream.receive_some(max_bytes)
            except trio.BrokenResourceError as error:
                self._watcher.read_ended(*_loss(error))
                raise
            if not data:
                self._watcher.read_ended("eof", "the peer closed TCP without a close frame")
            if not data or not self._watcher.ended:
                self._wire.wire_received += len(data)
                return self._shown(bytes(data))
            # After the end, what still comes is ignored: only the peer's closing of TCP is awaited.

    def _shown(self, data: bytes) -> bytes:
        """Return the part that the library gets now; it gets the rest when others have had their turn."""
        cut = self._walk.cut(data, FRAMES_AT_ONCE)
        self._unshown = data[cut:]
        return data[:cut]

    async def aclose(self) -> None:
        self._watcher.library_closes()
        await trio.lowlevel.checkpoint()

    def out_of_time(self) -> ConnectFailed | HandshakeRefused:
        """Return the exception to raise where the attempt's deadline came first."""
        if self._answer is None:
            return ConnectFailed("upgrade", "timeout", "the request for the upgrade could not be written in time")
        return self._answer.out_of_time()

    def _expect_answer(self, request: Frame) -> None:
        key = _KEY.search(request)
        assert key is not None
        follows = self._request.redirects > 0
        self._answer = Answer(key[1], self._request.subprotocols, follows=follows, is_plain=self._is_plain)
        self.asked_ns = self._now_ns()

    async def _receive_upgrade(self) -> bytes:
        """Return the whole answer to the upgrade, once it has come and is good."""
        answer = self._answer
        assert answer is not None
        while True:
            try:
                data = await self._stream.receive_some(READ_SIZE)
            except trio.BrokenResourceError:
                data = b""
            self._watcher.answer_came(bytes(data.partition(b"\r\n\r\n")[0]))
            if (passed := answer.feed(bytes(data))) is not None:
                self.upgraded = True
                self._wire.wire_received += len(answer.after)
                return passed[: len(passed) - len(answer.after)] + self._shown(answer.after)
            if answer.head_has_come:
                self._scope.deadline = min(self._scope.deadline, trio.current_time() + BODY_PATIENCE_S)


def _size(data: str | bytes | bytearray) -> int:
    """Return the size in bytes on the wire."""
    return len(data) if not isinstance(data, str) or data.isascii() else len(data.encode())


def _loss(error: trio.BrokenResourceError) -> tuple[str, str]:
    cause = error.__cause__
    kind = "reset" if cause is None else loss_kind(cause) if isinstance(cause, OSError) else "failed"
    return kind, str(cause or error) or "the stream is broken"
