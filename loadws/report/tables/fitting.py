"""Tables for a terminal that is too narrow for all of their columns: columns are left out before words are broken."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.cells import cell_len

from loadws.report.timings import LatencyRow

#: The names of the columns, and the rows, whose cells are texts.
Cells = tuple[tuple[str, ...], list[tuple[str, ...]]]

BETWEEN = 2  # columns of the terminal between two of a table, and before the first one
#: What is left out first: p90 lies between two that are shown, and how often it was measured says least.
_SPARE = ("p90", "count")


def latency_table(rows: Sequence[LatencyRow], fields: Sequence[str], width: int) -> Cells:
    """Return head and body of the first of these that fits a width: the whole table, one without p90, one without
    service times too, and one without counts too, which is taken if none fits.
    """
    answers = [row for row in rows if row.what != "service"]
    whole, short = _cells(rows, fields), _cells(answers, fields)
    tables = [whole, without(whole, "p90"), without(short, "p90"), without(without(short, "p90"), "count")]
    return next((table for table in tables if fits(table, width)), tables[-1])


def narrowed(table: Cells, width: int) -> Cells:
    """Return a table without as many of the columns that can be spared as it takes to fit a width."""
    for name in _SPARE:
        if fits(table, width):
            break
        table = without(table, name)
    return table


def fits(table: Cells, width: int) -> bool:
    """Return whether a table needs no more than so many columns of a terminal, with no word broken."""
    head, body = table
    return sum(max(map(cell_len, column)) + BETWEEN for column in zip(head, *body, strict=True)) <= width


def without(table: Cells, name: str) -> Cells:
    """Return a table without a column; the same where it has none of that name."""
    head, body = table
    kept = [at for at, each in enumerate(head) if each != name]
    return tuple(head[at] for at in kept), [tuple(row[at] for at in kept) for row in body]


def _cells(rows: Sequence[LatencyRow], fields: Sequence[str]) -> Cells:
    """Return a table in which each step is named once, and the kind of time only where there are several."""
    body = list(_body(rows))
    table = ("step", "time", "count", *fields), body
    return table if len({row.what for row in rows}) > 1 else without(table, "time")


def _body(rows: Sequence[LatencyRow]) -> Iterator[tuple[str, ...]]:
    for at, row in enumerate(rows):
        again = at > 0 and rows[at - 1].step == row.step
        yield ("" if again else row.step, row.what, row.count, *row.cells)
