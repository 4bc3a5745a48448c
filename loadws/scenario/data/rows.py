"""The rows of a data file, each read when it is needed. Only the place of each is kept, twelve bytes for a row.

A file is read once from beginning to end, so that every mistake in it is found before the load; none of its rows is kept. A
row is then read from its place and decoded anew, in 3 to 4 µs. So a million rows take 12 MB and no objects in each process,
and the machine shares the file's pages. To check a million rows takes about a second; the index is kept for the next opening
of the same file in the same state.

CSV has a header line and all its values are text; JSON keeps its types. Every row has the same columns.
"""

from __future__ import annotations

import csv
import functools
import io
import json
import os
import stat
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from loadws.scenario.json_reader import NotJson, read_elements, read_json
from loadws.terms.errors import LoadwsError
from loadws.terms.units import format_size

#: The most that a file may have: a mistyped name is reported at once, and not after minutes.
LARGEST_FILE = 8 * 2**30
#: A JSON array is read as a whole.
LARGEST_ARRAY = 256 * 2**20

_Row = tuple[Any, ...]
#: Where a row begins and ends, and what it is.
_Placed = tuple[int, int, _Row]
#: Windows would change line ends; elsewhere there is no such flag.
_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0)
_WHITE = b" \t\r\n"
_COPY = "write a new file beside it and rename it, or let the run have a copy of its own"


class DataError(LoadwsError):
    """A data file cannot be used. ``line`` (1 based) is the line at fault, if it is one line."""

    def __init__(self, message: str, line: int | None = None, advice: str = "") -> None:
        super().__init__(message, advice)
        self.line = line


class Dialect(msgspec.Struct, frozen=True):
    """How a CSV file is written. ``columns`` are the names where it has no header line; ``delimiter`` None is a comma."""

    delimiter: str | None = None
    columns: tuple[str, ...] = ()

    @property
    def sign(self) -> str:
        return self.delimiter or ","


DEFAULT_DIALECT = Dialect()


class Rows:
    """The rows of a file by their number, from 0. Raises ``DataError`` where the file has changed.

    A file that is rewritten in place is noticed by its time and size, which costs a microsecond with each row. Replacing the
    file by another of the same name changes nothing: the rows are those of the first.
    """

    __slots__ = ("_decode", "_file", "_lengths", "_starts", "_state", "columns")

    def __init__(self, file: int, columns: tuple[str, ...], decode: _Decode) -> None:
        self.columns = columns
        self._file = file
        self._state = _state_of(file)
        self._decode = decode
        self._starts, self._lengths = array("Q"), array("I")

    def __len__(self) -> int:
        return len(self._starts)

    def add(self, start: int, end: int) -> None:
        self._starts.append(start)
        self._lengths.append(end - start)

    def __getitem__(self, number: int) -> _Row:
        start, length = self._starts[number], self._lengths[number]
        if _state_of(self._file) != self._state:
            raise DataError("the file was changed while it was in use", None, _COPY)
        try:
            os.lseek(self._file, start, os.SEEK_SET)
            row = self._decode(os.read(self._file, length).decode(), self.columns)
            if len(row) == len(self.columns):
                return row
        except (DataError, UnicodeDecodeError, OSError, KeyError, StopIteration):
            pass
        raise DataError(
            f"row {number + 1:,} is not there any more: the file was changed while it was in use", None, _COPY
        )

    def __del__(self) -> None:
        os.close(self._file)


def _state_of(file: int) -> tuple[int, int]:
    """Return the time of modification and the size of an open file, which change when it is rewritten."""
    state = os.fstat(file)
    return state.st_mtime_ns, state.st_size


def _tell_nothing(_file: Path, _read: int, _whole: int) -> None:
    """Take how far a file is read, for those that do not ask."""


#: Is told how far a large file is read, in bytes: by the command line, for the terminal.
READING: ContextVar[Callable[[Path, int, int], None]] = ContextVar("READING", default=_tell_nothing)
_ROWS_BETWEEN = 10_000


