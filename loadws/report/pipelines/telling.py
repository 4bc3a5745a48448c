"""The output for a CI service: lines on stdout, text to append to files, and files to write, as data."""

from __future__ import annotations

from pathlib import Path

import msgspec


class Appended(msgspec.Struct, frozen=True):
    """Text for the end of a file that the service names. ``most`` is the largest that the file may become, in bytes."""

    path: Path
    text: str
    most: int


class Telling(msgspec.Struct, frozen=True):
    """The output for a CI service: lines on stdout, and files to write or to append to."""

    lines: tuple[str, ...] = ()
    appended: tuple[Appended, ...] = ()
    written: dict[Path, bytes] = msgspec.field(default_factory=dict)
