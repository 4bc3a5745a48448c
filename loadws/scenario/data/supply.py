"""Rows that are used one after another: by sessions, turns or single uses, of all users together or of each for itself.

The positions of a shared source are numbered from 0, and each part of a load has those that the plan gives it, however the
parts are spread over processes and machines. So parts share a file without a row twice, without one left out, and without
communication. Which user gets which row depends on which comes first; with ``next: user`` nothing does.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Protocol

import msgspec

from loadws.scenario.data.feed import Feed, open_feed
from loadws.scenario.model.model import DataSource


class Part(Protocol):
    """A part of the whole load, for one process: ``is_whole`` where there is no other."""

    @property
    def is_whole(self) -> bool: ...

    def nth(self, rank: int) -> int:
        """Return the number of this part that has ``rank`` of its numbers before it."""


class Supply:
    """The rows of one data source for the users of one process, which has ``part`` of the whole load."""

    __slots__ = ("_feed", "_part", "_seed", "_source", "_taken", "name")

    def __init__(self, name: str, source: DataSource, feed: Feed, seed: int, part: Part) -> None:
        self.name = name
        self._source = source
        self._feed = feed
        self._seed = seed
        self._part = part
        self._taken = 0

    @property
    def next(self) -> str:
        """Return what takes the next row: user, session, turn or use."""
        return self._source.next

    @property
    def is_by_step(self) -> bool:
        """Return whether steps take rows, and not sessions as they begin."""
        return self._source.next in ("turn", "use")

    def take(self, user: int, session: int, taken: dict[str, int]) -> Mapping[str, Any] | None:
        """Return the next row; None where none is left. ``taken`` has how many the user took of each source that is its own.

        Raises ``DataError``.
        """
        if self._source.next == "user":
            return self._feed.row(user, session, self._seed)
        if self._source.scope != "shared":
            position = taken.get(self.name, 0)
            taken[self.name] = position + 1
            return self._feed.at(position, user, self._seed)
        position = self._part.nth(self._taken)
        self._taken += 1
        return self._feed.at(position, 0, self._seed)

    def why_exhausted(self, user: int) -> str:
        """Return in a sentence why there is no row, and what helps against that, from the likely cause."""
        rows = f"{len(self._feed):,} row{'' if len(self._feed) == 1 else 's'}"
        repeat = "or let them repeat: order: sequential, when_exhausted: repeat"
        if self._source.next == "user":
            return f"the data {self.name!r} has {rows}, and user {user} would need one more: add rows, {repeat}"
        longer = {
            "session": "",
            "turn": ", let a row last for a session (next: session)",
            "use": ", let a row last for a turn (next: turn)",
        }
        advice = f"add rows{longer[self._source.next]}, {repeat}"
        if self._source.scope != "shared":
            return f"user {user} has used all {rows} of {self.name!r}, one for each {self._source.next}: {advice}"
        part = "" if self._part.is_whole else " (this is one of several processes, and has its part of them)"
        return f"the {rows} of {self.name!r} are used up{part}, one for each {self._source.next}: {advice}"


class Supplies(msgspec.Struct, frozen=True):
    """The data sources of one process.

    ``at_session`` give a row as a session begins: those of ``next: user`` and ``session``, and others that variables read.
    ``by_step`` give rows to steps. ``by_turn`` are the names of those that give one to each turn, ``by_session`` of those
    that each session goes through from their first row on.
    """

    at_session: tuple[Supply, ...] = ()
    by_step: tuple[Supply, ...] = ()
    by_turn: tuple[str, ...] = ()
    by_session: tuple[str, ...] = ()


def open_supplies(
    data: Mapping[str, DataSource], base: Path, seed: int, part: Part, read_by_variables: Collection[str]
) -> Supplies:
    """Open the data sources of a scenario; ``base`` is its folder. Raises ``DataError``."""
    supplies = [Supply(name, source, open_feed(source, base), seed, part) for name, source in data.items()]
    return Supplies(
        at_session=tuple(each for each in supplies if not each.is_by_step or each.name in read_by_variables),
        by_step=tuple(each for each in supplies if each.is_by_step),
        by_turn=tuple(each.name for each in supplies if each.next == "turn"),
        by_session=tuple(name for name, source in data.items() if source.scope == "session"),
    )
