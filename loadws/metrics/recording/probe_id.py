"""``{{ probe }}``: the token in a published message, which tells any receiver which probe it is and how old.

It has 40 characters that need no escaping in JSON, in an address or in a text. They contain: the process, the probe,
the publisher (one connection) and its sequence number; when the probe was made, in microseconds since the run's start,
which all processes of a machine share; how late that was; its audience. The last 4 bytes are a keyed BLAKE2s with a key
of the run, so that tokens of another run, or made up by a server, are recognised as foreign.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
import zlib
from typing import Any, NamedTuple

from loadws.terms.units import NS_PER_US

#: process, probe, publisher, number, made (high and low part), lag, audience
_FIELDS = struct.Struct(">HHIIHIII")
_SEAL_BYTES = 4
_BYTES = _FIELDS.size + _SEAL_BYTES
LENGTH = _BYTES * 4 // 3  # 30 bytes, so no padding
_MOST_LAG_US = 2**32 - 1

EVERYONE = 0


class ProbeId(NamedTuple):
    """The content of a token. ``lag_us`` is how long after its intended time it was made."""

    process: int
    probe: int
    publisher: int
    number: int
    made_us: int
    lag_us: int
    audience: int


def audience_of(name: str) -> int:
    """Return an audience's name as 32 bits, never ``EVERYONE``."""
    return zlib.crc32(name.encode("utf-8", "replace")) or 1


def key_of(nonce: int) -> bytes:
    return nonce.to_bytes(8)


def write(probe: ProbeId, key: bytes) -> str:
    process, name, publisher, number, made_us, lag_us, audience = probe
    body = _FIELDS.pack(
        process, name, publisher, number, made_us >> 32, made_us & 0xFFFFFFFF, min(lag_us, _MOST_LAG_US), audience
    )
    return base64.urlsafe_b64encode(body + _seal(body, key)).decode("ascii")


def read(token: Any, key: bytes) -> ProbeId | None:
    """Return the probe of a token; None for anything that ``write`` has not written with this key."""
    if type(token) is not str or len(token) != LENGTH or "+" in token or "/" in token:
        return None  # the library reads + and / as it reads - and _, which ``write`` writes
    try:
        packed = base64.urlsafe_b64decode(token)
    except (binascii.Error, ValueError):  # ValueError: it is not ASCII
        return None
    body = packed[: _FIELDS.size]
    if len(packed) != _BYTES or packed[_FIELDS.size :] != _seal(body, key):
        return None
    process, name, publisher, number, high, low, lag_us, audience = _FIELDS.unpack(body)
    return ProbeId(process, name, publisher, number, high << 32 | low, lag_us, audience)


def since_us(start_ns: int, at_ns: int) -> int:
    """Return microseconds of the run, never below zero: a moment may be a little before the start that processes agreed
    on.
    """
    return max(0, at_ns - start_ns) // NS_PER_US


def _seal(body: bytes, key: bytes) -> bytes:
    return hashlib.blake2s(body, digest_size=_SEAL_BYTES, key=key).digest()
