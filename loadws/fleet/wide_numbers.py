"""Whole numbers beyond 64 bits, which MessagePack has not: what ``setup`` captured of JSON may hold some.

On their way to a process they are an extension of MessagePack, and never a float.
"""

from __future__ import annotations

from typing import Any

import msgspec

#: The extension's code: decimal digits in ASCII.
_WIDE = 1
_LEAST, _GREATEST = -(2**63), 2**64 - 1


def packable(value: Any) -> Any:
    """Return a value of JSON as one that MessagePack can write."""
    if type(value) is int and not _LEAST <= value <= _GREATEST:
        return msgspec.msgpack.Ext(_WIDE, str(value).encode())
    if isinstance(value, dict):
        return {key: packable(inner) for key, inner in value.items()}
    return [packable(inner) for inner in value] if isinstance(value, list) else value


def unpacked(value: Any) -> Any:
    """Return the value that ``packable`` was given."""
    if isinstance(value, msgspec.msgpack.Ext):
        return int(value.data)
    if isinstance(value, dict):
        return {key: unpacked(inner) for key, inner in value.items()}
    return [unpacked(inner) for inner in value] if isinstance(value, list) else value
