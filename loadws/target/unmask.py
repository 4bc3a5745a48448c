"""Remove the masks from a client's bytes, so that the client's own decoder can read them on the server's side.

This does no I/O. Sizes and opcodes are not checked here: the decoder does that.
"""

from __future__ import annotations

from loadws.transport.codec.masking import IN_EIGHT_BYTES, IN_TWO_BYTES, MASKED, unmasked
from loadws.transport.codec.violation import ProtocolViolation, forbidden

_KEY_SIZE = 4


class Unmasker:
    """The unmasking of one connection. It holds the start of at most one header; ``violation`` is set where a frame
    comes without a mask.
    """

    __slots__ = ("_held", "_key", "_left", "violation")

    def __init__(self) -> None:
        self.violation: ProtocolViolation | None = None
        self._held = b""
        self._key = b""
        self._left = 0  # bytes of the present frame that are still to come

    @property
    def is_between_frames(self) -> bool:
        return not (self._left or self._held or self.violation)

    def feed(self, data: bytes) -> bytes:
        """Return the unmasked bytes before a violation; none after it."""
        data, self._held = self._held + data, b""
        parts: list[bytes] = []
        at = 0
        while at < len(data) and self.violation is None:
            at = self._take_payload(data, at, parts) if self._left else self._take_head(data, at, parts)
        return b"".join(parts)

    def _take_head(self, data: bytes, at: int, parts: list[bytes]) -> int:
        if at + 2 > len(data):
            return self._hold(data, at)
        size = data[at + 1] & ~MASKED
        if size == data[at + 1]:
            self.violation = forbidden("a client's frame is not masked")
            return len(data)
        key_at = at + 2 + {IN_TWO_BYTES: 2, IN_EIGHT_BYTES: 8}.get(size, 0)
        body = key_at + _KEY_SIZE
        if body > len(data):
            return self._hold(data, at)
        long_size = data[at + 2 : key_at]
        self._left = int.from_bytes(long_size) if long_size else size
        self._key = data[key_at:body]
        parts.append(bytes((data[at], size)) + long_size)
        return body

    def _hold(self, data: bytes, at: int) -> int:
        self._held = data[at:]
        return len(data)

    def _take_payload(self, data: bytes, at: int, parts: list[bytes]) -> int:
        stop = min(at + self._left, len(data))
        parts.append(unmasked(self._key, data[at:stop]))
        self._left -= stop - at
        turned = (stop - at) % _KEY_SIZE  # the next piece begins in the middle of the key
        self._key = self._key[turned:] + self._key[:turned]
        return stop
