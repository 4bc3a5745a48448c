"""What a machine can hold, and what is said where it cannot: everything that is too little, with what would fit."""

from __future__ import annotations

from typing import Any

import pytest

from loadws.fleet.preflight import SPARE_DESCRIPTORS, UNKNOWN, Machine, check_fit
from loadws.terms.errors import UsageError

#: 1,000 users a process by its files, 1,500 by its ports, and 2,000 by its memory.
MACHINE = Machine(1_000 + SPARE_DESCRIPTORS, 1_500, 2_000_000)


def _plan(held: int, most: int | None = None) -> dict[str, Any]:
    most = held if most is None else most
    needs = {"memory_bytes": 1_000 * most, "memory_bytes_of_a_process": 100}
    return {"held_most": held, "most_users": most, "needs": needs}


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
            "1.91 MiB of free memory allow 1,999; "
            "the open files of 2 processes (ulimit -n) allow 2,000",
            "name more source_addresses, or widen the range; use fewer users, or a larger machine; "
            "say --processes 3, or raise the hard limit",
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
        check_fit(_plan(1_000 * 256 + 1), Machine(MACHINE.descriptors, UNKNOWN, UNKNOWN), processes=256)
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
