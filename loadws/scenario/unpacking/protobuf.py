"""Protocol Buffers in messages, by a file of descriptors: values that steps match, capture and send.

``protoc --include_imports --descriptor_set_out=chat.desc chat.proto`` writes such a file. Names are those of the .proto.
Whole numbers of every size are numbers, bytes stay bytes, values of an enum are their names, and a map is a mapping. A field
that was not set has its default; one that knows whether it was set is left out.

The package ``protobuf`` is imported only here, and only where a scenario uses it.
"""

from __future__ import annotations

import base64
import functools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from loadws.scenario.template.values import EvaluationError, show
from loadws.terms.errors import LoadwsError, did_you_mean

_INSTALL = "pip install 'loadws[protobuf]'"
_MAKE_IT = "protoc --include_imports --descriptor_set_out=FILE writes one"
#: How many names of messages or fields are listed in an advice.
_LISTED = 10


class ProtobufError(LoadwsError):
    """A descriptor file cannot be used, or has no such message or field. ``key``: file, message or value is wrong."""

    def __init__(self, key: str, message: str, advice: str = "") -> None:
        super().__init__(message, advice)
        self.key = key


class NotProtobuf(ValueError):
    """A payload that is no message of the type. The text is for people."""


class MessageType:
    """A type of messages. It reads bytes into values of JSON (with bytes in them), and writes them."""

    def __init__(self, name: str, message_class: Any, pool: Any) -> None:
        self._name = name
        self._class = message_class
        self._pool = pool

    def read(self, payload: bytes) -> dict[str, Any]:
        """Return the fields of a message.

        Raises:
            NotProtobuf: The bytes are no message of this type.
        """
        from google.protobuf.message import DecodeError

        message = self._class()
        try:
            message.ParseFromString(payload)
        except (DecodeError, RecursionError):
            raise NotProtobuf(f"these bytes are no {self._name}; they begin with {show(payload[:16])}") from None
        return _fields(message)

    def write(self, value: Any) -> bytes:
        """Return a mapping of fields as a message.

        Raises:
            EvaluationError: The type has no such field, or the field not this value.
        """
        from google.protobuf.json_format import ParseDict, ParseError

        if not isinstance(value, dict):
            raise EvaluationError(f"a message of {self._name} is a mapping of its fields, and not {show(value)}")
        message = self._class()
        try:
            ParseDict(_with_text(value), message, descriptor_pool=self._pool)
        except (ParseError, TypeError, ValueError) as error:
            raise EvaluationError(f"this is no {self._name}: {error}") from None
        written: bytes = message.SerializeToString(deterministic=True)
        return written

    def check_names(self, value: Any) -> None:
        """Look for the fields that a value names, before its templates have values.

        Raises:
            ProtobufError: The type has no such field.
        """
        _check_names(value, self._class.DESCRIPTOR)


def message_type(base: Path, file: str, name: str) -> MessageType:
    """Return a type of messages by its full name; ``base`` is the scenario's folder.

    Raises:
        ProtobufError: The file cannot be used, or has no such type; or the package protobuf is missing.
    """
    path = base / file
    try:
        state = path.stat()
        return _message_type(path, name, state.st_mtime_ns, state.st_size)
    except OSError as error:
        raise ProtobufError(
            "file", f"the file {file!r} cannot be read: {(error.strerror or str(error)).lower()}"
        ) from None
    except ValueError:  # a NUL in the name
        raise ProtobufError("file", "no file can have this name") from None


@functools.lru_cache(maxsize=64)
def _message_type(path: Path, name: str, changed_ns: int, size: int) -> MessageType:
    """Return a type. ``changed_ns`` and ``size`` tell a file from what it was before.

    Raises:
        OSError: The file cannot be read.
        ProtobufError: It cannot be used, or has no such type; or the package protobuf is missing.
    """
    try:
        from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
        from google.protobuf.message import DecodeError
    except ImportError:
        raise ProtobufError("file", "protobuf needs the package protobuf", _INSTALL) from None
    described = descriptor_pb2.FileDescriptorSet()
    pool = descriptor_pool.DescriptorPool()
    try:
        described.ParseFromString(path.read_bytes())
        for file in described.file:
            pool.AddSerializedFile(file.SerializeToString())
        descriptors = [pool.FindFileByName(file.name) for file in described.file]
    except (DecodeError, TypeError, KeyError) as error:
        raise ProtobufError("file", f"{path.name} is no whole set of descriptors: {error}", _MAKE_IT) from None
    if not descriptors:
        raise ProtobufError("file", f"{path.name} describes nothing", _MAKE_IT)
    names = [each for file in descriptors for each in _types_in(file.message_types_by_name.values())]
    if name not in names:
        advice = did_you_mean(name, names) or f"it has {', '.join(names[:_LISTED])}"
        raise ProtobufError("message", f"{path.name} has no message {name!r}", advice)
    found = pool.FindMessageTypeByName(name)
    return MessageType(name, message_factory.GetMessageClass(found), pool)


def _types_in(descriptors: Any) -> Iterator[str]:
    for descriptor in descriptors:
        yield descriptor.full_name
        yield from _types_in(descriptor.nested_types)


# -- reading ----------------------------------------------------------------------------------------------------------


def _fields(message: Any) -> dict[str, Any]:
    found = {}
    for field in message.DESCRIPTOR.fields:
        if not field.has_presence or message.HasField(field.name):
            found[field.name] = _value(field, getattr(message, field.name))
    return found


def _value(field: Any, value: Any) -> Any:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        of = field.message_type.fields_by_name["value"]
        return {key if isinstance(key, str) else show(key): _single(of, value[key]) for key in value}
    if field.is_repeated:
        return [_single(field, each) for each in value]
    return _single(field, value)


def _single(field: Any, value: Any) -> Any:
    if field.message_type is not None:
        return _fields(value)
    if field.enum_type is not None:
        named = field.enum_type.values_by_number.get(value)
        return value if named is None else named.name
    return value


# -- writing ----------------------------------------------------------------------------------------------------------


def _with_text(value: Any) -> Any:
    """Return a value with bytes as base64 and infinite numbers as words, as the JSON of Protocol Buffers has them."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, float) and not math.isfinite(value):
        return {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, "NaN")
    if isinstance(value, dict):
        return {key: _with_text(inner) for key, inner in value.items()}
    return [_with_text(inner) for inner in value] if isinstance(value, list) else value


def _check_names(value: Any, descriptor: Any) -> None:
    fields = {**{field.json_name: field for field in descriptor.fields}, **descriptor.fields_by_name}
    for name, inner in value.items() if isinstance(value, dict) else ():
        if "{{" in name:
            continue
        if name not in fields:
            known = [field.name for field in descriptor.fields]
            advice = did_you_mean(name, known) or f"its fields are {', '.join(known[:_LISTED])}"
            raise ProtobufError("value", f"{descriptor.full_name} has no field {name!r}", advice)
        of = fields[name].message_type
        if of is None or of.GetOptions().map_entry or of.full_name.startswith("google.protobuf."):
            continue  # the well-known types are written in ways of their own
        for each in inner if isinstance(inner, list) else (inner,):
            _check_names(each, of)
