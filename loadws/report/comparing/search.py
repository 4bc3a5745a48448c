"""A search for the largest load, as text and as a page with its curve."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Protocol

import msgspec

from loadws.report.comparing.bare_page import page, table
from loadws.report.comparing.search_curve import curve
from loadws.report.plain import plain
from loadws.terms.thresholds import Threshold, format_value
from loadws.terms.units import format_count, format_rate

WORDS = {
    "held": "held",
    "failed": "not kept",
    "unsure": "too close to call",
    "limit": "loadws itself was the limit",
}
_LONGER = "Make the judged phase longer (--duration), so that each level has more samples."


class Tried(Protocol):
    """A load that was tried, its result, why, and what each rule's metric was."""

    @property
    def load(self) -> float: ...
    @property
    def held(self) -> str: ...
    @property
    def why(self) -> str: ...
    @property
    def values(self) -> Sequence[float | None]: ...


class Search(msgspec.Struct, frozen=True):
    """A search that has ended: what it varied up to which load, by which rules, and the largest load that held, if any.

    ``signal`` is the name of the signal that ended it; empty where none did.
    """

    scenario: str
    vary: str
    most: float
    rules: Sequence[Threshold]
    levels: Sequence[Tried]
    found: float | None
    signal: str = ""

    @property
    def ordered(self) -> list[Tried]:
        """The levels in the order of their load."""
        return sorted(self.levels, key=lambda level: level.load)


def load_text(vary: str, load: float) -> str:
    """Return a load with its unit: ``20 users``, ``12.5/s``."""
    if vary == "rate":
        return format_rate(load)
    return f"{format_count(round(load))} user{'' if round(load) == 1 else 's'}"


def level_text(vary: str, level: Tried) -> str:
    """Return a level in a line: its load, its result and why."""
    return f"{load_text(vary, level.load)}: {WORDS[level.held]} ({plain(level.why)})"


def answer(search: Search) -> str:
    """Return the result of a search in a sentence or two."""
    kept = "no load" if search.found is None else load_text(search.vary, search.found)
    what = f"{' and '.join(rule.rule for rule in search.rules)} held up to {kept}"
    if search.signal:
        so_far = f"so far, {what}" if search.levels else "nothing is known of the rules"
        return f"Interrupted by {search.signal} after {_levels(len(search.levels))}: {so_far}."
    if limit := next((level for level in search.levels if level.held == "limit"), None):
        at = load_text(search.vary, limit.load)
        return f"{what}; at {at} loadws itself was the limit: {plain(limit.why)}"
    if search.found is not None and search.found >= search.most:
        return f"{what}, the most that was asked for (--to)."
    unsure = _unsure_above(search)
    if unsure is not None:
        return f"{what}; at {load_text(search.vary, unsure.load)} it was too close to call. {_LONGER}"
    if search.found is None:
        return f"{what}: at the least that was asked for (--from) it was broken."
    return f"{what}."


def _unsure_above(search: Search) -> Tried | None:
    """Return the level that ended the search from above, if it was too close to call."""
    above = [level for level in search.ordered if level.held in ("failed", "unsure")]
    first = [level for level in above if level.load == above[0].load]
    return first[0] if first and all(level.held == "unsure" for level in first) else None


def _levels(count: int) -> str:
    return f"{count} whole level{'' if count == 1 else 's'}"


def search_page(search: Search) -> bytes:
    """Return a page with the answer, a curve for each rule, and every level in order of load."""
    rules = list(enumerate(search.rules))
    head = (search.vary, *(str(_selection(rule)) for _, rule in rules), "outcome", "why")
    rows = [
        (
            load_text(search.vary, level.load),
            *(_value(level, number, rule) for number, rule in rules),
            WORDS[level.held],
            plain(level.why),
        )
        for level in search.ordered
    ]
    curves = "".join(
        f"<h2>{escape(plain(rule.rule))}</h2>{curve(search.vary, rule, _points(search, number))}"
        for number, rule in rules
    )
    found = f"<p><strong>{escape(plain(answer(search), 4096))}</strong></p>"
    inside = f"{found}{curves}<h2>Levels</h2>{table(head, rows, 'levels')}"
    return page(f"{plain(search.scenario, 100)}: search by {search.vary}", inside)


def _selection(rule: Threshold) -> str:
    return plain(rule.rule.partition(rule.op)[0].strip())


def _value(level: Tried, number: int, rule: Threshold) -> str:
    value = level.values[number] if number < len(level.values) else None
    return "—" if value is None else format_value(value, rule.unit)


def _points(search: Search, number: int) -> list[tuple[float, float | None, str]]:
    """Return the load, the rule's value and the result of each level, in order of load."""
    return [
        (level.load, level.values[number] if number < len(level.values) else None, level.held)
        for level in search.ordered
    ]
