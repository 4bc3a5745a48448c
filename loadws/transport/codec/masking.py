"""A client's frames, each masked with a fresh key (RFC 6455, 5.3), and a server's, for the built-in target.

``apply_mask`` of the package ``websockets`` masks in C: 64 bytes in 0.3 µs and 16 KiB in 1 µs, where ``xor`` in Python needs
2 µs and 150 µs. ``xor`` takes its place where the package was installed without its compiled part.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from functools import lru_cache
from itertools import chain

from loadws.transport.codec.xor import xor

#: (data, key of four bytes) -> data, masked or unmasked.
apply_mask: Callable[[bytes, bytes], bytes]
try:
    from websockets.speedups import apply_mask
except ImportError:  # a platform without a wheel and without a compiler
    apply_mask = xor

#: The largest size in the second byte of a frame; above it, one of two numbers says how many more bytes hold the size.
MOST_IN_ONE_BYTE = 125
IN_TWO_BYTES = 126
IN_EIGHT_BYTES = 127
MASKED = 0x80

_KEYS_AT_ONCE = struct.Struct("=1024I")
_key = struct.Struct("=I").pack

# The next key, 32 bits of the system's entropy, for which one system call in 1,024 is made. The first is drawn when it is
# needed and not before, so that processes that were forked have different ones.
_next_key: Callable[[], int]
_next_key = chain.from_iterable(iter(lambda: _KEYS_AT_ONCE.unpack(os.urandom(_KEYS_AT_ONCE.size)), ())).__next__


def masked_frame(first: int, payload: bytes) -> bytes:
    """Return a client's frame with a fresh key. ``first`` is the frame's first byte."""
    key = _key(_next_key())
    return _head(first, len(payload)) + key + apply_mask(payload, key)


def prepared_frame(first: int, payload: bytes) -> Callable[[], bytes]:
    """Return a function that makes the same frame again and again, with a fresh key each time."""
    head = _head(first, len(payload))

    def frame() -> bytes:
        key = _key(_next_key())
        return head + key + apply_mask(payload, key)

    return frame


def plain_frame(first: int, payload: bytes) -> bytes:
    """Return a server's frame, which has no mask."""
    return _head(first, len(payload), 0) + payload


def unmasked(key: bytes, masked: bytes) -> bytes:
    """Return a payload, or the part of one that begins with the key's first byte."""
    return apply_mask(masked, key)


@lru_cache(maxsize=512)
def _head(first: int, size: int, mask: int = MASKED) -> bytes:
    if size <= MOST_IN_ONE_BYTE:
        return bytes((first, mask | size))
    if size <= 0xFFFF:
        return bytes((first, mask | IN_TWO_BYTES)) + size.to_bytes(2)
    return bytes((first, mask | IN_EIGHT_BYTES)) + size.to_bytes(8)
