"""Compare, before the load, what this machine can hold with what the plan needs.

loadws raises the soft limit of open files to the hard one. A plan that certainly does not fit is an error before the
first connection, with the number that would fit; one that might not fit (arrivals whose sessions last long) gets a
warning. ``loadws plan`` shows the same needs that make ``loadws run`` refuse a plan.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil
from pathlib import Path

import msgspec
from msgspec.structs import replace

from loadws.fleet import MOST_PROCESSES
from loadws.fleet.machine.cgroups import look_at_groups
from loadws.fleet.machine.ports import Pairs
from loadws.plan.figures import PlanFigures
from loadws.plan.needs import FILES_OF_A_PROCESS, MEMORY_OF_A_PROCESS
from loadws.terms.addresses import BUILTIN
from loadws.terms.errors import UsageError
from loadws.terms.transports import traits_of
from loadws.terms.units import format_count, format_size
from loadws.transport.platform import MEANS

ONE_PAIR = Pairs()
#: How many pipes and files a parent has for each of its processes.
FILES_OF_A_CHILD = 6
#: A machine with a lower limit of open files was set up for something else than loads.
LEAST_FILES = 256
_PORT_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_MEMORY = Path("/proc/meminfo")
#: Stands for an amount that the machine does not report.
UNKNOWN = 1 << 60


class Machine(msgspec.Struct, frozen=True):
    """The resources for a run; a huge number where the system does not report one.

    ``memory_is`` says whose memory it is, ``cpu_quota`` how many cores' time a control group allows (None: all there
    are).
    """

    descriptors: int
    ports: int
    memory_bytes: int
    memory_is: str = "free memory"
    cpu_quota: float | None = None

    def for_each_of(self, shares: int) -> Machine:
        """Return what each of so many equal shares of a load on this machine has of it. Open files are each process's."""
        if shares == 1:
            return self
        return replace(
            self,
            ports=self.ports // shares,
            memory_bytes=self.memory_bytes // shares,
            memory_is=f"{self.memory_is} for each of {shares} shares",
            cpu_quota=None if self.cpu_quota is None else self.cpu_quota / shares,
        )


class Need(msgspec.Struct, frozen=True):
    """One resource that a plan needs: how much for all its users, how much there is, and for how many users that is
    enough.

    ``what`` is its name in a table, ``there_is`` in a sentence.
    """

    what: str
    needed: int
    there: int
    fits: int
    there_is: str
    advice: str


def means_of(transport: str) -> str:
    """Return the system's means that a transport uses on this platform; "" where a library chooses them."""
    return str(MEANS) if traits_of(transport).is_ours else ""


def look_at_machine() -> Machine:
    """Return the machine's resources, after raising the soft file limit to the hard one."""
    group, free = look_at_groups(), _available_memory()
    is_bounded = group.memory_bytes is not None and group.memory_bytes < free
    return Machine(
        descriptors=_raised_file_limit(),
        ports=_ephemeral_ports(),
        memory_bytes=group.memory_bytes if is_bounded and group.memory_bytes is not None else free,
        memory_is="memory in this control group (cgroup)" if is_bounded else "free memory",
        cpu_quota=group.cores,
    )


def check_fit(
    figures: PlanFigures, machine: Machine, pairs: Pairs = ONE_PAIR, processes: int = 1, target: str = ""
) -> list[str]:
    """Return warnings about limits of this machine that the plan may reach. ``figures`` are the plan's.

    Raises:
        UsageError: The users that the plan holds at one time are too many; the message names every limit they exceed.
    """
    _check_files_of_parent(machine, processes)
    held, most = figures.held_most, figures.most_users
    needs = needs_of_run(figures, machine, pairs, processes, target)
    short = sorted((need for need in needs if held > need.fits), key=lambda need: need.fits)
    if short:
        allow = "; ".join(f"{need.there_is} allow {format_count(need.fits)}" for need in short)
        advice = "; ".join(dict.fromkeys(need.advice for need in short))
        raise UsageError(f"the plan holds {_users(held, figures)} here, and {allow}", advice)
    return [*_quota_warnings(machine, processes), *_warnings(needs, most)]


def _users(held: int, figures: PlanFigures) -> str:
    """Return how many users there are, with their connections where a user has several."""
    each = figures.needs.connections_of_a_user
    connections = "" if each == 1 else f" with {each:.3g} connections each"
    return f"{format_count(held)} users{connections}"


def _warnings(needs: list[Need], most: int) -> Iterator[str]:
    for need in needs:
        if most > need.fits:
            yield (
                f"up to {format_count(most)} users may be there at once if none leaves early, and {need.there_is} allow "
                f"{format_count(need.fits)} here; {need.advice}, or set max_users"
            )


