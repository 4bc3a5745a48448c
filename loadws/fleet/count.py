"""``--processes auto``: how many processes make a load, decided of the plan and the machine before the load.

As many as the plan needs and there are cores for, less one core where the target runs on this machine too. A small load
stays in one process, which costs nothing to start and has nobody to wait for: up to 500 users, or 25 that never pause, and
200 arrivals a second (a process does several times that; see tests/bench). Whatever the cores, there are as many processes
as the file limit takes to hold the plan's users.
"""

from __future__ import annotations

import os
from math import ceil
from typing import Any
from urllib.parse import urlsplit

from loadws.fleet import MOST_PROCESSES
from loadws.fleet.preflight import SPARE_DESCRIPTORS, Machine

USERS_OF_A_PROCESS = 500
USERS_WITHOUT_PAUSE_OF_A_PROCESS = 25
ARRIVALS_OF_A_PROCESS_PER_S = 200
_THIS_MACHINE = ("localhost", "::1")


def choose_processes(description: dict[str, Any], machine: Machine, target: str, *, paced: bool) -> int:
    """``description`` is the plan's; ``paced``: whether users wait by a schedule or a think."""
    if os.name != "posix":  # the pipes of Windows cannot be waited for
        return 1
    users = _present(description)
    cores = usable_cores() - (1 if is_local(target) else 0)
    wanted = min(_for_the_load(description, users, paced), cores)
    return min(max(1, wanted, _for_the_files(users, machine)), MOST_PROCESSES)


def is_local(target: str) -> bool:
    """Whether the target surely runs on this machine."""
    if target.startswith("builtin:"):
        return True
    host = urlsplit(target).hostname or ""
    return host in _THIS_MACHINE or host.startswith("127.")


def usable_cores() -> int:
    """Those that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _present(description: dict[str, Any]) -> int:
    """How many users there will be at once: who arrives stays only in a partly open model."""
    present: int = description["most_users" if description["model"] == "partly open" else "held_most"]
    return present


def _for_the_load(description: dict[str, Any], users: int, paced: bool) -> int:
    each = USERS_OF_A_PROCESS if paced else USERS_WITHOUT_PAUSE_OF_A_PROCESS
    ends = ("arrivals_from_per_s", "arrivals_to_per_s")
    arrivals_per_s: float = max(phase[end] for phase in description["phases"] for end in ends)
    return max(ceil(users / each), ceil(arrivals_per_s / ARRIVALS_OF_A_PROCESS_PER_S))


def _for_the_files(users: int, machine: Machine) -> int:
    return ceil(users / max(1, machine.descriptors - SPARE_DESCRIPTORS))
