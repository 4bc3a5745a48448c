"""What an importer says beside the scenario: notes on what was left out or changed, and errors for what cannot be read."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from loadws.terms.errors import LoadwsError


class ImportFailed(LoadwsError):
    """The file is not what it should be. The message begins with the place: ``recording.har:12:3: …``."""


class Note(msgspec.Struct, frozen=True):
    """A sentence about one place of the imported file, whose values it never quotes: any of them may be a secret.

    ``line`` counts from 1; 0 stands for the file as a whole. ``is_loss`` is true where something of the file is not in the
    scenario: with ``--strict`` that is exit code 1.
    """

    line: int
    text: str
    is_loss: bool = True


@dataclass
class Notes:
    """The notes of one import, in the order in which they were made. Equal notes are kept once."""

    kept: list[Note] = field(default_factory=list)

    def loss(self, line: int, text: str) -> None:
        """Say that something was left out."""
        self._keep(Note(line, text))

    def change(self, line: int, text: str) -> None:
        """Say that something was carried over in another form, or must be completed by the user."""
        self._keep(Note(line, text, is_loss=False))

    def in_order(self) -> tuple[Note, ...]:
        """Return the notes in the order of the file's lines."""
        return tuple(sorted(self.kept, key=lambda note: note.line))

    def _keep(self, note: Note) -> None:
        if note not in self.kept:
            self.kept.append(note)


class Variable(msgspec.Struct, frozen=True):
    """A value that the user of the scenario must supply: ``${environment}`` becomes the variable ``name``."""

    name: str
    environment: str
    is_secret: bool = True
    is_text: bool = True


class Imported(msgspec.Struct, frozen=True):
    """A scenario, and what must be known about it.

    ``required`` are the variables that have no value yet; ``files`` are names and contents of what it needs beside it.
    """

    text: str
    notes: tuple[Note, ...]
    required: tuple[Variable, ...] = ()
    files: tuple[tuple[str, str], ...] = ()
