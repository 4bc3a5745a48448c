"""Data files: a row of values for each user.

A feed keeps no position. Which row a user gets is computed from its number and the run's seed, so that it is the same
whatever the number of processes: ``sequential`` and ``unique`` give user n the row n, ``random`` a hash of seed, user and
session.

========== ============================== =======================================
order      beyond the last row            the same row for several users
========== ============================== =======================================
sequential from the top, or none (stop)   where it begins again from the top
unique     none                           never
random     there is no end                by chance
========== ============================== =======================================

CSV has a header line and all its values are text; JSON keeps its types. Every row has the same columns.
"""

from __future__ import annotations

import csv
import hashlib
import io
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from loadws.scenario.model import DataSource
from loadws.terms import chance
from loadws.terms.errors import LoadwsError
from loadws.terms.units import format_size

#: What a file may hold for now: rows are kept in memory, in each process.
MOST_ROWS = 1_000_000
LARGEST_FILE = 256 * 2**20

_Row = tuple[Any, ...]
_Numbered = tuple[int | None, _Row]


class DataError(LoadwsError):
    """A data file cannot be used. ``line`` (1 based) is where, if it is a matter of one line."""

    def __init__(self, message: str, line: int | None = None, advice: str = "") -> None:
        super().__init__(message, advice)
        self.line = line


class Feed:
    """The rows of one data file, and who gets which."""

    __slots__ = ("_rows", "_salt", "_source", "columns")

    def __init__(self, source: DataSource, columns: tuple[str, ...], rows: list[_Row]) -> None:
        self.columns = columns
        self._rows = rows
        self._source = source
        # Two files in random order must not be picked from in step, nor in step with the user's own random values.
        self._salt = int.from_bytes(hashlib.blake2b(source.file.encode(), digest_size=8).digest())

    def __len__(self) -> int:
        return len(self._rows)

    def row(self, user: int, session: int, seed: int) -> Mapping[str, Any] | None:
        """The row of a user's session; None where there is none left for it."""
        number = self._number(user, session, seed)
        return None if number is None else dict(zip(self.columns, self._rows[number], strict=True))

    def _number(self, user: int, session: int, seed: int) -> int | None:
        count = len(self._rows)
        if self._source.order == "random":
            return chance.draw(seed ^ self._salt, user, session) % count
        if user < count:
            return user
        repeats = self._source.order == "sequential" and self._source.when_exhausted == "repeat"
        return user % count if repeats else None


def open_feed(source: DataSource, base: Path) -> Feed:
    """Reads the file, whose path is relative to ``base``. Raises ``DataError``."""
    file = base / source.file
    read = _READERS.get(file.suffix.lower())
    if read is None:
        raise DataError(
            f"{source.file}: what kind of file this is cannot be told", None, f"its name ends in {', '.join(_READERS)}"
        )
    try:
        columns, rows = _table(read(_text(file)))
    except DataError as error:
        place = source.file if error.line is None else f"{source.file}:{error.line}"
        raise DataError(f"{place}: {error}", error.line, error.advice) from None
    return Feed(source, columns, rows)


def _text(file: Path) -> str:
    """The file as text, without a byte order mark."""
    try:
        state = file.stat()
        if not stat.S_ISREG(state.st_mode):
            raise DataError("is not a file")
        if state.st_size > LARGEST_FILE:
            raise DataError(f"has {format_size(state.st_size)}; {format_size(LARGEST_FILE)} are allowed for now")
        content = file.read_bytes()
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}") from None
    except ValueError:  # a NUL in the name
        raise DataError("cannot be read: no file can have this name") from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError("this is not UTF-8", line, "save the file as UTF-8") from None


def _table(numbered: Iterator[_Numbered]) -> tuple[tuple[str, ...], list[_Row]]:
    """The columns, which a reader gives first, and the rows."""
    _, columns = next(numbered, (None, ()))
    rows: list[_Row] = []
    for line, row in numbered:
        if len(rows) == MOST_ROWS:
            raise DataError(f"there are more than {MOST_ROWS:,} rows, which is what is allowed for now", line)
        rows.append(row)
    if not rows:
        raise DataError("there are no rows in it")
    return columns, rows


# -- CSV --------------------------------------------------------------------------------------------------------------


def _csv(text: str) -> Iterator[_Numbered]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    lines = _csv_lines(reader)
    line, header = next(lines, (None, []))
    columns = tuple(name.strip() for name in header)
    _check_header(columns, line)
    yield line, columns
    for line, row in lines:
        if len(row) != len(columns):
            raise DataError(f"this row has {_fields(len(row))}, and the header {_fields(len(columns))}", line)
        yield line, tuple(row)


def _csv_lines(reader: Any) -> Iterator[tuple[int, list[str]]]:
    """Each row that is not blank, with the line that it begins on."""
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader, None)
        except csv.Error as error:
            raise DataError(f"this is not CSV: {error}", line) from None
        if row is None:
            return
        if row:
            yield line, row


def _check_header(columns: tuple[str, ...], line: int | None) -> None:
    seen: set[str] = set()
    for number, name in enumerate(columns, 1):
        if not name:
            raise DataError(f"column {number} has no name in the header", line)
        if name in seen:
            raise DataError(f"the column {name!r} stands twice in the header", line)
        seen.add(name)


def _fields(count: int) -> str:
    return "1 field" if count == 1 else f"{count} fields"


# -- JSON -------------------------------------------------------------------------------------------------------------


def _json_lines(text: str) -> Iterator[_Numbered]:
    # split("\n"), because splitlines() also splits at characters that may stand inside a JSON text.
    lines = ((number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip())
    return _objects((number, _decoded(line, number)) for number, line in lines)


def _json_array(text: str) -> Iterator[_Numbered]:
    rows = _decoded(text, None)
    if not isinstance(rows, list):
        raise DataError("this is not an array of objects")
    return _objects((None, row) for row in rows)


def _decoded(text: str, line: int | None) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise DataError(f"this is not JSON: {error}", line) from None


def _objects(rows: Iterable[tuple[int | None, Any]]) -> Iterator[_Numbered]:
    columns: tuple[str, ...] = ()
    for number, (line, row) in enumerate(rows, 1):
        if not isinstance(row, dict) or not row:
            raise DataError(f"row {number} is not an object with something in it", line)
        if not columns:
            columns, keys = tuple(row), row.keys()
            yield line, columns
        if row.keys() != keys:
            raise DataError(f"row {number} {_difference(row, columns)}", line, "every row has the same columns")
        yield line, tuple(row[column] for column in columns)


def _difference(row: dict[str, Any], columns: tuple[str, ...]) -> str:
    for column in columns:
        if column not in row:
            return f"has no {column!r}, as the first row has"
    surplus = next(key for key in row if key not in columns)
    return f"has {surplus!r}, which the first row has not"


_READERS: dict[str, Callable[[str], Iterator[_Numbered]]] = {
    ".csv": _csv,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".json": _json_array,
}
