"""RFC 6455 frames of a client, without I/O and without a clock: bytes in, whole messages out, and the reverse.

This is the hot path of the load. A small message in one frame, all of it in one read, is decoded by the loop in
``Decoder.feed``, and encoded by one expression in ``masking``. All other messages use slower code with the same result.
"""

from __future__ import annotations

import codecs
import sys
from collections.abc import Callable

from loadws.transport.codec.deflate import Inflater
from loadws.transport.codec.masking import (
    IN_EIGHT_BYTES,
    IN_TWO_BYTES,
    MASKED,
    MOST_IN_ONE_BYTE,
    masked_frame,
    prepared_frame,
)
from loadws.transport.codec.violation import ProtocolViolation, check_frames, forbidden, not_utf8, too_large

__all__ = [
    "BINARY",
    "CLOSE",
    "MOST_CONTROL_BYTES",
    "PING",
    "PONG",
    "TEXT",
    "Decoder",
    "Event",
    "Prepared",
    "ProtocolViolation",
    "cut_reason",
    "encode",
    "encode_fragmented",
    "read_close",
]

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
MOST_CONTROL_BYTES = 125

#: An opcode and its payload: ``str`` for text, else ``bytes``. That of a close frame is as it came: see ``read_close``.
Event = tuple[int, str | bytes]

# The first byte of a frame.
_FIN = 0x80
_RSV1 = 0x40
_RESERVED = 0x70
_OPCODE = 0x0F
_CONTROL = 0x08
_OPCODES = frozenset({CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG})
_WHOLE_TEXT = _FIN | TEXT
_WHOLE_BINARY = _FIN | BINARY
_WHOLE = frozenset({_WHOLE_TEXT, _WHOLE_BINARY})

# The codes of close frames (RFC 6455, 7.4, and the registry that it founded); 3000 to 4999 are free for all.
_REGISTERED_CODES = frozenset({1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014})


#: A piece of a message below this is not kept as an object of its own.
SMALL_PIECE = 1_024


