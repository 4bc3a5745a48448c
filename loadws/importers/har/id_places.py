"""Where ids stand: values that a client makes up to know the answer by, or to name what it opens."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from loadws.importers.credentials import UUID
from loadws.importers.har.recording import Frame
from loadws.importers.leaves import Key, Path, Scalar, is_id_name, key_of, leaves, name_of


def is_uuid(value: Scalar) -> bool:
    return isinstance(value, str) and UUID.fullmatch(value) is not None


def is_id_place(path: Path, value: Scalar = "") -> bool:
    """Return whether a value at this place tells a message from others: by its name, or at the front of an array."""
    if path == (0,):  # a whole number there is the type of the message in OCPP and WAMP
        return isinstance(value, str)
    return path == (1,) or is_id_name(name_of(path)) or is_uuid(value)


class Place(msgspec.Struct, frozen=True):
    """A place of an id; ``index`` is that of its message in the conversation."""

    index: int
    frame: Frame
    path: Path


class IdIndex:
    """Every place of every id of a conversation, by its value."""

    def __init__(self, frames: Iterable[Frame]) -> None:
        self._places: dict[Key, list[Place]] = {}
        for index, frame in enumerate(frames):
            for path, value in leaves(frame.json) if frame.json is not None else ():
                if is_id_place(path, value):
                    self._places.setdefault(key_of(value), []).append(Place(index, frame, path))

    def of(self, value: Scalar) -> list[Place]:
        """Return the places of a value, in the order of the messages."""
        return self._places.get(key_of(value), [])
