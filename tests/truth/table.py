"""Claims in rows: what loadws reported, what was true, and the allowed difference."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """A row. ``holds`` None: it is shown without a claim."""

    what: str
    told: str
    truth: str
    holds: bool | None = None


def count_row(what: str, told: int, truth: int) -> Row:
    return Row(what, f"{told:,}", f"{truth:,}", told == truth)


def time_row(what: str, told_ns: float | None, truth_ns: float, within_ns: float | None) -> Row:
    """Return a row for a time. With ``within_ns`` None it has no claim."""
    if told_ns is None:
        return Row(what, "—", _ms(truth_ns), False if within_ns is not None else None)
    holds = None if within_ns is None else abs(told_ns - truth_ns) <= within_ns
    return Row(what, _ms(told_ns), _ms(truth_ns), holds)


def render(title: str, rows: Iterable[Row]) -> str:
    lines = [title, f"  {'':44} {'loadws says':>16} {'the truth is':>16}"]
    for row in rows:
        mark = {True: "✔", False: "✘", None: ""}[row.holds]
        lines.append(f"  {row.what:44} {row.told:>16} {row.truth:>16}  {mark}".rstrip())
    return "\n".join(lines)


def _ms(ns: float) -> str:
    return f"{ns / 1e6:,.3f} ms"
