"""HdrHistogram's V2 wire format (Tene, HdrHistogram.org), from and to counts by bucket.

The library ``hdrhistogram`` holds a histogram as 23,552 counters (190 kB): with a thousand steps that is a gigabyte, and the
few values that most parts of a frame have are read and written several times as fast from a dictionary. Large histograms are
written by the library (``dense``). The tests compare the two, byte by byte.

The format, in big-endian order and then in base64: a cookie and the length of what follows, which is compressed with zlib:
a header of 40 bytes (cookie, length of the counts, offset 0, significant digits, lowest and highest trackable value, integer
to double conversion ratio) and the counts from bucket 0 to the last that is not empty. Each is a ZigZag LEB128 number of at
most nine bytes; a negative one stands for so many empty buckets in a row, and 0 for one.

``packing`` and ``unpacking`` are generators that yield after about 0.1 ms of work, for a process whose load must not wait.
"""

from __future__ import annotations

import binascii
import struct
import zlib
from collections.abc import Generator, Mapping
from itertools import accumulate, compress, islice
from typing import NamedTuple

_OUTER = struct.Struct("!II")
_HEADER = struct.Struct("!Iiiiqqd")
_OUTER_COOKIE, _COOKIE = 0x1C849314, 0x1C849313
_AT_ONCE = 500  # numbers to a slice
_LAST_SHIFT = 56  # the ninth byte of a number has eight bits of it
#: Of a number of one byte: how many buckets it steps over, whether it is a count and no step, and the count.
_STEPS = bytes((byte + 1) >> 1 if byte & 1 else 1 for byte in range(256))
_ARE_COUNTS = bytes(int(byte > 0 and byte % 2 == 0) for byte in range(256))
_HALVES = bytes(byte >> 1 for byte in range(256))
_LARGEST_BYTES = 9 * 65_536  # far above what a histogram of ours can need, so that a damaged payload stays small

#: Up to this many bytes zlib's preparations need more time than all the rest, and save next to nothing.
_NOT_COMPRESSED_BYTES = 128
_STORED = b"\x78\x01\x01"  # zlib's header, and one last block that is stored as it is


class Packed(NamedTuple):
    """The content of a payload: ``counts`` by bucket, none of them 0, and the histogram's settings."""

    counts: dict[int, int]
    digits: int
    lowest: int
    highest: int
    scale: float


def packing(counts: Mapping[int, int], digits: int, highest: int, scale: float) -> Generator[None, None, str]:
    """Return the payload in base64. ``counts`` by bucket, none of them 0."""
    numbers = yield from _numbers(counts)
    header = _HEADER.pack(_COOKIE, len(numbers), 0, digits, 1, highest, scale)
    compressed = _compressed(header + numbers)
    return binascii.b2a_base64(_OUTER.pack(_OUTER_COOKIE, len(compressed)) + compressed, newline=False).decode("ascii")


def unpacking(payload: str) -> Generator[None, None, Packed]:
    """Return the content of a payload.

    Raises:
        ValueError: It is not a histogram in this format.
    """
    content = binascii.a2b_base64(payload, strict_mode=True)
    if len(content) < _OUTER.size:
        raise ValueError("it is too short")
    cookie, length = _OUTER.unpack_from(content)
    if cookie != _OUTER_COOKIE:
        raise ValueError("it does not begin as HdrHistogram's V2 format does")
    if length != len(content) - _OUTER.size:
        raise ValueError(f"it has {len(content) - _OUTER.size} bytes where it says {length}")
    return (yield from _reading(_decompressed(content[_OUTER.size :])))


def _reading(content: bytes) -> Generator[None, None, Packed]:
    if len(content) < _HEADER.size:
        raise ValueError("its header is too short")
    cookie, length, offset, digits, lowest, highest, scale = _HEADER.unpack_from(content)
    if cookie != _COOKIE or offset:
        raise ValueError("its header is not one of HdrHistogram's V2 format")
    if length != len(content) - _HEADER.size:
        raise ValueError(f"it has {len(content) - _HEADER.size} bytes of counts where it says {length}")
    counts = yield from _counts(content[_HEADER.size :])
    return Packed(counts, digits, lowest, highest, scale)


def _numbers(counts: Mapping[int, int]) -> Generator[None, None, bytes]:
    """Encode the counts. The code is inline, because a call for each number would need more time than all the rest."""
    written = bytearray()
    put = written.append
    next_bucket = 0
    buckets = iter(sorted(counts))
    while some := list(islice(buckets, _AT_ONCE)):
        if next_bucket:
            yield
        for bucket in some:
            if bucket != next_bucket:
                number = 2 * (bucket - next_bucket) - 1
                if number < 0x80:
                    put(number)
                else:
                    written += _long_number(number)
            number = 2 * counts[bucket]
            if number < 0x80:
                put(number)
            else:
                written += _long_number(number)
            next_bucket = bucket + 1
    return bytes(written)


def _long_number(number: int) -> bytes:
    written = bytearray()
    while number >= 0x80 and len(written) < 8:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    written.append(number)
    return bytes(written)


def _counts(numbers: bytes) -> Generator[None, None, dict[int, int]]:
    """Read what ``_numbers`` wrote.

    Raises:
        ValueError: The last number is cut off.
    """
    counts: dict[int, int] = {}
    bucket = number = shift = 0
    for start in range(0, len(numbers), _AT_ONCE):
        if start:
            yield
        some = numbers[start : start + _AT_ONCE]
        if not shift and some.isascii():
            bucket = _add_short(counts, some, bucket)
            continue
        for byte in some:
            if byte > 0x7F and shift < _LAST_SHIFT:
                number |= (byte & 0x7F) << shift
                shift += 7
                continue
            whole = number | byte << shift
            number = shift = 0
            if whole & 1:
                bucket += (whole + 1) >> 1
            else:
                if whole:
                    counts[bucket] = whole >> 1
                bucket += 1
    if shift:
        raise ValueError("its last number is cut off")
    return counts


def _add_short(counts: dict[int, int], numbers: bytes, bucket: int) -> int:
    """Add numbers that are one byte each, the first of them at ``bucket``; return the bucket after the last one.

    Most numbers of a second are. Tables and iterators in C need two thirds of the time that a loop does.
    """
    steps, are_counts = numbers.translate(_STEPS), numbers.translate(_ARE_COUNTS)
    buckets = accumulate(steps, initial=bucket)
    counts.update(zip(compress(buckets, are_counts), compress(numbers.translate(_HALVES), are_counts), strict=False))
    return bucket + sum(steps)


def _compressed(content: bytes) -> bytes:
    if len(content) > _NOT_COMPRESSED_BYTES:
        return zlib.compress(content)
    size = len(content)
    return _STORED + struct.pack("<HH", size, size ^ 0xFFFF) + content + zlib.adler32(content).to_bytes(4, "big")


def _decompressed(content: bytes) -> bytes:
    try:
        stream = zlib.decompressobj()
        whole = stream.decompress(content, _LARGEST_BYTES)
    except zlib.error as error:
        raise ValueError(str(error)) from error
    if not stream.eof or stream.unused_data:
        raise ValueError("it is cut off or too long")
    return whole
