"""The body of an answer, decoded within bounds that are checked before the work is done.

An answer of some hundred bytes can stand for gigabytes of zeros, and for gigabytes of work where encodings are stacked.
So each encoding is undone in slices, no stage yields more than ``LARGEST_BODY`` bytes in all, and at most
``MOST_ENCODINGS`` stages are undone. One answer therefore costs at most a few times ``LARGEST_BODY`` in time and
memory, whatever it contains.

The known encodings are gzip, x-gzip and deflate (with zlib's frame, or without, as some servers send it), which a
request also asks for. A body with any other encoding was not asked for, and stays as it came.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from loadws.transport.http.messages import Headers, HttpFailed

#: The most bytes of a body, decoded.
LARGEST_BODY = 2**20
#: The most bytes of an encoded body: no encoder makes the largest body longer than this.
LARGEST_ENCODED = LARGEST_BODY + 2**16
MOST_ENCODINGS = 2
ACCEPTED = "gzip, deflate"
_SLICE_BYTES = 1 << 16
_GZIP = zlib.MAX_WBITS | 16
_GZIP_BEGINS = 0x1F
_KNOWN = frozenset({"gzip", "x-gzip", "deflate"})


class Body:
    """The body of one answer. ``feed`` its bytes, then take the ``whole``. Both raise ``HttpFailed``."""

    def __init__(self, headers: Headers) -> None:
        encodings = _encodings(headers)
        self._stages = [_Stage(encoding) for encoding in reversed(encodings)] if _KNOWN.issuperset(encodings) else []
        if len(self._stages) > MOST_ENCODINGS:
            raise HttpFailed(
                "http.encoding", f"{len(encodings)} encodings on one another, and {MOST_ENCODINGS} are taken"
            )
        self._parts: list[bytes] = []
        self._size = self._came = 0

    def feed(self, data: bytes) -> None:
        self._came += len(data)
        if self._stages and self._came > LARGEST_ENCODED:
            raise HttpFailed("http.too_large", f"the encoded body has more than {LARGEST_ENCODED:,} bytes")
        self._through(data, 0)

    def whole(self) -> bytes:
        """Return the body. A body that is empty needs no encoding.

        Raises:
            HttpFailed: It is not what its Content-Encoding names, or it is too large.
        """
        if self._came and not all(stage.is_whole for stage in self._stages):
            raise HttpFailed("http.encoding", "the encoded body is cut short")
        return b"".join(self._parts)

    def _through(self, data: bytes, number: int) -> None:
        if number < len(self._stages):
            for piece in self._stages[number].feed(data):
                self._through(piece, number + 1)
            return
        self._size += len(data)
        if self._size > LARGEST_BODY:
            raise _too_large()
        self._parts.append(data)


def _encodings(headers: Headers) -> list[str]:
    """Return the encodings in the order in which they were applied."""
    said = (value for name, value in headers if name.lower() == "content-encoding")
    words = (word.strip().lower() for value in said for word in value.split(","))
    return [word for word in words if word not in ("", "identity")]


def _too_large() -> HttpFailed:
    return HttpFailed("http.too_large", f"the body has more than {LARGEST_BODY:,} bytes")


class _Stage:
    """One encoding, undone slice by slice. ``is_whole``: a stream has ended, and no other has begun."""

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._stream: zlib._Decompress | None = None
        self._size = 0
        self._only_padding_comes = False
        self.is_whole = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the decoded data; must be drained."""
        while data:
            if self.is_whole and (self._encoding == "deflate" or data[0] != _GZIP_BEGINS):
                self._only_padding_comes = True  # of gzip there may be another member, which begins so
            if self._only_padding_comes:
                return
            if self._stream is None:
                self._stream, self.is_whole = self._opened(data), False
            yield from self._inflate(self._stream, data)
            if not self._stream.eof:
                return
            data, self._stream, self.is_whole = self._stream.unused_data, None, True

    def _opened(self, data: bytes) -> zlib._Decompress:
        if self._encoding != "deflate":
            return zlib.decompressobj(_GZIP)
        # zlib's frame: the method is 8, and the first two bytes are a multiple of 31 (RFC 1950, 2.2).
        has_frame = data[0] & 15 == 8 and (len(data) < 2 or int.from_bytes(data[:2]) % 31 == 0)
        return zlib.decompressobj(zlib.MAX_WBITS if has_frame else -zlib.MAX_WBITS)

    def _inflate(self, stream: zlib._Decompress, data: bytes) -> Iterator[bytes]:
        while True:
            try:
                piece = stream.decompress(data, _SLICE_BYTES)
            except zlib.error as error:
                raise HttpFailed("http.encoding", f"the body is not {self._encoding}: {error}") from None
            self._size += len(piece)
            if self._size > LARGEST_BODY:
                raise _too_large()
            if piece:
                yield piece
            data = stream.unconsumed_tail
            if stream.eof or (not data and len(piece) < _SLICE_BYTES):
                return
