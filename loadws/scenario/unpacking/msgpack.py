"""MessagePack in messages: values that steps match, capture and send.

Its values are those of JSON, and bytes, which stay bytes. A time (the extension -1) is the text that ``iso_time`` writes,
any other extension ``{"type": code, "data": bytes}``. A name that is no text becomes one, because conditions name it.
"""

from __future__ import annotations

import datetime
from typing import Any

import msgspec

from loadws.scenario.template.values import EvaluationError, kind, show


class NotMsgpack(ValueError):
    """A payload that is not MessagePack. The message is for people."""


def _extension(code: int, data: memoryview) -> Any:
    return {"type": code, "data": bytes(data)}


_DECODER = msgspec.msgpack.Decoder(ext_hook=_extension)


def read_msgpack(payload: bytes) -> Any:
    """Return the value of a payload.

    Raises:
        NotMsgpack: The payload is not one value of MessagePack.
    """
    try:
        return _plain(_DECODER.decode(payload))
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise NotMsgpack(f"{error}; the message begins with {show(payload[:16])}") from None


def _plain(value: Any) -> Any:
    """Return a decoded value with what JSON has not put into JSON's terms."""
    if isinstance(value, dict):
        return {key if isinstance(key, str) else _name(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return value


def _name(key: Any) -> str:
    return key.hex() if isinstance(key, bytes) else show(_plain(key))


def write_msgpack(value: Any) -> bytes:
    """Return a value of JSON, or with bytes in it, as MessagePack.

    Raises:
        EvaluationError: MessagePack cannot have the value, such as a whole number beyond 64 bits.
    """
    try:
        return msgspec.msgpack.encode(value)
    except (msgspec.MsgspecError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise EvaluationError(f"{kind(value)} cannot be written as MessagePack: {error}") from None
