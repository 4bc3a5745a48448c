"""What a machine can hold, and what is said where it cannot: everything that is too little, with what would fit."""

from __future__ import annotations

from typing import Any

import pytest

from loadws.fleet.machine import preflight
from loadws.fleet.machine.cgroups import Group
from loadws.fleet.machine.ports import Pairs
from loadws.fleet.machine.preflight import UNKNOWN, Machine, check_fit, look_at_machine, needs_of_run
from loadws.plan.figures import PlanFigures
from loadws.plan.needs import FILES_OF_A_PROCESS, MEMORY_OF_A_PROCESS, Needs
from loadws.terms.errors import UsageError
from tests.fleet.machine.made_up import figures_of_users

#: 1,000 users a process by its files, 1,500 by its ports, and 2,000 by its memory.
MACHINE = Machine(1_000 + FILES_OF_A_PROCESS, 1_500, MEMORY_OF_A_PROCESS * 3 + 2_000_000)


def _plan(held: int, most: int | None = None, **needs: Any) -> PlanFigures:
    return figures_of_users(held, most, Needs(memory_of_a_user=1_000, **needs))


@pytest.mark.parametrize(
    ("held", "processes", "target", "message", "advice"),
    [
        # one thing is too little
        (
            1_001,
            1,
            "ws://a.test",
            "the plan holds 1,001 users here, and the open files of a process (ulimit -n) allow 1,000",
            "say --processes 2, or raise the hard limit",
        ),
        # more than one, the tightest first
        (
            2_001,
            2,
            "ws://a.test",
            "the plan holds 2,001 users here, and "
            "the local ports to one address (net.ipv4.ip_local_port_range) allow 1,500; "
            "the open files of 2 processes (ulimit -n) allow 2,000; "
            "290 MiB of free memory allow 2,000",
            "name more source_addresses, or widen the range; raise the hard limit; "
            "use fewer users, or a larger machine",
        ),
        # the other ends are here, too
        (
            1_001,
            2,
            "builtin:echo",
            "the plan holds 1,001 users here, and the open files of the built-in target, which is one process "
            "(ulimit -n), allow 1,000",
            "serve the target elsewhere",
        ),
    ],
)
def test_all_that_is_too_little_is_said_at_once(
    held: int, processes: int, target: str, message: str, advice: str
) -> None:
    with pytest.raises(UsageError) as error:
        check_fit(_plan(held), MACHINE, processes=processes, target=target)
    assert (str(error.value), error.value.advice) == (message, advice)


def test_more_processes_than_there_may_be_are_not_advised() -> None:
    with pytest.raises(UsageError) as error:
        check_fit(_plan(9_936 * 256 + 1), Machine(10_000, UNKNOWN, UNKNOWN), processes=256)
    assert error.value.advice == "raise the hard limit"


def test_what_just_fits_is_no_matter() -> None:
    assert check_fit(_plan(1_000), MACHINE, target="builtin:echo") == []


def test_who_might_come_is_a_warning_for_each_limit() -> None:
    warnings = check_fit(_plan(10, most=1_600), MACHINE)
    assert warnings == [
        f"up to 1,600 users may be there at once if none leaves early, and {what} here; {advice}, or set max_users"
        for what, advice in (
            ("the open files of a process (ulimit -n) allow 1,000", "say --processes 2, or raise the hard limit"),
            (
                "the local ports to one address (net.ipv4.ip_local_port_range) allow 1,500",
                "name more source_addresses, or widen the range",
            ),
        )
    ]


# -- what a user and a step need --------------------------------------------------------------------------------------


def test_a_user_with_several_connections_needs_files_and_ports_for_each() -> None:
    with pytest.raises(UsageError) as error:
        machine = Machine(MACHINE.descriptors, MACHINE.ports, UNKNOWN)
        check_fit(_plan(501, connections_of_a_user=4.0, files_of_a_user=5.0), machine)
    assert str(error.value) == (
        "the plan holds 501 users with 4 connections each here, and the open files of a process (ulimit -n) allow 200; "
        "the local ports to one address (net.ipv4.ip_local_port_range) allow 375"
    )
    assert error.value.advice.startswith("say --processes 3, or raise the hard limit")


def test_what_is_measured_of_each_step_needs_memory_however_few_the_users_are() -> None:
    with pytest.raises(UsageError) as error:
        check_fit(_plan(5, memory_of_steps=1 << 30), Machine(UNKNOWN, UNKNOWN, 1 << 30))
    assert (str(error.value), error.value.advice) == (
        "the plan holds 5 users here, and 1 GiB of free memory allow 0",
        "give steps of one kind the same name: each name costs memory",
    )


def test_several_processes_have_a_parent_that_needs_memory_too() -> None:
    machine = Machine(UNKNOWN, UNKNOWN, MEMORY_OF_A_PROCESS * 3)
    check_fit(_plan(0), machine, processes=2)
    [_, _, memory] = needs_of_run(_plan(0), machine, Pairs(), 2, "ws://a.test")
    assert memory.needed == MEMORY_OF_A_PROCESS * 3


# -- the machine ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("descriptors", [40, 128, 255])
def test_a_file_limit_that_leaves_no_room_at_all_ends_in_advice(descriptors: int) -> None:
    with pytest.raises(UsageError) as error:
        check_fit(_plan(5), Machine(descriptors, UNKNOWN, UNKNOWN))
    assert (str(error.value), error.value.advice) == (
        f"a process may open {descriptors} files here (ulimit -n), and a load needs at least 256",
        "raise the hard limit, as with: ulimit -n 4096",
    )


def test_the_parents_own_files_are_counted() -> None:
    with pytest.raises(UsageError) as error:
        check_fit(_plan(5), Machine(256, UNKNOWN, UNKNOWN), processes=40)
    assert (str(error.value), error.value.advice) == (
        "40 processes need 304 open files in their parent, and it may open 256 (ulimit -n)",
        "say --processes 32, or raise the hard limit",
    )


def test_too_little_time_for_the_processes_is_a_warning() -> None:
    [warning] = check_fit(_plan(5), Machine(UNKNOWN, UNKNOWN, UNKNOWN, cpu_quota=1.5), processes=2)
    assert warning.startswith(
        "this control group (cgroup) may use the time of 1.5 cores, and 2 processes make the load: "
    )
    assert check_fit(_plan(5), Machine(UNKNOWN, UNKNOWN, UNKNOWN, cpu_quota=2.0), processes=2) == []


def test_the_tighter_of_machine_and_control_group_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "_available_memory", lambda: 8 << 30)
    monkeypatch.setattr(preflight, "look_at_groups", lambda: Group(100 << 20, 0.5))
    machine = look_at_machine()
    assert (machine.memory_bytes, machine.cpu_quota) == (100 << 20, 0.5)
    with pytest.raises(UsageError, match="100 MiB of memory in this control group \\(cgroup\\) allow "):
        check_fit(_plan(10_000), machine)

    monkeypatch.setattr(preflight, "look_at_groups", lambda: Group(16 << 30, None))
    assert (look_at_machine().memory_bytes, look_at_machine().memory_is) == (8 << 30, "free memory")