class Decoder:
    """A decoder of the server's frames, which gets one read at a time.

    It holds the message under way, never above ``max_message_size`` bytes and their frames, and the start of at most
    one header or control frame. Each byte is copied a bounded number of times, however the reads split it.

    ``left``: the bytes of the present frame that are still to come.

    ``is_behind``: it has stopped within a read, after ``frames_at_once`` frames, and holds the rest; ``feed(b"")``
    continues.
    """

    __slots__ = (
        "_at_once",
        "_frames",
        "_held",
        "_inflate",
        "_is_last",
        "_is_over",
        "_limit",
        "_message",
        "_most_small",
        "_size",
        "is_behind",
        "left",
    )

    def __init__(
        self, max_message_size: int, inflate: Inflater | None = None, frames_at_once: int = sys.maxsize
    ) -> None:
        """Prepare. ``inflate`` is needed where permessage-deflate was agreed; it limits the size of what it inflates."""
        self._limit = max_message_size
        self._at_once = frames_at_once
        self._frames = self._size = 0  # of the message under way, as they came
        self.is_behind = False
        self._most_small = min(max_message_size, MOST_IN_ONE_BYTE)
        self._inflate = inflate
        self._held = b""  # the start of a header or of a control frame
        self._message: _Binary | _Deflated | None = None  # begun and not yet whole
        self.left = 0
        self._is_last = False  # whether that frame ends it
        self._is_over = False  # after a close frame or a violation nothing is decoded

    def only_message(self, data: bytes) -> str | bytes | None:
        """Return the message that a read brought, where it is a small one in one frame and nothing else; else None:
        ask ``feed``.

        In a load test nearly every read is so, and a list of events would cost as much as all the rest.
        """
        if len(data) < 2 or data[1] != len(data) - 2 or data[1] > self._most_small:
            return None
        if self._message is not None or self._held or self._is_over:
            return None
        if data[0] == _WHOLE_TEXT:
            try:
                return data[2:].decode()
            except UnicodeDecodeError:
                return None
        return data[2:] if data[0] == _WHOLE_BINARY else None

    def feed(self, data: bytes) -> list[Event]:
        """Return whole messages and control frames, in the order of the wire.

        Raise ``ProtocolViolation`` as soon as it is certain; its ``events`` are those that came before.
        """
        if self._is_over:
            return []
        if self._held:
            data = self._held + data
            self._held = b""
        self.is_behind = False
        events: list[Event] = []
        at, end = 0, len(data)
        try:
            for _ in range(self._at_once):
                if at >= end:
                    break
                # A small message in one frame that is all here. The other cases are in ``_take``.
                if self._message is None and at + 1 < end:
                    first, size = data[at], data[at + 1]
                    stop = at + 2 + size
                    if size <= self._most_small and stop <= end:
                        if first == _WHOLE_TEXT:
                            events.append((TEXT, data[at + 2 : stop].decode()))
                            at = stop
                            continue
                        if first == _WHOLE_BINARY:
                            events.append((BINARY, data[at + 2 : stop]))
                            at = stop
                            continue
                at = self._take(data, at, events)
            if at < end:
                self._held, self.is_behind = data[at:], True
        except (ProtocolViolation, UnicodeDecodeError) as error:
            self._is_over = True
            violation = not_utf8(error) if isinstance(error, UnicodeDecodeError) else error
            violation.events = events
            raise violation from None
        return events

    def _take(self, data: bytes, at: int, events: list[Event]) -> int:
        """Take what there is of one frame, and return where that ends."""
        if self.left:
            return self._take_payload(data, at, events)
        if len(data) < at + 2:
            return self._hold(data, at)
        first, second = data[at], data[at + 1]
        self._check_header(first, second)
        body = at + _header_size(second)
        if len(data) < body:
            return self._hold(data, at)
        size = _payload_size(data, at, body)
        if first & _CONTROL:
            return self._take_control(first & _OPCODE, data, at, body + size, events)
        stop = body + size
        if first in _WHOLE and stop <= len(data) and size <= self._limit:
            payload = data[body:stop]
            events.append((TEXT, payload.decode()) if first == _WHOLE_TEXT else (BINARY, payload))
            return stop
        self._begin_frame(first, size)
        return self._take_payload(data, body, events)

    def _hold(self, data: bytes, at: int) -> int:
        """Keep the beginning of a header or of a control frame until more comes."""
        self._held = data[at:]
        return len(data)

    def _check_header(self, first: int, second: int) -> None:
        opcode = first & _OPCODE
        reserved = first & _RESERVED
        if second & MASKED:
            raise forbidden("a server's frame is masked")
        if opcode not in _OPCODES:
            raise forbidden(f"opcode {opcode} is reserved")
        if reserved and not (reserved == _RSV1 and self._inflate is not None and opcode in (TEXT, BINARY)):
            raise forbidden("a reserved bit is set")
        if opcode & _CONTROL:
            if not first & _FIN:
                raise forbidden("a control frame is fragmented")
            if second > MOST_CONTROL_BYTES:
                raise forbidden(f"a control frame above {MOST_CONTROL_BYTES} bytes")
        elif opcode == CONTINUATION and self._message is None:
            raise forbidden("a continuation, and nothing to continue")
        elif opcode != CONTINUATION and self._message is not None:
            raise forbidden("a new message before the last was whole")

    def _take_control(self, opcode: int, data: bytes, at: int, stop: int, events: list[Event]) -> int:
        if len(data) < stop:
            return self._hold(data, at)
        payload = data[at + 2 : stop]
        if opcode == CLOSE:
            read_close(payload)
            self._is_over = True
            stop = len(data)  # what comes after a close frame is ignored
        events.append((opcode, payload))
        return stop

    def _begin_frame(self, first: int, size: int) -> None:
        message = self._message
        if message is None:
            message = (_Text if first & _OPCODE == TEXT else _Binary)(self._limit)
            if first & _RSV1 and self._inflate is not None:
                message = _Deflated(message, self._inflate)
            self._message = message
            self._frames = self._size = 0
        self._frames += 1
        self._size += size
        check_frames(self._frames, self._size)
        message.announce(size)
        self.left = size
        self._is_last = first & _FIN != 0

    def _take_payload(self, data: bytes, at: int, events: list[Event]) -> int:
        message = self._message
        assert message is not None
        stop = min(at + self.left, len(data))
        message.add(data[at:stop])
        self.left -= stop - at
        if self._is_last and not self.left:
            events.append((message.opcode, message.whole()))
            self._message = None
        return stop


def read_close(payload: bytes) -> tuple[int | None, str]:
    """Return the code, where there is one, and the reason.

    Raises:
        ProtocolViolation: The code must not be sent.
        UnicodeDecodeError: The reason is not UTF-8.
    """  # noqa: DOC501
    if not payload:
        return None, ""
    if len(payload) == 1:
        raise forbidden("a close frame with half a code")
    code = int.from_bytes(payload[:2])
    if code not in _REGISTERED_CODES and not 3000 <= code <= 4999:
        raise forbidden(f"a close frame with code {code}")
    return code, payload[2:].decode()


def _header_size(second: int) -> int:
    return 4 if second == IN_TWO_BYTES else 10 if second == IN_EIGHT_BYTES else 2