def _quota_warnings(machine: Machine, processes: int) -> Iterator[str]:
    if machine.cpu_quota is not None and machine.cpu_quota < processes:
        cores = f"{machine.cpu_quota:.3g} core{'' if machine.cpu_quota == 1 else 's'}"
        made = "1 process makes" if processes == 1 else f"{processes} processes make"
        yield (
            f"this control group (cgroup) may use the time of {cores}, and {made} the load: what is sent late for want of "
            "it can make the run invalid; allow more, or use fewer processes and users"
        )


def _check_files_of_parent(machine: Machine, processes: int) -> None:
    if machine.descriptors < LEAST_FILES:
        raise UsageError(
            f"a process may open {format_count(machine.descriptors)} files here (ulimit -n), and a load needs at least "
            f"{LEAST_FILES}",
            "raise the hard limit, as with: ulimit -n 4096",
        )
    if processes > most_children(machine):
        raise UsageError(
            f"{processes} processes need {format_count(FILES_OF_A_PROCESS + processes * FILES_OF_A_CHILD)} open files in "
            f"their parent, and it may open {format_count(machine.descriptors)} (ulimit -n)",
            f"say --processes {most_children(machine)}, or raise the hard limit",
        )


def most_children(machine: Machine) -> int:
    """Return for how many processes the parent has open files; one process alone has no parent."""
    return max(1, (machine.descriptors - FILES_OF_A_PROCESS) // FILES_OF_A_CHILD)


# -- needs ---------------------------------------------------------------------------------------------------


def needs_of_run(figures: PlanFigures, machine: Machine, pairs: Pairs, processes: int, target: str) -> list[Need]:
    """Return all needs that bound the number of users, for the largest number of users in the plan."""
    needs = [_files(figures, machine, processes)]
    if pairs.targets:
        needs.append(_ports(figures, machine, pairs))
    needs.append(_memory(figures, machine, processes))
    if target.startswith(BUILTIN):
        needs.append(_files_of_builtin(figures, machine))
    return needs


def _files(figures: PlanFigures, machine: Machine, processes: int) -> Need:
    """Return the need of open files. Each process has a limit of its own, so more processes hold more."""
    of_user = figures.needs.descriptors_of_a_user
    each = int(max(0, machine.descriptors - FILES_OF_A_PROCESS) / of_user)
    enough = ceil(max(figures.held_most, each * processes + 1) / max(1, each))
    most = min(MOST_PROCESSES, most_children(machine), machine.memory_bytes // MEMORY_OF_A_PROCESS - 1)
    more = f"say --processes {enough}, or raise" if enough <= most else "raise"
    return Need(
        "open files",
        ceil(figures.most_users * of_user) + FILES_OF_A_PROCESS * processes,
        machine.descriptors * processes,
        each * processes,
        f"the open files of {'a process' if processes == 1 else f'{processes} processes'} (ulimit -n)",
        f"{more} the hard limit",
    )


def _ports(figures: PlanFigures, machine: Machine, pairs: Pairs) -> Need:
    of_user = figures.needs.connections_of_a_user
    return Need(
        "local ports",
        figures.needs.ephemeral_ports,
        pairs.ports(machine.ports),
        int(pairs.fitting(machine.ports) / of_user),
        str(pairs),
        "name more source_addresses, or widen the range",
    )


def _memory(figures: PlanFigures, machine: Machine, processes: int) -> Need:
    """Return the need of memory. Several processes have a parent, which sums up their measurements."""
    needs = figures.needs
    of_steps = needs.memory_bytes_of_steps
    fixed = (processes + (processes > 1)) * needs.memory_bytes_of_a_process + of_steps
    is_of_steps = of_steps > fixed / 2
    return Need(
        "memory",
        fixed + figures.most_users * needs.memory_bytes_of_a_user,
        machine.memory_bytes,
        max(0, machine.memory_bytes - fixed) // max(1, needs.memory_bytes_of_a_user),
        f"{format_size(machine.memory_bytes)} of {machine.memory_is}",
        "give steps of one kind the same name: each name costs memory" if is_of_steps
        else "use fewer users, or a larger machine",
    )  # fmt: skip


def _files_of_builtin(figures: PlanFigures, machine: Machine) -> Need:
    """Return the open files of a built-in target: it has the other end of every connection, in one process."""
    of_user = figures.needs.connections_of_a_user
    return Need(
        "target files",
        figures.needs.connections + FILES_OF_A_PROCESS,
        machine.descriptors,
        int(max(0, machine.descriptors - FILES_OF_A_PROCESS) / of_user),
        "the open files of the built-in target, which is one process (ulimit -n),",
        "serve the target elsewhere",
    )


# -- resources ---------------------------------------------------------------------------------------------------


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
