"""The machines of a merged run, as rows for people."""

from __future__ import annotations

from dataclasses import dataclass

from loadws.metrics.runinfo import MachineInfo, RunInfo
from loadws.report.plain import plain
from loadws.report.timings import NO_NUMBER
from loadws.terms.units import format_count, format_duration


@dataclass(frozen=True, slots=True)
class MachineRow:
    """One machine. ``lost`` says why its data is missing; ``page`` is the address of its own report. Empty: it is not."""

    name: str
    cells: tuple[tuple[str, str], ...]  # what, value
    lost: str
    page: str


def machine_rows(info: RunInfo | None) -> list[MachineRow]:
    """Return the machines of a merged run, by their shares; none where one machine made the whole load."""
    return [_row(machine) for machine in info.machines] if info else []


def _row(machine: MachineInfo) -> MachineRow:
    cells = (
        ("processes", ", ".join(map(str, machine.numbers)) or NO_NUMBER),
        ("began (UTC)", plain(machine.began_at or NO_NUMBER)),
        ("connections", format_count(machine.opened)),
        ("messages sent", format_count(machine.sent)),
        ("answered", format_count(machine.answered)),
        ("errors", format_count(machine.errors)),
        ("response p50", _time(machine.response_p50_ns)),
        ("response p99", _time(machine.response_p99_ns)),
        ("clock", plain(machine.clock or NO_NUMBER)),
    )
    return MachineRow(plain(machine.name, 80), cells, plain(machine.lost or ""), plain(machine.page))


def _time(ns: float | None) -> str:
    return NO_NUMBER if ns is None else format_duration(ns)
