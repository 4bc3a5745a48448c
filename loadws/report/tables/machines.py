"""The machines of a run that several made, as rows."""

from __future__ import annotations

import msgspec

from loadws.metrics.runinfo import MachineInfo, RunInfo
from loadws.report.plain import plain
from loadws.report.timings import NO_NUMBER
from loadws.terms.units import format_count, format_duration

#: The columns for a terminal of 80 characters.
NARROW = ("connections", "messages sent", "errors", "response p99")
_WORDS_LONGEST = 300


class MachineRow(msgspec.Struct, frozen=True):
    """One machine. ``lost`` says why its data is missing; ``page`` is the address of its own report; both may be empty.

    ``counts`` are figures and ``words`` sentences, each as (name, value).
    """

    name: str
    counts: tuple[tuple[str, str], ...]
    words: tuple[tuple[str, str], ...]
    lost: str
    page: str

    @property
    def cells(self) -> tuple[tuple[str, str], ...]:
        """Return all columns of a table that is wide enough."""
        return (*self.counts, *self.words)

    @property
    def narrow(self) -> tuple[tuple[str, str], ...]:
        """Return the columns that a terminal has room for."""
        return tuple(cell for cell in self.counts if cell[0] in NARROW)

    @property
    def aside(self) -> str:
        """Return the facts about the machine in words, in one line; empty where there are none."""
        return "; ".join(value for _, value in self.words if value != NO_NUMBER)


def machine_rows(info: RunInfo | None) -> list[MachineRow]:
    """Return the machines of a run, by their shares; none where one machine made the whole load."""
    return [_row(machine) for machine in info.machines] if info else []


def _row(machine: MachineInfo) -> MachineRow:
    counts = (
        ("processes", ", ".join(map(str, machine.numbers)) or NO_NUMBER),
        ("connections", format_count(machine.opened)),
        ("messages sent", format_count(machine.sent)),
        ("answered", format_count(machine.answered)),
        ("errors", format_count(machine.errors)),
        ("response p50", _time(machine.response_p50_ns)),
        ("response p99", _time(machine.response_p99_ns)),
    )
    words = (
        ("began (UTC)", plain(machine.began_at or NO_NUMBER)),
        ("clock", plain(machine.clock or NO_NUMBER, _WORDS_LONGEST)),
        ("before the load", plain(machine.checked or NO_NUMBER, _WORDS_LONGEST)),
    )
    return MachineRow(
        plain(machine.name, 80), counts, words, plain(machine.lost or "", _WORDS_LONGEST), plain(machine.page)
    )


def _time(ns: float | None) -> str:
    return NO_NUMBER if ns is None else format_duration(ns)