def open_rows(file: Path, dialect: Dialect = DEFAULT_DIALECT) -> Rows:
    """Open a data file and find its rows.

    Raises:
        DataError: The file cannot be read, is too large, or its content is not valid.
    """
    reader = _READERS.get(file.suffix.lower())
    if reader is None:
        raise DataError("what kind of file this is cannot be told", None, f"its name ends in {', '.join(_READERS)}")
    try:
        state = file.stat()
        if not stat.S_ISREG(state.st_mode):
            raise DataError("is not a file")
        largest = LARGEST_ARRAY if file.suffix.lower() == ".json" else LARGEST_FILE
        if state.st_size > largest:
            advice = "JSON lines (.jsonl) may be longer" if largest == LARGEST_ARRAY else ""
            message = f"has {format_size(state.st_size)}; {format_size(largest)} are allowed"
            raise DataError(message, None, advice)
        return _indexed(file, dialect, state.st_size, state.st_mtime_ns, state.st_ino)
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}") from None
    except ValueError:  # a NUL in the name
        raise DataError("cannot be read: no file can have this name") from None


@functools.lru_cache(maxsize=16)
def _indexed(file: Path, dialect: Dialect, size: int, changed_ns: int, inode: int) -> Rows:
    """Return the rows and their index. ``size``, ``changed_ns`` and ``inode`` identify this version of the file.

    Raises:
        DataError: The content is not valid, or has no rows.
    """
    read, decode = _READERS[file.suffix.lower()](dialect)
    with file.open("rb", buffering=1 << 20) as stream:
        placed = read(stream)
        _, _, columns = next(placed, (0, 0, ()))
        rows = Rows(os.open(file, _FLAGS), columns, decode)
        told = READING.get()
        for number, (start, end, _) in enumerate(placed, 1):
            rows.add(start, end)
            if number % _ROWS_BETWEEN == 0:
                told(file, end, size)
    if not len(rows):
        raise DataError("there are no rows in it")
    return rows


