"""``--processes auto``: as many as a plan needs and there are cores for, and as the file limit takes."""

from __future__ import annotations

import os
from typing import Any

import pytest

from loadws.fleet.machine import process_count as count
from loadws.fleet.machine.cgroups import Group
from loadws.fleet.machine.preflight import UNKNOWN, Machine
from loadws.fleet.machine.process_count import choose_processes, is_local, usable_cores
from loadws.plan.figures import PlanFigures, figures_of
from loadws.plan.needs import FILES_OF_A_PROCESS
from loadws.plan.plan import make_plan
from loadws.scenario.model.model import Scenario

REMOTE, LOCAL = "ws://load.example", "ws://127.0.0.1:1"
ENOUGH = Machine(UNKNOWN, UNKNOWN, UNKNOWN)


def described(phase: dict[str, Any], flow: list[Any] | None = None) -> PlanFigures:
    document = {"target": REMOTE, "load": [{"for": "10s", **phase}], "flow": flow or [{"request": "hello"}]}
    return figures_of(make_plan(Scenario.model_validate(document), 1))


@pytest.mark.parametrize(
    ("phase", "target", "paced", "expected"),
    [
        ({"users": 500}, REMOTE, True, 1),  # a small load stays in one process
        ({"users": 501}, REMOTE, True, 2),  # a larger one takes what it needs
        ({"users": 60}, REMOTE, False, 3),  # users that never pause keep a core busy
        ({"users": 100_000}, REMOTE, True, 8),  # but no more than there are cores
        ({"users": 100_000}, LOCAL, True, 7),  # and one core less beside a target
        ({"arrivals": "1000/s"}, REMOTE, True, 5),  # arrivals count by their rate, whatever their number
        ({"users": 0, "arrivals": "1/s"}, REMOTE, True, 1),  # users that come and go one by one
    ],
)
def test_as_many_as_it_takes(
    monkeypatch: pytest.MonkeyPatch, phase: dict[str, Any], target: str, paced: bool, expected: int
) -> None:
    monkeypatch.setattr(count, "usable_cores", lambda: 8)
    assert choose_processes(described(phase), ENOUGH, target, paced=paced) == expected


@pytest.mark.parametrize(
    ("users", "expected"),
    [
        (1_600, 1),  # what one process may hold, on one core
        (1_601, 2),  # one more than that
        (8_000, 5),
    ],
)
def test_the_file_limit_takes_more_than_there_are_cores(
    monkeypatch: pytest.MonkeyPatch, users: int, expected: int
) -> None:
    monkeypatch.setattr(count, "usable_cores", lambda: 1)
    machine = Machine(1_600 + FILES_OF_A_PROCESS, UNKNOWN, UNKNOWN)
    assert choose_processes(described({"users": users}), machine, LOCAL, paced=True) == expected


SEVERAL = [{"connect": {"as": name}} for name in "abcd"]


@pytest.mark.parametrize(
    ("users", "flow", "machine", "expected"),
    [
        # by the connections of a user, and not by users
        (800, SEVERAL, Machine(1_600 + FILES_OF_A_PROCESS, UNKNOWN, UNKNOWN), 2),
        # not more than eight a core, however low the limit
        (100_000, None, Machine(FILES_OF_A_PROCESS + 200, UNKNOWN, UNKNOWN), 8),
        # where no file is left for a user, more processes are no help
        (100_000, None, Machine(40, UNKNOWN, UNKNOWN), 1),
        # the parent has pipes to each of them
        (100_000, None, Machine(FILES_OF_A_PROCESS + 30, UNKNOWN, UNKNOWN), 5),
        # not more than there is memory for, with their parent
        (
            3_000,
            None,
            Machine(FILES_OF_A_PROCESS + 500, UNKNOWN, (96 << 20) * 4 + (6 * 4 << 10) + 3_000 * (32 << 10)),
            3,
        ),
    ],
)
def test_what_bounds_an_automatic_number(
    monkeypatch: pytest.MonkeyPatch, users: int, flow: list[Any] | None, machine: Machine, expected: int
) -> None:
    monkeypatch.setattr(count, "usable_cores", lambda: 1)
    assert choose_processes(described({"users": users}, flow), machine, LOCAL, paced=True) == expected


@pytest.mark.parametrize(("quota", "cores"), [(None, 4), (0.5, 1), (1.5, 1), (2.0, 2), (64.0, 4)])
def test_a_quota_of_time_bounds_the_cores(monkeypatch: pytest.MonkeyPatch, quota: float | None, cores: int) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(4)), raising=False)
    monkeypatch.setattr(count, "look_at_groups", lambda: Group(cores=quota))
    assert usable_cores() == cores


def test_users_that_arrive_and_stay_are_held_like_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(count, "usable_cores", lambda: 8)
    phase = described({"arrivals": "100/s"}, [{"every": "1s", "do": [{"request": "hello"}]}])
    assert choose_processes(phase, ENOUGH, REMOTE, paced=True) == 2


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("builtin:echo", True),
        ("ws://localhost:80/x", True),
        ("wss://127.1.2.3", True),
        ("ws://[::1]:80", True),
        ("ws://10.0.0.1", False),
        ("ws://localhost.example", False),
    ],
)
def test_which_target_runs_here(target: str, expected: bool) -> None:
    assert is_local(target) is expected
