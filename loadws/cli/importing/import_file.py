"""The parts of an import that all formats share: read the file, write the scenario, and print the notes about it."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

import msgspec

from loadws.importers.notes import Imported, ImportFailed
from loadws.terms.errors import ExitCode, OutputError, UsageError

#: The name of a file that stands for standard output.
STDOUT = Path("-")
#: A larger recording would need many times its size in memory.
_LARGEST_FILE = 512 * 1024 * 1024
_SHOWN_NOTES = 50


class ImportOptions(msgspec.Struct, frozen=True):
    """The options of an import: the file, where the scenario goes, and whether losses are failures."""

    file: Path
    out: Path
    strict: bool
    force: bool


def import_command(options: ImportOptions, convert: Callable[[bytes, Path], Imported]) -> int:
    """Import a file and return the exit code: 1 where something was left out and ``--strict`` was given.

    Raises:
        ImportFailed: The file cannot be imported.
        UsageError: A file would be overwritten, and ``--force`` was not given.
        OutputError: A file cannot be written.
    """
    if options.out != STDOUT and options.out.exists() and not options.force:
        raise UsageError(
            f"{options.out} is there already", "choose another name with -o, or write over it with --force"
        )
    imported = convert(_read(options.file), options.file)
    beside = [options.out.parent / name for name, _ in imported.files] if options.out != STDOUT else []
    for path in beside:
        _refuse_to_overwrite(path, options)
    _write(options.out, imported.text)
    for path, (_, text) in zip(beside, imported.files, strict=False):
        _write(path, text)
    _say(options, imported, sys.stderr if options.out == STDOUT else sys.stdout)
    is_short = options.strict and any(note.is_loss for note in imported.notes)
    return ExitCode.FAILED if is_short else ExitCode.PASSED


def _refuse_to_overwrite(path: Path, options: ImportOptions) -> None:
    if path.exists() and not options.force:
        raise UsageError(f"{path} is there already", "choose another place with -o, or write over it with --force")


def _read(file: Path) -> bytes:
    try:
        if file.stat().st_size > _LARGEST_FILE:
            raise ImportFailed(f"{file}: the file is larger than 512 MiB", "record a shorter session")
        return file.read_bytes()
    except OSError as error:
        raise ImportFailed(f"{file} cannot be read: {error.strerror}") from None


def _write(out: Path, text: str) -> None:
    if out == STDOUT:
        print(text, end="")
        return
    try:
        out.write_text(text, "utf-8")
    except OSError as error:
        raise OutputError(f"{out} cannot be written: {error.strerror}") from None


def _say(options: ImportOptions, imported: Imported, to: TextIO) -> None:
    for note in imported.notes[:_SHOWN_NOTES]:
        place = f"{options.file}:{note.line}" if note.line else str(options.file)
        print(f"{place}: {note.text}", file=to)
    if (more := len(imported.notes) - _SHOWN_NOTES) > 0:
        print(f"... and {more} more, which stand at the top of the scenario", file=to)
    if options.out == STDOUT:
        return
    for written in (options.out, *(options.out.parent / name for name, _ in imported.files)):
        print(f"{written} is written.", file=to)
    settings = "".join(f"{variable.environment}=... " for variable in imported.required)
    if settings:
        print("Set the variables that the file does not give away, then check and run it:", file=to)
    else:
        print("Check and run it:", file=to)
    for command in ("validate", "run"):
        print(f"  {settings}loadws {command} {shlex.quote(str(options.out))}", file=to)
