"""The output for a CI service: lines on stdout, text to append to files, and files to write, as data."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Appended:
    """Text for the end of a file that the service names. ``most`` is the largest that the file may become, in bytes."""

    path: Path
    text: str
    most: int


@dataclass(frozen=True, slots=True)
class Telling:
    """The output for a CI service: lines on stdout, and files to write or to append to."""

    lines: tuple[str, ...] = ()
    appended: tuple[Appended, ...] = ()
    written: dict[Path, bytes] = field(default_factory=dict)
