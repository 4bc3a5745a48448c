"""The folder of a command that makes many slices. Each is written at once, so that none is lost with the command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from loadws.cli.comparing.slices import Slice
from loadws.metrics.summary import to_json
from loadws.report.folder import RUN, SLICES, SUMMARY, new_folder, slug
from loadws.terms.errors import OutputError


@dataclass(slots=True)
class KeptSlices:
    """A folder and the slices in it so far."""

    path: Path
    count: int = 0

    def add(self, name: str, done: Slice) -> None:
        """Write a slice's summary and its ``run.json`` at once, in a folder of the slice's number and ``name``.

        Raises:
            OutputError: A file cannot be written.
        """
        self.count += 1
        folder = self.path / SLICES / f"{self.count:03}-{slug(name)}"
        try:
            folder.mkdir(parents=True)
            (folder / RUN).write_bytes(msgspec.json.encode(done.info))
            (folder / SUMMARY).write_bytes(to_json(done.summary))
        except OSError as error:
            raise OutputError(
                f"{folder} cannot be written: {error.strerror or error}", "choose another folder with --out"
            ) from error


@contextmanager
def kept_slices(out: Path, scenario: str, command: str) -> Iterator[KeptSlices]:
    """Make a new folder for a command that begins now; two that begin in the same second get two.

    At the end a folder without a slice is removed.

    Raises:
        OutputError: The folder cannot be made.
    """
    parent = out / slug(scenario)
    try:
        kept = KeptSlices(new_folder(parent, f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{command}"))
    except OSError as error:
        raise OutputError(
            f"{parent} cannot be written: {error.strerror or error}", "choose another folder with --out"
        ) from error
    try:
        yield kept
    finally:
        if not kept.count:
            with suppress(OSError):  # the scenario's folder may have other runs
                kept.path.rmdir()
                parent.rmdir()
