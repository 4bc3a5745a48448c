"""Rows of what was found beside what is claimed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from loadws.gate.statistics.shares import Share

#: The chance that one row is called proven or refuted wrongly.
DOUBT = 0.001


@dataclass(frozen=True, slots=True)
class Row:
    """``holds`` is None where nothing is claimed, or the claim is neither proven nor refuted."""

    what: str
    found: str
    claim: str = ""
    holds: bool | None = None


def at_most(what: str, seen: Share, most: float) -> Row:
    """Return a row that claims a rate of at most ``most``: proven, refuted, or open where the simulation is too short."""
    proven, refuted = _tail(seen.hits, seen.total, most)
    return Row(what, percent(seen), f"at most {most:.4g}", _mark(proven, refuted))


def at_least(what: str, seen: Share, least: float) -> Row:
    """Return a row that claims a rate of at least ``least``, as ``at_most`` does."""
    refuted, proven = _tail(seen.hits, seen.total, least)
    return Row(what, percent(seen), f"at least {least:.4g}", _mark(proven, refuted))


def about(what: str, seen: Share, least: float) -> Row:
    """Return a row that claims a rate of ``least`` or hardly more, which cannot be proven: it holds unless refuted."""
    refuted, _ = _tail(seen.hits, seen.total, least)
    return Row(what, percent(seen), f"at least {least:.4g}", refuted > DOUBT)


def _mark(proven: float, refuted: float) -> bool | None:
    return True if proven <= DOUBT else False if refuted <= DOUBT else None


def _tail(hits: int, n: int, rate: float) -> tuple[float, float]:
    """Return the chances of at most, and of at least, so many hits of n at this rate: the exact binomial test."""
    logs = [
        math.lgamma(n + 1)
        - math.lgamma(k + 1)
        - math.lgamma(n - k + 1)
        + k * math.log(rate)
        + (n - k) * math.log1p(-rate)
        for k in range(n + 1)
    ]
    return sum(map(math.exp, logs[: hits + 1])), sum(map(math.exp, logs[hits:]))


def percent(seen: Share) -> str:
    """Return the share with its standard error, or with an upper bound where nothing was seen."""
    rate = seen.hits / seen.total
    if not seen.hits:
        return f"0 of {seen.total:,} (< {3 / seen.total:.2%})"
    return f"{rate:.2%} ± {math.sqrt(rate * (1 - rate) / seen.total):.2%}"


def render(title: str, rows: Iterable[Row]) -> str:
    lines = [title]
    for row in rows:
        mark = {True: "✔", False: "✘", None: "?" if row.claim else ""}[row.holds]
        lines.append(f"  {row.what:<66} {row.found:>20}  {row.claim:<15} {mark}".rstrip())
    return "\n".join(lines)


def grid(title: str, corner: str, columns: Sequence[str], rows: Iterable[tuple[str, Sequence[str]]]) -> str:
    """Return a table with a line for each row."""
    lines = [title, f"  {corner:<14}" + "".join(f"{column:>8}" for column in columns)]
    lines += [f"  {name:<14}" + "".join(f"{cell:>8}" for cell in cells) for name, cells in rows]
    return "\n".join(lines)
