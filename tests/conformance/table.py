"""Results -> a Markdown table, transport by section, that is read as well on a terminal; and every case that is not OK."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from tests.conformance.suite import VERDICTS, Result

_HEADINGS = ("transport", "section", "cases", *VERDICTS)


def render(results: Sequence[Result]) -> str:
    rows = [_row(name, str(section), group) for (name, section), group in _grouped(results)]
    totals = [_row(name, "all", _of(results, name)) for name in _names(results)]
    return "\n".join([*_aligned([_HEADINGS, *rows, *totals]), "", *_not_ok(results)]) + "\n"


def _grouped(results: Sequence[Result]) -> list[tuple[tuple[str, int], list[Result]]]:
    """By transport, in the order in which they ran, and section."""
    return [
        (key, list(group)) for key, group in groupby(results, key=lambda result: (result.transport, result.section))
    ]


def _names(results: Sequence[Result]) -> list[str]:
    return list(dict.fromkeys(result.transport for result in results))


def _of(results: Sequence[Result], name: str) -> list[Result]:
    return [result for result in results if result.transport == name]


def _row(name: str, section: str, results: Sequence[Result]) -> tuple[str, ...]:
    counts = (sum(result.verdict == verdict for result in results) for verdict in VERDICTS)
    return (name, section, str(len(results)), *map(str, counts))


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Names to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["| " + " | ".join(_cells(row, widths)) + " |" for row in rows]
    rule = "|".join(
        "-" * (width + 2) if column == 0 else "-" * (width + 1) + ":" for column, width in enumerate(widths)
    )
    return [lines[0], f"|{rule}|", *lines[1:]]


def _cells(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]


def _not_ok(results: Sequence[Result]) -> list[str]:
    rest = [result for result in results if result.verdict != "OK"]
    return [f"- {result.transport} {result.case}: {result.verdict} ({result.because})" for result in rest] or [
        "All OK."
    ]
