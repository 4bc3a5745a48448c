"""Before the load: what the transport lacks, what this machine can hold, and what of the plan cannot fit.

The soft limit of open files is raised to the hard one by ourselves. What surely does not fit is an error before the first
connection, with the number that would fit; what might not fit (arrivals whose sessions live long) is a warning.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

from loadws.fleet import MOST_PROCESSES
from loadws.fleet.ports import Pairs
from loadws.terms.errors import UsageError
from loadws.terms.units import format_count, format_size
from loadws.transport.choose import CANNOT
from loadws.transport.platform import MEANS

ONE_PAIR = Pairs()
#: Descriptors that a process needs for itself: its files, its pipes, the interpreter's own.
SPARE_DESCRIPTORS = 200
_BUILTIN = "builtin:"
_PORT_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_MEMORY = Path("/proc/meminfo")
#: What a machine has that does not say how much.
UNKNOWN = 1 << 60


@dataclass(frozen=True, slots=True)
class Machine:
    """What there is; a huge number where the system does not say."""

    descriptors: int
    ports: int
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class _Limit:
    what: str
    fits: int
    advice: str


def features_lacked_by(transport: str) -> frozenset[str]:
    """What a scenario may not use with this transport: see ``scenario.features``."""
    return CANNOT[transport]


def means_of(transport: str) -> str:
    """What it works with on this platform; nothing where a library chooses for itself."""
    return str(MEANS) if transport == "native" else ""


def look_at_machine() -> Machine:
    """Raises the soft file limit to the hard one on the way."""
    return Machine(_raised_file_limit(), _ephemeral_ports(), _available_memory())


def check_fit(
    description: dict[str, Any], machine: Machine, pairs: Pairs = ONE_PAIR, processes: int = 1, target: str = ""
) -> list[str]:
    """Warnings for what might not fit. Raises ``UsageError`` for held users that cannot, with everything that is too
    little for them. ``description`` is the plan's."""
    held, most = description["held_most"], description["most_users"]
    limits = _limits(description, machine, pairs, processes, target)
    short = sorted((limit for limit in limits if held > limit.fits), key=lambda limit: limit.fits)
    if short:
        allow = "; ".join(f"{limit.what} allow {format_count(limit.fits)}" for limit in short)
        advice = "; ".join(dict.fromkeys(limit.advice for limit in short))
        raise UsageError(f"the plan holds {format_count(held)} users here, and {allow}", advice)
    return [
        f"up to {format_count(most)} users may be there at once if none leaves early, and {limit.what} allow "
        f"{format_count(limit.fits)} here; {limit.advice}, or set max_users"
        for limit in limits
        if most > limit.fits
    ]


def _limits(
    description: dict[str, Any], machine: Machine, pairs: Pairs, processes: int, target: str
) -> tuple[_Limit, ...]:
    users = max(1, description["most_users"])
    needs = description["needs"]
    bytes_of_a_user = max(1, needs["memory_bytes"] // users)
    of_others = (processes - 1) * needs["memory_bytes_of_a_process"]
    memory = _Limit(
        f"{format_size(machine.memory_bytes)} of free memory",
        max(0, machine.memory_bytes - of_others) // bytes_of_a_user,
        "use fewer users, or a larger machine",
    )
    files = _files(description, machine, processes)
    ports = _Limit(str(pairs), pairs.fitting(machine.ports), "name more source_addresses, or widen the range")
    needed = [files, memory]
    if pairs.targets:
        needed.append(ports)
    if target.startswith(_BUILTIN):
        needed.append(_files_of_builtin(machine))
    return tuple(needed)


def _files_of_builtin(machine: Machine) -> _Limit:
    """It has the other end of every connection, in one process."""
    what = "the open files of the built-in target, which is one process (ulimit -n),"
    return _Limit(what, max(1, machine.descriptors - SPARE_DESCRIPTORS), "serve the target elsewhere")


def _files(description: dict[str, Any], machine: Machine, processes: int) -> _Limit:
    """Each process has a limit of its own, so more processes hold more."""
    each = max(1, machine.descriptors - SPARE_DESCRIPTORS)
    there = f"the open files of {'a process' if processes == 1 else f'{processes} processes'} (ulimit -n)"
    enough = ceil(max(description["held_most"], each * processes + 1) / each)
    more = f"say --processes {enough}, or raise" if enough <= MOST_PROCESSES else "raise"
    return _Limit(there, each * processes, f"{more} the hard limit")


def _raised_file_limit() -> int:
    try:
        import resource
    except ImportError:  # Windows: no such limit
        return UNKNOWN
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        return UNKNOWN if soft == resource.RLIM_INFINITY else soft
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError):  # macOS allows less than it says
            return soft
    return hard


def _ephemeral_ports() -> int:
    try:
        lowest, highest = (int(word) for word in _PORT_RANGE.read_text().split())
    except (OSError, ValueError):
        return UNKNOWN
    return highest - lowest + 1


def _available_memory() -> int:
    try:
        lines = dict(line.split(":", 1) for line in _MEMORY.read_text().splitlines())
        return int(lines["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return UNKNOWN
