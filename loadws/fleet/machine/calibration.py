"""The result of ``loadws calibrate``, kept in the user's cache so that later runs can be compared with it.

It counts only for the machine it was made on: with another processor, number of cores, Python or loadws it is ignored.
A cache that cannot be read or written is ignored, too.
"""

from __future__ import annotations

import platform
from pathlib import Path

import msgspec

from loadws import __version__
from loadws.fleet.machine.process_count import usable_cores
from loadws.terms.files.cache import cache_file, keep_cached, read_cached

_CPUINFO = Path("/proc/cpuinfo")


class MachineKey(msgspec.Struct, frozen=True):
    cpu: str
    cores: int
    python: str
    loadws: str


class Level(msgspec.Struct, frozen=True):
    """The highest rates of this many processes together. Messages are answered requests, per second.

    ``scheduled_per_s``: the highest tried rate at which the send lag's p99 stayed within 1 ms; None: no rate did.
    """

    processes: int
    closed_per_s: dict[str, float]  # by connections
    scheduled_per_s: float | None
    send_lag_p99_ns: float | None  # at that rate


class Found(msgspec.Struct, frozen=True):
    connects_per_s: float  # opened and closed again, by one process
    users_held: int
    memory_of_a_user_bytes: int
    levels: tuple[Level, ...]


class Calibration(msgspec.Struct, frozen=True):
    """A calibration. ``target_shares_core``: the target used the generator's core, so that the rates are lower than
    they could be.
    """

    machine: MachineKey
    transport: str
    target_shares_core: bool
    found: Found

    def of(self, processes: int) -> Level | None:
        """Return the level of the most processes that were tried, up to this many."""
        return max((level for level in self.found.levels if level.processes <= processes), key=_processes, default=None)


def _processes(level: Level) -> int:
    return level.processes


def this_machine() -> MachineKey:
    return MachineKey(cpu_name(), usable_cores(), platform.python_version(), __version__)


def read_calibration(transport: str) -> Calibration | None:
    """Return the calibration of this machine and transport; None without one."""
    content = read_cached(calibration_file(transport))
    if content is None:
        return None
    try:
        kept = msgspec.json.decode(content, type=Calibration)
    except msgspec.DecodeError:
        return None
    return kept if kept.machine == this_machine() else None


def keep_calibration(calibration: Calibration) -> Path | None:
    """Keep a calibration in the cache; return where, None where it cannot be."""
    return keep_cached(
        calibration_file(calibration.transport), msgspec.json.format(msgspec.json.encode(calibration)) + b"\n"
    )


def calibration_file(transport: str) -> Path | None:
    """Return where the calibration of a transport is kept; None for a user without a home."""
    return cache_file(f"calibration-{transport}.json")


def doubt(messages_per_s: float | None, transport: str, processes: int) -> str | None:
    """Return a warning for a plan beyond the measured rates of this machine; None where it is within, or none were
    measured.
    """
    calibration = read_calibration(transport) if messages_per_s else None
    if calibration is None or messages_per_s is None:
        return None
    level = calibration.of(processes)
    if level is None or level.scheduled_per_s is None:
        return None
    most_per_s = (
        level.scheduled_per_s * processes / level.processes
    )  # more processes make at most so many times as much
    if messages_per_s <= most_per_s:
        return None
    enough = [
        other.processes
        for other in calibration.found.levels
        if other.processes > processes and (other.scheduled_per_s or 0.0) >= messages_per_s
    ]
    advice = f"say --processes {min(enough)}" if enough else "use more machines, or a lower rate"
    made_by = "1 process" if level.processes == 1 else f"{level.processes} processes"
    if level.processes < processes:
        made_by += f", which is at most {most_per_s:,.0f} for {processes}"
    return (
        f"this plan sends about {messages_per_s:,.0f} messages per second, and this machine was calibrated at "
        f"{level.scheduled_per_s:,.0f} for {made_by}: expect an invalid run; {advice}"
    )


def cpu_name() -> str:
    """Return the processor's name, or its architecture where the system does not say more."""
    try:
        lines = _CPUINFO.read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
