"""``unpack``: one message becomes the values that steps see; compiled before the run.

A way turns a value into others, and the next way reads each of them. A value is a ``Message`` of its own, with the stamp of
the message that it came in. What a way has nothing to do with stays as it is (text for ``gunzip``, an object for
``elements``), because most connections carry control messages of another form too; what it cannot read is an error.

Everything is bounded: what is decompressed in one message has at most ``limit`` bytes, and one message gives at most
``MOST_VALUES`` values. There is no I/O, and no state from one message to the next.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from loadws.scenario.data.functions import find_plain_function, place_of
from loadws.scenario.matching.extract import json_place
from loadws.scenario.matching.jsonpath import MISSING
from loadws.scenario.matching.message import Enveloped, Message
from loadws.scenario.model.unpacking import Way
from loadws.scenario.template.conversions import from_base64
from loadws.scenario.template.values import EvaluationError, as_json, show
from loadws.scenario.unpacking.msgpack import NotMsgpack, read_msgpack
from loadws.scenario.unpacking.protobuf import MessageType, NotProtobuf, message_type
from loadws.terms.units import format_size

#: How many values one message may have: each is matched by itself, and meanwhile the process does nothing else.
MOST_VALUES = 16_384

_GZIP, _ZLIB, _RAW = 31, 15, -15  # zlib's codes for the container: gzip, zlib (RFC 1950), none (RFC 1951)
#: How a block ends that was flushed and not finished.
_FLUSHED = b"\x00\x00\xff\xff"


class UnpackError(Exception):
    """A message cannot be unpacked. ``kind`` is the kind of error; the text is for people."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind


