"""Data files: rows of values, by number.

A feed keeps no position; ``supply.py`` does, where rows are used one after another. With ``next: user`` a user's row is
computed from its number and the run's seed, so that it is the same whatever the number of processes: ``sequential`` and
``unique`` give user n the row n, ``random`` a hash of seed, user and session.

========== ============================== =======================================
order      beyond the last row            the same row twice
========== ============================== =======================================
sequential from the top, or none (stop)   where it begins again from the top
unique     none                           never
random     there is no end                by chance
========== ============================== =======================================
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from loadws.scenario.data.chunks import Chunks, open_chunks
from loadws.scenario.data.rows import DataError, Dialect, Rows, open_rows
from loadws.scenario.model.model import DataSource
from loadws.terms import chance

__all__ = ["DataError", "Feed", "open_feed"]


class Feed:
    """The rows of one data file, and which user gets which."""

    __slots__ = ("_rows", "_salt", "_source")

    def __init__(self, source: DataSource, rows: Rows | Chunks) -> None:
        self._rows = rows
        self._source = source
        # Two files in random order must not be picked from in step, nor in step with the user's own random values.
        self._salt = int.from_bytes(hashlib.blake2b(source.file.encode(), digest_size=8).digest())

    @property
    def columns(self) -> tuple[str, ...]:
        return self._rows.columns

    def __len__(self) -> int:
        return len(self._rows)

    def row(self, user: int, session: int, seed: int) -> Mapping[str, Any] | None:
        """Return the row of a user's session; None where none is left for it. Raises ``DataError``."""
        number = self._number(user, session, seed)
        return None if number is None else dict(zip(self.columns, self._rows[number], strict=True))

    def at(self, position: int, whose: int, seed: int) -> Mapping[str, Any] | None:
        """Return the row at a position of the sequence that rows are used in; None where none is left. Raises ``DataError``.

        ``whose`` tells the sequence of one user from that of another, for rows in random order.
        """
        if self._source.order == "random":
            number: int | None = chance.draw(seed ^ self._salt ^ 1, whose, position) % len(self._rows)
        else:
            number = self._in_order(position)
        return None if number is None else dict(zip(self.columns, self._rows[number], strict=True))

    def rows(self) -> Iterator[Mapping[str, Any]]:
        """Return the rows in the order of the file. Raises ``DataError``."""
        for number in range(len(self._rows)):
            yield dict(zip(self.columns, self._rows[number], strict=True))

    def _number(self, user: int, session: int, seed: int) -> int | None:
        if self._source.order == "random":
            return chance.draw(seed ^ self._salt, user, session) % len(self._rows)
        return self._in_order(user)

    def _in_order(self, position: int) -> int | None:
        count = len(self._rows)
        return position if position < count else position % count if self._source.repeats else None


def open_feed(source: DataSource, base: Path) -> Feed:
    """Check the file, whose path is relative to ``base``, and return its rows.

    Raises:
        DataError: The file cannot be used; the message names the file and the line.
    """
    try:
        return Feed(source, _rows_of(source, base / source.file))
    except DataError as error:
        place = source.file if error.line is None else f"{source.file}:{error.line}"
        raise DataError(f"{place}: {error}", error.line, error.advice) from None


def _rows_of(source: DataSource, file: Path) -> Rows | Chunks:
    if source.is_cut:
        return open_chunks(file, source.chunk_size, source.chunk_time)
    return open_rows(file, Dialect(source.delimiter, source.columns))
