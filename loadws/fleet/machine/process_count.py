"""``--processes auto``: choose the number of processes from the plan and the machine before the load.

There are as many as the plan needs and there are cores for, less one core where the target runs on this machine too. A
small load stays in one process, which starts at once and waits for no other: up to 500 users, or 25 that never pause,
and 200 arrivals per second (a process can make several times that; see tests/bench). Where the file limit of a process
is too low for the plan's users, there are more processes than cores, up to eight for each core, as memory and the
parent's own files allow.
"""

from __future__ import annotations

import os
from math import ceil
from urllib.parse import urlsplit

from loadws.fleet import MOST_PROCESSES
from loadws.fleet.machine.cgroups import look_at_groups
from loadws.fleet.machine.preflight import Machine, most_children
from loadws.plan.figures import PlanFigures
from loadws.plan.needs import FILES_OF_A_PROCESS
from loadws.terms.addresses import BUILTIN

USERS_OF_A_PROCESS = 500
USERS_WITHOUT_PAUSE_OF_A_PROCESS = 25
ARRIVALS_OF_A_PROCESS_PER_S = 200
#: How many processes a core may have. Processes that exist only because of the file limit are mostly idle.
PROCESSES_OF_A_CORE = 8
_THIS_MACHINE = ("localhost", "::1")


def choose_processes(figures: PlanFigures, machine: Machine, target: str, *, paced: bool) -> int:
    """Return the number of processes. ``figures`` are the plan's; ``paced``: users wait by a schedule or a think."""
    if os.name != "posix":  # the pipes of Windows cannot be waited for
        return 1
    users, cores = _present(figures), usable_cores()
    wanted = min(_for_the_load(figures, users, paced), cores - (1 if is_local(target) else 0))
    for_files = min(_for_the_files(figures, users, machine), cores * PROCESSES_OF_A_CORE)
    most = min(MOST_PROCESSES, most_children(machine), _for_the_memory(figures, machine))
    return max(1, min(most, max(wanted, for_files)))


def is_local(target: str) -> bool:
    """Return whether the target certainly runs on this machine."""
    if target.startswith(BUILTIN):
        return True
    host = urlsplit(target).hostname or ""
    return host in _THIS_MACHINE or host.startswith("127.")


def usable_cores() -> int:
    """Return how many cores this process may run on, at least one, as a control group's quota of time allows."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = look_at_groups().cores
    return cores if quota is None else max(1, min(cores, int(quota)))


def _present(figures: PlanFigures) -> int:
    """Return how many users there will be at once: an arrived user stays only in a partly open model."""
    return figures.most_users if figures.model == "partly open" else figures.held_most


def _for_the_load(figures: PlanFigures, users: int, paced: bool) -> int:
    each = USERS_OF_A_PROCESS if paced else USERS_WITHOUT_PAUSE_OF_A_PROCESS
    arrivals_per_s = max(max(phase.arrivals_from_per_s, phase.arrivals_to_per_s) for phase in figures.phases)
    return max(ceil(users / each), ceil(arrivals_per_s / ARRIVALS_OF_A_PROCESS_PER_S))


def _for_the_files(figures: PlanFigures, users: int, machine: Machine) -> int:
    """Return how many processes have enough files; one where not even one more user fits into a process of its own."""
    each = int(max(0, machine.descriptors - FILES_OF_A_PROCESS) / figures.needs.descriptors_of_a_user)
    return ceil(users / each) if each else 1


def _for_the_memory(figures: PlanFigures, machine: Machine) -> int:
    """Return for how many processes there is memory, beside their parent and the plan's users."""
    needs = figures.needs
    of_users = figures.held_most * needs.memory_bytes_of_a_user
    left = machine.memory_bytes - needs.memory_bytes_of_steps - of_users
    return int(left // needs.memory_bytes_of_a_process) - 1
