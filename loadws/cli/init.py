"""``loadws init``: a commented scenario to start from, which runs as it is."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from loadws.terms.errors import OutputError, UsageError


def init_command(file: Path, force: bool) -> None:
    """Raises ``UsageError`` where a file would be written over, ``OutputError`` where it cannot be written."""
    text = resources.files("loadws.cli").joinpath("starter.yaml").read_text("utf-8")
    try:
        with file.open("w" if force else "x", encoding="utf-8") as written:
            written.write(text)
    except FileExistsError:
        raise UsageError(f"{file} is there already", "choose another name, or write over it with --force") from None
    except OSError as error:
        raise OutputError(f"{file} cannot be written: {error.strerror}") from None
    print(f"{file} is written. Run it as it is with:  loadws run {file}")
