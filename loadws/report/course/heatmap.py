"""Latency over time as a grid of counts, read from ``intervals.hlog``: at most 120 columns of time and 40 rows of
latency.

A log of hours with many steps has millions of lines. Pieces of a long one are read at even distances, so that the time
to make a map does not grow with the run; ``share`` is the share of the log that was read.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from loadws.metrics.histograms.histogram import HistogramError, LatencyHistogram
from loadws.metrics.histograms.hlog import parse

MOST_COLUMNS, MOST_ROWS = 120, 40
_METRIC = "response_time"
_READ_WHOLE_BYTES = 24 * 2**20
_PIECES = 240
_ROWS_PER_DOUBLING = 4


@dataclass(slots=True)
class HeatMap:
    """Counts by (column of time, row of latency). ``step`` is empty for all steps together.

    Row r has times from 2^(r/4) µs up to 2^((r+1)/4) µs. ``share`` is the share of the log that was read.
    """

    step: str
    until_s: float
    columns: int
    cells: dict[tuple[int, int], int] = field(default_factory=dict)
    share: float = 1.0


def heat_maps(log: Path, until_s: float, intervals: int, steps: Collection[str]) -> tuple[HeatMap, ...]:
    """Return the map of all steps, then of each of ``steps``; none where there is no log, or one that cannot be read.

    ``intervals`` is how many points the run's series has: a map has no more columns than that.
    """
    columns = max(1, min(MOST_COLUMNS, intervals))
    maps = {step: HeatMap(step, until_s, columns) for step in ("", *steps)}
    try:
        share = _read(log, maps, until_s)
    except (OSError, HistogramError, ValueError):
        return ()
    for each in maps.values():
        each.share = share
    return tuple(each for each in maps.values() if each.cells)


def row_limits(row: int) -> tuple[float, float]:
    """Return the lower and the upper limit of a row, in ms."""
    return 2 ** (row / _ROWS_PER_DOUBLING) / 1000, 2 ** ((row + 1) / _ROWS_PER_DOUBLING) / 1000


def _read(log: Path, maps: dict[str, HeatMap], until_s: float) -> float:
    """Count the log's values into the maps; return the share of the log that was read."""
    size = log.stat().st_size
    piece = size if size <= _READ_WHOLE_BYTES else _READ_WHOLE_BYTES // _PIECES
    with log.open("rb") as file:
        for start in range(0, size, piece if piece == size else size // _PIECES) if size else ():
            file.seek(start)
            if start:
                file.readline()  # the rest of a line that began before
            for line in _lines(file.read(piece)):
                _count(line, maps, until_s)
    return min(1.0, piece * _PIECES / size) if size and piece < size else 1.0


def _lines(block: bytes) -> Iterator[str]:
    mark = f"Tag={_METRIC};".encode()
    plain_mark = f"Tag={_METRIC},".encode()
    for line in block.splitlines(keepends=True):
        if line.endswith(b"\n") and line.startswith((mark, plain_mark)):
            yield line.decode("utf-8", "replace")


def _count(line: str, maps: dict[str, HeatMap], until_s: float) -> None:
    for interval in parse([line]):
        middle_s = interval.start_s + interval.duration_s / 2
        wanted = [maps[""]]
        if (own := maps.get(interval.labels.get("step", ""))) is not None and own.step:
            wanted.append(own)
        column = min(wanted[0].columns - 1, int(middle_s / until_s * wanted[0].columns)) if until_s else 0
        counts = _rows(interval.payload)
        for each in wanted:
            for row, count in counts.items():
                each.cells[column, row] = each.cells.get((column, row), 0) + count


def _rows(payload: str) -> dict[int, int]:
    """Return how many values of an encoded histogram lie in each row."""
    counts: dict[int, int] = {}
    for value, count in LatencyHistogram.of_payload(payload).items():
        row = _row_of(value)
        counts[row] = counts.get(row, 0) + count
    return counts


@cache  # a histogram has some thousand buckets, and a log some million values in them
def _row_of(value: float) -> int:
    return max(0, math.floor(_ROWS_PER_DOUBLING * math.log2(max(value / 1000, 1.0))))
