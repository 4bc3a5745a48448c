"""Tables on terminals of any width: which columns are left out, and that no word is broken before."""

from __future__ import annotations

import pytest

from loadws.report.tables.fitting import Cells, fits, latency_table, narrowed, without
from loadws.report.timings import LatencyRow

FIELDS = ("p50", "p90", "p99", "max")
STEP = "a-name-of-twenty-cells"
ROWS = [
    LatencyRow(STEP, "response", "18,920", ("1.36 ms", "4.84 ms", "10.3 ms", "32.6 ms"), 0),
    LatencyRow(STEP, "service", "18,920", ("1.35 ms", "4.83 ms", "10.3 ms", "16.6 ms"), 0),
]


@pytest.mark.parametrize(
    ("width", "head", "rows"),
    [
        (80, ("step", "time", "count", "p50", "p90", "p99", "max"), 2),
        (78, ("step", "time", "count", "p50", "p90", "p99", "max"), 2),
        (77, ("step", "time", "count", "p50", "p99", "max"), 2),
        (69, ("step", "time", "count", "p50", "p99", "max"), 2),
        (68, ("step", "count", "p50", "p99", "max"), 1),
        (59, ("step", "count", "p50", "p99", "max"), 1),
        (58, ("step", "p50", "p99", "max"), 1),
        (20, ("step", "p50", "p99", "max"), 1),  # then the name is broken
    ],
)
def test_columns_go_before_a_word_is_broken(width: int, head: tuple[str, ...], rows: int) -> None:
    found, body = latency_table(ROWS, FIELDS, width)
    assert (found, len(body)) == (head, rows)
    assert width == 20 or fits((found, body), width)


def test_a_step_is_named_once() -> None:
    assert [row[0] for row in latency_table(ROWS, FIELDS, 80)[1]] == [STEP, ""]


def test_a_table_that_fits_stays_whole() -> None:
    table: Cells = ("metric", "count", "p50", "p90"), [("age", "3", "1 s", "2 s")]
    assert narrowed(table, 40) == table
    assert narrowed(table, 20) == (("metric", "count", "p50"), [("age", "3", "1 s")])
    assert narrowed(table, 1) == (("metric", "p50"), [("age", "1 s")])
    assert without(table, "p99") == table
