"""The payload of a ``send`` or ``request``, prepared before the run: a constant is encoded once."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from loadws.scenario.model.steps import Binary, Payload
from loadws.scenario.template.template import Compiled, Scope, compile_json, compile_template, compile_value
from loadws.scenario.template.values import EvaluationError, as_json
from loadws.scenario.unpacking.msgpack import write_msgpack
from loadws.scenario.unpacking.protobuf import message_type
from loadws.transport.base import payload_bytes

AnyPayload = TypeVar("AnyPayload", str, bytes)


class CompiledPayload(msgspec.Struct, frozen=True):
    """A payload.

    ``make`` returns the value of ``sent`` in templates, and the bytes or text; ``constant`` is set if it is fixed.
    """

    make: Callable[[Scope], tuple[Any, str | bytes]]
    constant: str | bytes | None = None

    @property
    def constant_bytes(self) -> int:
        return 0 if self.constant is None else payload_bytes(self.constant)


def compile_payload(payload: Payload, base: Path) -> CompiledPayload:
    """Compile a payload. Raises ``OSError`` where a file of it cannot be read."""
    if payload.binary is not None:
        return _binary(payload.binary, base)
    if payload.file is not None:
        content = (base / payload.file).read_bytes().decode()
        return _text(content) if payload.template else _constant(content)
    if payload.text is not None:
        return _text(payload.text)
    if "msgpack" in payload.model_fields_set:
        return _written(compile_value(payload.msgpack), write_msgpack)
    if payload.protobuf is not None:
        of = message_type(base, payload.protobuf.file, payload.protobuf.message)
        return _written(compile_value(payload.protobuf.value), of.write)
    compiled = compile_json(payload.json_)
    if compiled.constant:
        return _constant(compiled.text(_NO_SCOPE), payload.json_)
    return CompiledPayload(compiled.both)


def _text(text: str) -> CompiledPayload:
    template = compile_template(text)
    if template.constant:
        return _constant(template.text(_NO_SCOPE))
    return CompiledPayload(lambda scope: _twice(template.text(scope)))


_NO_SCOPE = Scope(clock=lambda: 0)


def _binary(binary: Binary, base: Path) -> CompiledPayload:
    if binary.hex is not None:
        return _decoded(binary.hex, "hexadecimal", bytes.fromhex)
    if binary.base64 is not None:
        return _decoded(binary.base64, "base64", lambda text: base64.b64decode(text, validate=True))
    if binary.file is not None:
        return _constant((base / binary.file).read_bytes())
    size = binary.random or 0

    def random(scope: Scope) -> tuple[Any, bytes]:
        return _twice(hashlib.shake_128(scope.draw().to_bytes(8)).digest(size))

    return CompiledPayload(random)


def _decoded(text: str, form: str, decode: Callable[[str], bytes]) -> CompiledPayload:
    """Return the bytes that a text stands for; those of a text with templates are decoded for each message."""
    template = compile_template(text)
    if template.constant:
        return _constant(decode(text))

    def make(scope: Scope) -> tuple[Any, bytes]:
        try:
            return _twice(decode(template.text(scope)))
        except ValueError:  # binascii.Error is one
            raise EvaluationError(f"the binary message is not {form}") from None

    return CompiledPayload(make)


def _written(compiled: Compiled, write: Callable[[Any], bytes]) -> CompiledPayload:
    """Return a value in another form than JSON; a constant is written once."""
    if compiled.constant:
        value = compiled.evaluate(_NO_SCOPE)
        return _constant(write(value), value)

    def make(scope: Scope) -> tuple[Any, bytes]:
        value = compiled.evaluate(scope)
        return value, write(value)

    return CompiledPayload(make)


def _constant(payload: str | bytes, value: Any = None) -> CompiledPayload:
    pair = (payload if value is None else value, payload)
    return CompiledPayload(lambda scope: pair, payload)


def _given(scope: Scope) -> tuple[Any, str | bytes]:
    value = scope.extra["given"]
    if isinstance(value, str | bytes):
        return value, value
    try:
        return value, msgspec.json.encode(value).decode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return value, as_json(value)


#: The payload that a Python function passes beside its step: text and bytes as they are, all else as JSON.
GIVEN = CompiledPayload(_given)


def _twice(payload: AnyPayload) -> tuple[Any, AnyPayload]:
    return payload, payload