class _Lines:
    """The lines of a file as text, and how far it was read: ``at`` in bytes, ``number`` in lines."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.at = self.number = 0

    def __iter__(self) -> Iterator[str]:
        for line in self._stream:
            self.number += 1
            try:
                text = line.decode("utf-8-sig" if self.number == 1 else "utf-8")
            except UnicodeDecodeError:
                raise DataError("this is not UTF-8", self.number, "save the file as UTF-8") from None
            self.at += len(line)
            yield text


# -- CSV --------------------------------------------------------------------------------------------------------------


def _csv_reader(dialect: Dialect) -> tuple[_Read, _Decode]:
    return functools.partial(_csv, dialect), functools.partial(_decode_csv, dialect.sign)


def _csv(dialect: Dialect, stream: BinaryIO) -> Iterator[_Placed]:
    """Yield the header, then the rows.

    A row ends where the reader needs no further line, so quoted fields may contain some.

    Raises:
        DataError: A row has more or fewer fields than the header.
    """
    lines = _Lines(stream)
    placed = _csv_rows(lines, dialect.sign)
    if dialect.columns:
        columns, named_by = dialect.columns, "`columns`"
        yield 0, 0, columns
    else:
        line, start, header = next(placed, (None, 0, []))
        columns, named_by = tuple(name.strip() for name in header), "the header"
        _check_header(columns, line, dialect)
        yield start, lines.at, columns
    for line, start, row in placed:
        if len(row) != len(columns):
            message = f"this row has {_fields(len(row))}, and {named_by} {_fields(len(columns))}"
            raise DataError(message, line, _other_delimiter(row, dialect))
        yield start, lines.at, ()


def _csv_rows(lines: _Lines, delimiter: str) -> Iterator[tuple[int, int, list[str]]]:
    """Yield each row that is not blank, with the line and the byte at which it begins.

    Raises:
        DataError: A row is not CSV.
    """
    reader = csv.reader(iter(lines), strict=True, delimiter=delimiter)
    while True:
        line, start = lines.number + 1, lines.at
        try:
            row = next(reader, None)
        except csv.Error as error:
            raise DataError(f"this is not CSV: {error}", line) from None
        if row is None:
            return
        if row:
            yield line, start, row


def _decode_csv(delimiter: str, text: str, columns: tuple[str, ...]) -> _Row:
    """Return the fields. A byte order mark before the first row is no part of it.

    Raises:
        DataError: The text is not CSV.
    """
    try:
        lines = io.StringIO(text.removeprefix("\ufeff"), newline="")
        return tuple(next(csv.reader(lines, strict=True, delimiter=delimiter)))
    except csv.Error as error:
        raise DataError(str(error)) from None


def _check_header(columns: tuple[str, ...], line: int | None, dialect: Dialect) -> None:
    if advice := _other_delimiter(columns, dialect):
        raise DataError(f"the only column is called {columns[0]!r}", line, advice)
    seen: set[str] = set()
    for number, name in enumerate(columns, 1):
        if not name:
            raise DataError(f"column {number} has no name in the header", line)
        if name in seen:
            raise DataError(f"the column {name!r} stands twice in the header", line)
        seen.add(name)


def _other_delimiter(row: Sequence[str], dialect: Dialect) -> str:
    """Return advice where a row is one field that holds what separates fields elsewhere."""
    if dialect.delimiter is not None or len(row) != 1:
        return ""
    found = next((sign for sign in ";\t|" if sign in row[0]), None)
    return f"say how its fields are separated: delimiter: {json.dumps(found)}" if found else ""


def _fields(count: int) -> str:
    return "1 field" if count == 1 else f"{count} fields"


# -- JSON -------------------------------------------------------------------------------------------------------------


def _json_lines(stream: BinaryIO) -> Iterator[_Placed]:
    lines = _Lines(stream)

    def objects() -> Iterator[tuple[int | None, int, int, Any]]:
        start = 0
        for text in lines:
            if text.strip():
                yield lines.number, start, lines.at, _decoded(text, lines.number)
            start = lines.at

    return _objects(objects())


def _json_array(stream: BinaryIO) -> Iterator[_Placed]:
    """Yield the elements. Each begins where the one before ended, after white space and a comma.

    Raises:
        DataError: The content is not UTF-8, or not an array.
    """
    content = stream.read().removeprefix(b"\xef\xbb\xbf")
    skipped = stream.tell() - len(content)
    try:
        content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError("this is not UTF-8", line, "save the file as UTF-8") from None
    if not content.lstrip(_WHITE).startswith(b"["):
        _decoded(content, None)
        raise DataError("this is not an array of objects")

    def objects() -> Iterator[tuple[int | None, int, int, Any]]:
        at = content.index(b"[") + 1
        for raw in _elements(content):
            at = _after(content, at, _WHITE + b",")
            start, at = at, at + len(raw)
            yield None, start + skipped, at + skipped, _decoded(raw, None)

    return _objects(objects())


def _elements(content: bytes) -> list[bytes]:
    try:
        return read_elements(content)
    except NotJson as error:
        raise DataError(f"this is not JSON: {error}") from None


def _after(content: bytes, at: int, passed_over: bytes) -> int:
    while content[at] in passed_over:
        at += 1
    return at


def _decoded(text: str | bytes, line: int | None) -> Any:
    try:
        return read_json(text)
    except NotJson as error:
        raise DataError(f"this is not JSON: {error}", line) from None


def _decode_json(text: str, columns: tuple[str, ...]) -> _Row:
    row = _decoded(text.removeprefix("\ufeff"), None)
    if not isinstance(row, dict):
        raise DataError("this is no object")
    return tuple(row[column] for column in columns)


def _objects(rows: Iterable[tuple[int | None, int, int, Any]]) -> Iterator[_Placed]:
    """Yield the columns, which are those of the first row, then the rows.

    Raises:
        DataError: A row is not an object, or its keys differ from those of the first.
    """
    columns: tuple[str, ...] = ()
    for number, (line, start, end, row) in enumerate(rows, 1):
        if not isinstance(row, dict) or not row:
            raise DataError(f"row {number} is not an object with something in it", line)
        if not columns:
            columns, keys = tuple(row), row.keys()
            yield 0, 0, columns
        if row.keys() != keys:
            raise DataError(f"row {number} {_difference(row, columns)}", line, "every row has the same columns")
        yield start, end, ()


def _difference(row: dict[str, Any], columns: tuple[str, ...]) -> str:
    for column in columns:
        if column not in row:
            return f"has no {column!r}, as the first row has"
    surplus = next(key for key in row if key not in columns)
    return f"has {surplus!r}, which the first row has not"


_Read = Callable[[BinaryIO], Iterator[_Placed]]
_Decode = Callable[[str, tuple[str, ...]], _Row]
_READERS: dict[str, Callable[[Dialect], tuple[_Read, _Decode]]] = {
    ".csv": _csv_reader,
    ".jsonl": lambda dialect: (_json_lines, _decode_json),
    ".ndjson": lambda dialect: (_json_lines, _decode_json),
    ".json": lambda dialect: (_json_array, _decode_json),
}
