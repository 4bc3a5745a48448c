"""What is done to tell a service: lines on stdout, text appended to files, files written. Nothing here does any of it."""

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
    """The report to a service."""

    lines: tuple[str, ...] = ()
    appended: tuple[Appended, ...] = ()
    written: dict[Path, bytes] = field(default_factory=dict)
