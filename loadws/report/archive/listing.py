"""Which runs a page of the list shows: filters, pages, and the course of each scenario over its runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from urllib.parse import urlencode

import msgspec

from loadws.report.archive.entry import Entry

PAGE_RUNS = 50
#: The newest runs of a scenario that its sparkline shows.
TREND_RUNS = 40


class Filter(msgspec.Struct, frozen=True):
    """What is looked for; an empty text is everything. ``page`` counts from 1."""

    scenario: str = ""
    verdict: str = ""
    words: str = ""
    page: int = 1

    def keeps(self, entry: Entry) -> bool:
        """Return whether an entry matches the search and the filters."""
        text = f"{entry.scenario} {entry.target} {entry.where} {entry.why} {entry.machine_name}".lower()
        return (
            self.scenario in ("", entry.scenario)
            and self.verdict in ("", entry.outcome)
            and all(word in text for word in self.words.lower().split())
        )

    def address(self, page: int) -> str:
        """Return the address of another page of the same."""
        asked = {"scenario": self.scenario, "verdict": self.verdict, "words": self.words, "page": str(page)}
        return f"?{urlencode({name: value for name, value in asked.items() if value})}"


class ScenarioRow(msgspec.Struct, frozen=True):
    """One scenario: how many runs it has, its newest, and the trend of its runs, oldest first."""

    scenario: str
    runs: int
    newest: Entry
    trend: tuple[float | None, ...]
    outcomes: tuple[str, ...]


def scenarios_of(entries: Iterable[Entry]) -> list[ScenarioRow]:
    """Return each scenario with its runs; ``entries`` are the newest first, and so are the scenarios."""
    by_name: dict[str, list[Entry]] = {}
    for entry in entries:
        by_name.setdefault(entry.scenario, []).append(entry)
    return [_row(name, runs) for name, runs in by_name.items()]


def _row(name: str, runs: Sequence[Entry]) -> ScenarioRow:
    shown = list(reversed(runs[:TREND_RUNS]))
    return ScenarioRow(name, len(runs), runs[0], tuple(run.trend for run in shown), tuple(run.outcome for run in shown))
