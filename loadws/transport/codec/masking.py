"""A client's frames, each masked with a fresh key (RFC 6455, 5.3). This is most of what a message costs to send.
A server's, and how it reads a client's, are here too, for the built-in target.

Python masks a frame fastest in two ways, each on its side of ``_MOST_AS_NUMBER`` (measured on CPython 3.11):

- A short frame is one number: head, key, and the payload under as many keys as cover it. All these keys at once are the key
  times ``ones``, a number that has a one every 32 bits; what they are too long by is shifted out.
- A long frame is masked in four lanes: each fourth byte of the payload goes with the same byte of the key, by a table.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from functools import lru_cache
from itertools import chain

#: The most that fits into the second byte of a frame; above, one of two numbers says in how many more bytes the size is.
MOST_IN_ONE_BYTE = 125
IN_TWO_BYTES = 126
IN_EIGHT_BYTES = 127
MASKED = 0x80

_MOST_AS_NUMBER = 1024
_XOR_TABLES = tuple(bytes(byte ^ key for byte in range(256)) for key in range(256))
_KEYS_AT_ONCE = struct.Struct("=1024I")

# The next key, 32 bits of the system's entropy, for which one system call in 1,024 is made. The first is drawn when it is
# needed and not before, so that processes that were forked have different ones.
_next_key: Callable[[], int]
_next_key = chain.from_iterable(iter(lambda: _KEYS_AT_ONCE.unpack(os.urandom(_KEYS_AT_ONCE.size)), ())).__next__


def masked_frame(first: int, payload: bytes) -> bytes:
    """``first`` is the frame's first byte."""
    size = len(payload)
    if size > _MOST_AS_NUMBER:
        return _from_lanes(_head(first, size), size, _lanes(payload))
    head, ones, spare_bits, length = _shape(first, size)
    return (head ^ int.from_bytes(payload) ^ (_next_key() * ones >> spare_bits)).to_bytes(length)


def prepared_frame(first: int, payload: bytes) -> Callable[[], bytes]:
    """What makes the same frame again and again, with a fresh key each time."""
    return _prepared_number(first, payload) if len(payload) <= _MOST_AS_NUMBER else _prepared_lanes(first, payload)


def plain_frame(first: int, payload: bytes) -> bytes:
    """As a server sends it."""
    return _head(first, len(payload), 0) + payload


def unmasked(key: bytes, masked: bytes) -> bytes:
    """A payload, or the part of one that begins with the key's first byte."""
    size = len(masked)
    if size <= _MOST_AS_NUMBER:
        ones, spare_bits = _keys(size)
        return (int.from_bytes(masked) ^ (int.from_bytes(key) * ones >> spare_bits)).to_bytes(size)
    payload = bytearray(size)
    for offset, (lane, key_byte) in enumerate(zip(_lanes(masked), key, strict=True)):
        payload[offset::4] = lane.translate(_XOR_TABLES[key_byte])
    return bytes(payload)


@lru_cache(maxsize=_MOST_AS_NUMBER + 1)
def _keys(size: int) -> tuple[int, int]:
    """The ones for as many keys as cover a payload, and the bits to shift out."""
    return int.from_bytes(b"\0\0\0\1" * -(-size // 4)), 8 * (-size % 4)


def _head(first: int, size: int, mask: int = MASKED) -> bytes:
    if size <= MOST_IN_ONE_BYTE:
        return bytes((first, mask | size))
    if size <= 0xFFFF:
        return bytes((first, mask | IN_TWO_BYTES)) + size.to_bytes(2)
    return bytes((first, mask | IN_EIGHT_BYTES)) + size.to_bytes(8)


@lru_cache(maxsize=512)
def _shape(first: int, size: int) -> tuple[int, int, int, int]:
    """Of a frame as a number: its head in place, the ones, the bits to shift out, and its size in bytes."""
    head = _head(first, size)
    keys = 1 + -(-size // 4)
    ones = int.from_bytes(b"\0\0\0\1" * keys)
    return int.from_bytes(head) << 8 * (4 + size), ones, 8 * (-size % 4), len(head) + 4 + size


def _prepared_number(first: int, payload: bytes) -> Callable[[], bytes]:
    head, ones, spare_bits, length = _shape(first, len(payload))
    unmasked = head ^ int.from_bytes(payload)
    return lambda: (unmasked ^ (_next_key() * ones >> spare_bits)).to_bytes(length)


def _prepared_lanes(first: int, payload: bytes) -> Callable[[], bytes]:
    size = len(payload)
    head, lanes = _head(first, size), _lanes(payload)
    return lambda: _from_lanes(head, size, lanes)


def _lanes(payload: bytes) -> tuple[bytes, ...]:
    return payload[::4], payload[1::4], payload[2::4], payload[3::4]


def _from_lanes(head: bytes, size: int, lanes: tuple[bytes, ...]) -> bytes:
    key = _next_key().to_bytes(4)
    masked = bytearray(size)
    for offset, (lane, key_byte) in enumerate(zip(lanes, key, strict=True)):
        masked[offset::4] = lane.translate(_XOR_TABLES[key_byte])
    return b"".join((head, key, masked))
