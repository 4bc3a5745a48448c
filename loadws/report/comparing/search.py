"""A search for the largest load, as text and as a page with its curve."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Protocol

from loadws.report.comparing.bare_page import page, table
from loadws.report.plain import plain

_WORDS = {"held": "the rules held", "failed": "the rules were not surely kept", "limit": "loadws itself was the limit"}


class Tried(Protocol):
    """A load that was tried, its result, and why."""

    @property
    def load(self) -> float: ...
    @property
    def held(self) -> str: ...
    @property
    def why(self) -> str: ...


def search_text(
    vary: str, rules: Sequence[str], levels: Sequence[Tried], found: float | None, most: float, signals: Sequence[str]
) -> str:
    """Return the levels in order of load, and the answer in a sentence."""
    rows = [f"  {level.load:>10g} {vary}  {_WORDS[level.held]}" for level in sorted(levels, key=lambda each: each.load)]
    return "\n".join([*rows, _answer(vary, rules, levels, found, most, signals)])


def _answer(
    vary: str, rules: Sequence[str], levels: Sequence[Tried], found: float | None, most: float, signals: Sequence[str]
) -> str:
    limit = next((level for level in levels if level.held == "limit"), None)
    kept = "no load" if found is None else f"{found:g} {vary}"
    what = f"{' and '.join(rules)} held up to {kept}"
    if signals:
        return f"Interrupted by {signals[0]}: so far, {what}."
    if limit is not None:
        return f"{what}; at {limit.load:g} {vary} loadws itself was the limit: {plain(limit.why)}"
    if found is not None and found >= most:
        return f"{what}, the most that was asked for (--to)."
    return (
        f"{what}."
        if found is not None
        else f"{what}: at the least that was asked for (--from) they were not surely kept."
    )


def search_page(vary: str, rules: Sequence[str], levels: Sequence[Tried], found: float | None) -> bytes:
    """Return a page with every level in order of load."""
    ordered = sorted(levels, key=lambda each: each.load)
    rows = [(f"{level.load:g}", _WORDS[level.held], plain(level.why)) for level in ordered]
    answer = "none" if found is None else f"{found:g} {vary}"
    inside = (
        f"<p>Rules: {escape(plain(' and '.join(rules)))}. Largest load: <strong>{escape(answer)}</strong>.</p>"
        f"{table((vary, 'outcome', 'values'), rows)}"
    )
    return page(f"Search by {vary}", inside)