def _payload_size(data: bytes, at: int, body: int) -> int:
    """Return the size from a whole header, which lies between ``at`` and ``body``.

    Raises:
        ProtocolViolation: The size is in more bytes than it needs, or has 64 bits.
    """  # noqa: DOC501
    second = data[at + 1]
    if second <= MOST_IN_ONE_BYTE:
        return second
    size = int.from_bytes(data[at + 2 : body])
    if size <= (MOST_IN_ONE_BYTE if second == IN_TWO_BYTES else 0xFFFF):
        raise forbidden("a size in more bytes than it needs")
    if size >> 63:
        raise forbidden("a size of 64 bits")
    return size


class _Binary:
    """A message that comes in pieces: ``announce`` each frame's size, ``add`` its bytes, then take the ``whole``.

    Pieces are kept as they came and joined once. Small ones are gathered, because each object needs some memory too.
    """

    opcode = BINARY

    __slots__ = ("_limit", "_pieces", "_size", "_small")

    def __init__(self, limit: int) -> None:
        self._pieces: list[bytes] = []
        self._small = bytearray()
        self._limit = limit
        self._size = 0

    def announce(self, size: int) -> None:
        self._size += size
        if self._size > self._limit:
            raise too_large(self._limit)

    def add(self, data: bytes) -> None:
        if len(data) < SMALL_PIECE:
            self._small += data
            if len(self._small) < SMALL_PIECE:
                return
            data = b""
        if self._small:
            self._pieces.append(bytes(self._small))
            self._small.clear()
        self._pieces.append(data)

    def whole(self) -> str | bytes:
        return self._joined()

    def _joined(self) -> bytes:
        return b"".join((*self._pieces, self._small))


class _Text(_Binary):
    """A text that is checked as it comes. While it is ASCII its pieces are decoded as they come, fresh in the processor's
    cache; else they are decoded once more at the end, because pieces of other text would need far more memory.
    """

    opcode = TEXT

    __slots__ = ("_ascii", "_decoder", "_is_whole")

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self._ascii: list[str] = []  # the pieces so far, as long as all of them are ASCII
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._is_whole = True  # whether what came so far ends with a whole character

    def add(self, data: bytes) -> None:
        if not self._pieces and not self._small and len(data) >= SMALL_PIECE:
            try:
                self._ascii.append(data.decode("ascii"))
                return
            except UnicodeDecodeError:
                pass  # the piece is checked below
        if not (self._is_whole and data.isascii()):
            self._decoder.decode(data)
            self._is_whole = not self._decoder.getstate()[0]
        super().add(data)

    def whole(self) -> str | bytes:
        rest = self._joined().decode()
        return "".join((*self._ascii, rest)) if self._ascii else rest


class _Deflated:
    """A message that is inflated as it comes. Its sizes on the wire say nothing, so the inflater limits its size."""

    __slots__ = ("_inflate", "_message", "opcode")

    def __init__(self, message: _Binary, inflate: Inflater) -> None:
        self.opcode = message.opcode
        self._message = message
        self._inflate = inflate

    def announce(self, size: int) -> None:
        pass

    def add(self, data: bytes) -> None:
        for piece in self._inflate.feed(data):
            self._message.add(piece)

    def whole(self) -> str | bytes:
        for piece in self._inflate.finish():
            self._message.add(piece)
        return self._message.whole()


# What the client sends.


def encode(opcode: int, payload: bytes, *, fin: bool = True, rsv1: bool = False) -> bytes:
    return masked_frame(_first_byte(opcode, fin, rsv1), payload)


def encode_fragmented(opcode: int, payload: bytes, fragments: int, *, rsv1: bool = False) -> bytes:
    """Return one message in ``fragments`` frames of about the same size; where there are more frames than bytes, some
    are empty.
    """
    cuts = [len(payload) * index // fragments for index in range(fragments + 1)]
    frames = bytearray()
    for index in range(fragments):
        first = _first_byte(CONTINUATION if index else opcode, index == fragments - 1, rsv1 and not index)
        frames += masked_frame(first, payload[cuts[index] : cuts[index + 1]])
    return bytes(frames)


def cut_reason(reason: str) -> str:
    """Return the reason, cut at a whole character where it is longer than a close frame can carry beside its code."""
    return reason.encode("utf-8", "replace")[: MOST_CONTROL_BYTES - 2].decode("utf-8", "ignore")


class Prepared:
    """A message that is sent many times, encoded once: ``frame()`` returns it with a fresh key each time."""

    __slots__ = ("frame",)

    def __init__(self, opcode: int, payload: bytes, *, rsv1: bool = False) -> None:
        self.frame: Callable[[], bytes] = prepared_frame(_first_byte(opcode, True, rsv1), payload)


def _first_byte(opcode: int, fin: bool, rsv1: bool) -> int:
    return opcode | (_FIN if fin else 0) | (_RSV1 if rsv1 else 0)
