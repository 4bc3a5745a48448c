"""Live figures as lines of NDJSON or CSV, in a file or on stdout."""

from __future__ import annotations

import csv
import io
import sys
from typing import BinaryIO

import msgspec

from loadws.metrics.runinfo import RunInfo
from loadws.outputs.destinations import STDOUT, Destination
from loadws.outputs.second import Catalogue, Second
from loadws.outputs.second_rows import LABELS, Row, rows
from loadws.terms.errors import UsageError

#: The columns of CSV: a row's fields, with a column for each label in the place of ``labels``.
COLUMNS = tuple(
    column for field in Row.__struct_fields__ for column in (LABELS if field == "labels" else (field,))
)  # fmt: skip


class LinesExporter:
    """An exporter that writes each second when it is complete, all its lines at once. Raises ``UsageError`` where the
    file cannot be opened.
    """

    def __init__(self, destination: Destination) -> None:
        self.name = f"The output {destination}"
        self._is_csv = destination.kind == "csv"
        self._file = _opened(destination)
        self._catalogue: Catalogue | None = None

    def begin(self, info: RunInfo) -> None:
        """Write the header of CSV, where the file has none from the run before."""
        self._catalogue = Catalogue(info)
        if self._is_csv and not (self._file.seekable() and self._file.tell()):
            self._write(_csv_line(COLUMNS))

    def take(self, second: Second) -> None:
        """Write a second. Raises ``OSError``."""
        assert self._catalogue is not None
        line = csv_line if self._is_csv else ndjson_line
        self._write(b"".join(line(row) for row in rows(second, self._catalogue)))

    def close(self) -> None:
        """Close the file; stdout stays open. Raises ``OSError``."""
        if self._file is not sys.stdout.buffer:
            self._file.close()

    def _write(self, content: bytes) -> None:
        self._file.write(content)
        self._file.flush()


def ndjson_line(row: Row) -> bytes:
    """Return a row as a line of JSON. Fields without a value are left out."""
    return msgspec.json.encode(row) + b"\n"


def csv_line(row: Row) -> bytes:
    """Return a row as a line of CSV. Fields without a value are empty."""
    values = msgspec.to_builtins(row)
    values |= values.pop("labels")
    return _csv_line(_text(values.get(column)) for column in COLUMNS)


def _csv_line(values: object) -> bytes:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(values)  # type: ignore[arg-type]
    return line.getvalue().encode("utf-8", "replace")


def _text(value: object) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _opened(destination: Destination) -> BinaryIO:
    """Open to append: what an older run left is gone already, and each run of ``--repeat`` adds its lines.

    Raises:
        UsageError: The file cannot be written.
    """
    if destination.where == STDOUT:
        return sys.stdout.buffer
    try:
        return open(destination.where, "ab")  # noqa: PTH123 - closed by close()
    except OSError as error:
        raise UsageError(
            f"--output {destination}: cannot be written: {error.strerror or error}", "name a file that you may write"
        ) from error
