"""permessage-deflate (RFC 7692): one message in, one message out. The parameters agreed in the handshake are arguments.

A message is a raw DEFLATE stream that ends in an empty stored block, of which the last four bytes are left out on the
wire. With context takeover the stream, and so the window it refers to, continues from message to message.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from loadws.transport.codec.violation import forbidden, too_large

#: What both sides leave out at the end of each message (RFC 7692, 7.2.1).
TAIL = b"\x00\x00\xff\xff"
#: The most that is inflated at once, in bytes: a bomb can exceed the limit by this.
SLICE_BYTES = 1 << 16

_EMPTY = b"\x00"
# zlib neither deflates nor, on some platforms, inflates raw streams with a window of 8 bits. One of 9 reads what was written
# for 8. It writes for 8 as well: zlib never refers further back than its window less 262 bytes (deflate.h, MAX_DIST), and
# that is 250 for 9 bits.
_SMALLEST_WINDOW_BITS = 9


class Deflater:
    """Our side. ``level`` is zlib's, 1 to 9. The stream, 256 KiB at the largest window, is made for the first message."""

    __slots__ = ("_context_takeover", "_level", "_stream", "_window_bits")

    def __init__(self, window_bits: int = 15, context_takeover: bool = True, level: int = 6) -> None:
        self._window_bits = max(window_bits, _SMALLEST_WINDOW_BITS)
        self._level = level
        self._context_takeover = context_takeover
        self._stream: zlib._Compress | None = None

    def compress(self, message: bytes) -> bytes:
        """Return the whole message as its frames carry it, the first of them with RSV1."""
        if not message:
            return _EMPTY  # zlib would not flush twice in a row, and say nothing at all
        stream = self._stream or zlib.compressobj(self._level, wbits=-self._window_bits)
        if self._context_takeover:
            self._stream = stream
        return (stream.compress(message) + stream.flush(zlib.Z_SYNC_FLUSH)).removesuffix(TAIL)


class Inflater:
    """The peer's side. No message becomes larger than ``max_size`` bytes, however small it is on the wire.

    A sender may end its stream within a message (BFINAL). The data after that is a new stream, with an empty window.
    """

    __slots__ = ("_context_takeover", "_has_begun", "_limit", "_size", "_stream", "_window_bits")

    def __init__(self, window_bits: int = 15, context_takeover: bool = True, max_size: int = 1 << 20) -> None:
        self._window_bits = max(window_bits, _SMALLEST_WINDOW_BITS)
        self._context_takeover = context_takeover
        self._limit = max_size
        self._stream: zlib._Decompress | None = None
        self._has_begun = False  # whether something of the present message has come
        self._size = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Inflate a part of a message; yield slices, which must be drained. Raises ``ProtocolViolation``."""
        while data:
            self._has_begun = True
            if self._stream is None:
                self._stream = zlib.decompressobj(-self._window_bits)
            yield from self._inflate(self._stream, data)
            data = self._stream.unused_data
            if self._stream.eof:
                self._stream = None

    def finish(self) -> Iterator[bytes]:
        """Yield the rest of the message at its end; must be drained. Raises ``ProtocolViolation``."""
        # No tail where the stream has ended of its own accord, nor for no bytes at all: senders whose zlib would not flush
        # twice mean an empty message.
        if self._stream is not None and self._has_begun:
            yield from self.feed(TAIL)
        self._has_begun = False
        self._size = 0
        if not self._context_takeover:
            self._stream = None

    def _inflate(self, stream: zlib._Decompress, data: bytes) -> Iterator[bytes]:
        """Inflate until all of ``data`` is read and no output is left inside, or until the end of the stream.

        Raises:
            ProtocolViolation: It cannot be inflated, or is larger than a message may be.
        """  # noqa: DOC501
        while True:
            try:
                piece = stream.decompress(data, SLICE_BYTES)
            except zlib.error:
                raise forbidden("a compressed message is not DEFLATE") from None
            self._size += len(piece)
            if self._size > self._limit:
                raise too_large(self._limit)
            yield piece
            data = stream.unconsumed_tail
            # At the stream's end zlib may still show a tail that was consumed: it must not be fed again.
            if stream.eof or (not data and len(piece) < SLICE_BYTES):
                return