class Budget:
    """How many bytes the ways of one message may still decompress; ``limit`` is what they may in all."""

    __slots__ = ("left", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = self.left = limit

    def spend(self, size: int) -> None:
        """Count decompressed bytes.

        Raises:
            UnpackError: They are too many.
        """
        self.left -= size
        if self.left < 0:
            raise UnpackError(
                "unpack.too_large", f"it unpacks to more than max_message_size ({format_size(self.limit)})"
            )


#: From a value to the values that it holds. Raises ``UnpackError``.
_Read = Callable[[Message, Budget], Iterable[Message]]


class Unpack:
    """Compiled ways to read a message. ``limit`` is the most that one may decompress to, in bytes.

    ``reads_bytes``: the first way is for binary messages.
    """

    __slots__ = ("_decodes", "_limit", "_ways", "reads_bytes")

    def __init__(self, ways: Sequence[_Read], limit: int, *, decodes: bool, reads_bytes: bool = False) -> None:
        self.reads_bytes = reads_bytes
        self._ways = tuple(ways)
        self._limit = limit
        self._decodes = decodes

    def __call__(self, payload: str | bytes, received_ns: int) -> list[Message]:
        """Return the values of a message, in their order.

        Raises:
            UnpackError: It cannot be read, or holds too much.
        """
        budget = Budget(self._limit)
        values = [Message(payload, received_ns)]
        for read in self._ways:
            values = list(islice(_all(read, values, budget), MOST_VALUES + 1))
            if len(values) > MOST_VALUES:
                raise UnpackError("unpack.too_many", f"one message holds more than {MOST_VALUES:,} values")
        if self._decodes:
            values = [value if value.payload is payload else _as_text(value) for value in values]
        return values


def _all(read: _Read, values: list[Message], budget: Budget) -> Iterator[Message]:
    for value in values:
        yield from read(value, budget)


def _as_text(value: Message) -> Message:
    """Return a value as text where what was decoded is UTF-8: nothing else says that it was text."""
    if isinstance(value.payload, str):
        return value
    try:
        return Message(value.payload.decode("utf-8-sig"), value.received_ns)
    except UnicodeDecodeError:
        return value


def unpacked(unpack: Unpack, message: Enveloped) -> list[Enveloped]:
    """Return the values of what a protocol's message carries, each with the name and the envelope of the message.

    Raises:
        UnpackError: It cannot be read, or holds too much.
    """
    payload = message.payload
    if unpack.reads_bytes and message.content is not None:
        payload = message.content  # bytes that are UTF-8 by chance would be taken for text
    values = unpack(payload, message.received_ns)
    if len(values) == 1 and values[0].payload is payload:
        return [message]
    return [value.within(message.envelope, message.event, message.subscription) for value in values]


def compile_unpack(ways: Sequence[Way], base: Path, limit: int) -> Unpack | None:
    """Compile ways; ``base`` is the scenario's folder. Return None where there are none.

    Raises:
        MatchError: A JSONPath is wrong.
        FunctionError: A function does not exist.
        ProtobufError: A type of Protocol Buffers does not exist, or cannot be read.
    """
    if not ways:
        return None
    return Unpack(
        [compile_way(way, base) for way in ways],
        limit,
        decodes=any(way.gunzip or way.inflate or way.base64 for way in ways),
        reads_bytes=bool(ways[0].gunzip or ways[0].inflate or ways[0].msgpack or ways[0].protobuf),
    )


def compile_way(way: Way, base: Path) -> _Read:
    """Compile one way. Raises ``MatchError`` and ``FunctionError``."""
    if way.gunzip:
        return _gunzip
    if way.inflate:
        return _inflate
    if way.base64:
        return _base64
    if way.lines:
        return _lines
    if way.split is not None:
        return _splitter(way.split)
    if way.elements is not None:
        return _elements_at(way.elements)
    if way.json_ is not None:
        return _json_at(way.json_)
    if way.msgpack:
        return _msgpack
    if way.protobuf is not None:
        return _protobuf(message_type(base, way.protobuf.file, way.protobuf.message))
    assert way.function is not None, "a way is one of these"
    return _called(way.function, base)


# -- compression ------------------------------------------------------------------------------------------------------


def _gunzip(message: Message, budget: Budget) -> Iterator[Message]:
    if isinstance(message.payload, str):
        yield message
        return
    rest = message.payload
    parts: list[bytes] = []
    while rest or not parts:
        part, rest = _decompressed(rest, _GZIP, budget, "unpack.gunzip")
        parts.append(part)
    yield Message(b"".join(parts), message.received_ns)


def _inflate(message: Message, budget: Budget) -> Iterator[Message]:
    payload = message.payload
    if isinstance(payload, str):
        yield message
        return
    has_header = len(payload) > 1 and payload[0] & 15 == 8 and (payload[0] << 8 | payload[1]) % 31 == 0
    part, _ = _decompressed(payload, _ZLIB if has_header else _RAW, budget, "unpack.inflate")
    yield Message(part, message.received_ns)


def _decompressed(content: bytes, container: int, budget: Budget, kind: str) -> tuple[bytes, bytes]:
    """Return what is decompressed, and what stands behind it.

    Raises:
        UnpackError: It is none of this compression, cut short, or too large.
    """
    decompressor = zlib.decompressobj(container)
    try:
        part = decompressor.decompress(content, budget.left + 1)
    except zlib.error as error:
        raise UnpackError(kind, f"{error}; the message begins with {show(content[:16])}") from None
    budget.spend(len(part))
    if not (decompressor.eof or (kind == "unpack.inflate" and content.endswith(_FLUSHED))):
        raise UnpackError(kind, f"it is cut short: {len(content):,} bytes without an end")
    return part, decompressor.unused_data


def _base64(message: Message, budget: Budget) -> Iterator[Message]:
    if isinstance(message.payload, bytes):
        return iter((message,))
    try:
        return iter((Message(from_base64(message.payload), message.received_ns),))
    except EvaluationError:  # a message of another form
        return iter((message,))


# -- parts of a text --------------------------------------------------------------------------------------------------


def _lines(message: Message, budget: Budget) -> Iterator[Message]:
    payload = message.payload
    parts: Iterable[str | bytes]
    if isinstance(payload, str):
        parts = (part.removesuffix("\r") for part in payload.split("\n"))
    else:
        parts = (part.removesuffix(b"\r") for part in payload.split(b"\n"))
    return (Message(part, message.received_ns) for part in parts if part)


def _splitter(at: str) -> _Read:
    in_bytes = at.encode("utf-8", "surrogatepass")

    def split(message: Message, budget: Budget) -> Iterator[Message]:
        payload = message.payload
        parts: Iterable[str | bytes] = payload.split(at) if isinstance(payload, str) else payload.split(in_bytes)
        return (Message(part, message.received_ns) for part in parts if part)

    return split


# -- parts of JSON ----------------------------------------------------------------------------------------------------


def _elements_at(path: str) -> _Read:
    place = json_place(path, ("elements",), in_key=False)

    def elements(message: Message, budget: Budget) -> Iterator[Message]:
        found = place.find(message)
        if isinstance(found, list):
            return (of_value(each, message.received_ns) for each in found)
        return iter((message,))

    return elements


def _json_at(path: str) -> _Read:
    place = json_place(path, ("json",), in_key=False)

    def json(message: Message, budget: Budget) -> Iterator[Message]:
        found = place.find(message)
        return iter((message if found is MISSING else of_value(found, message.received_ns),))

    return json


def of_value(value: Any, received_ns: int) -> Message:
    """Return a value as a message: text and bytes are its payload, all else is JSON.

    Raises:
        UnpackError: JSON cannot have the value.
    """
    if isinstance(value, str | bytes):
        return Message(value, received_ns)
    try:
        return Message(as_json(value), received_ns, value)
    except EvaluationError as error:
        raise UnpackError("unpack.failed", str(error)) from None


def _msgpack(message: Message, budget: Budget) -> Iterator[Message]:
    if isinstance(message.payload, str):
        yield message
        return
    try:
        value = read_msgpack(message.payload)
    except NotMsgpack as error:
        raise UnpackError("unpack.msgpack", str(error)) from None
    yield of_value(value, message.received_ns)


def _protobuf(of: MessageType) -> _Read:
    def read(message: Message, budget: Budget) -> Iterator[Message]:
        if isinstance(message.payload, str):
            return iter((message,))
        try:
            return iter((of_value(of.read(message.payload), message.received_ns),))
        except NotProtobuf as error:
            raise UnpackError("unpack.protobuf", str(error)) from None

    return read


# -- Python -----------------------------------------------------------------------------------------------------------


def _called(name: str, base: Path) -> _Read:
    function = find_plain_function(base, name)

    def call(message: Message, budget: Budget) -> list[Message]:
        try:
            given = function(message.payload)
            several = _values_of(given)
        except UnpackError as error:
            raise UnpackError(error.kind, f"{name} {error}") from None
        except (Exception, SystemExit) as error:
            where = place_of(error)
            raise UnpackError(
                "unpack.crashed", f"{name}: {type(error).__name__}: {error}" + (where and f" ({where})")
            ) from None
        try:
            return [of_value(value, message.received_ns) for value in several]
        except UnpackError as error:
            raise UnpackError(error.kind, f"{name} returned a value that is no message: {error}; {_WANTED}") from None

    return call


_WANTED = "return a list of values (text, bytes, or what JSON can have), one value, or None for none"


def _values_of(given: Any) -> list[Any]:
    """Return the values that a function has returned, whose iterator may still run code of the function.

    Raises:
        UnpackError: It is neither a list of values nor one value.
    """
    if given is None:
        return []
    if isinstance(given, bytearray | memoryview):
        return [bytes(given)]
    if isinstance(given, str | bytes | dict | int | float):
        return [given]
    if isinstance(given, list | tuple | Iterator):
        return list(islice(given, MOST_VALUES + 1))
    raise UnpackError("unpack.failed", f"returned an object of type {type(given).__name__}; {_WANTED}")
