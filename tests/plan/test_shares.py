"""Shares of a plan, each cut again for the processes of its machine: together they are the plan, however it is cut."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadws.plan.figures import figures_of
from loadws.plan.plan import Plan, Shard, make_plan
from loadws.scenario.model.model import Scenario

FLOW: list[Any] = [{"request": "hello"}]
#: How many processes each share has; the number of shares is the length.
splits = st.lists(st.integers(1, 5), min_size=1, max_size=6)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Plans with held users, arrivals, iterations and max_users, in several phases and user types."""
    phases: list[dict[str, Any]] = []
    for _ in range(draw(st.integers(1, 3))):
        phase: dict[str, Any] = {"users": draw(st.integers(0, 25))}
        if draw(st.booleans()):
            phase |= {"for": f"{draw(st.integers(1, 4))}s", "arrivals": f"{draw(st.integers(1, 30))}/s"}
            if draw(st.booleans()):
                phase["max_users"] = draw(st.integers(1, 40))
        else:
            phase |= {"users": draw(st.integers(1, 25)), "iterations": draw(st.integers(1, 60))}
        phases.append(phase)
    weights = draw(st.lists(st.integers(1, 9), min_size=1, max_size=3))
    users = [{"weight": weight, "flow": FLOW} for weight in weights]
    scenario = Scenario.model_validate({"target": "ws://127.0.0.1:1", "load": phases, "users": users})
    return make_plan(scenario, draw(st.integers(0, 2**63 - 1)))


def cut(plan: Plan, split: list[int]) -> Iterator[Plan]:
    """Yield what each process of each share runs."""
    for index, processes in enumerate(split):
        share = plan.shard_of(index, len(split))
        yield from (share.shard_of(process, processes) for process in range(processes))


@pytest.mark.slow
@settings(max_examples=80)
@given(plans(), splits)
def test_the_sum_over_shares_is_the_plan(plan: Plan, split: list[int]) -> None:
    parts = list(cut(plan, split))

    assert len({part.shard for part in parts}) == len(parts)  # each process has a number of its own
    held = 0
    for number, phase in enumerate(plan.phases):
        changes = Counter(change for part in parts for change in part.changes(part.phases[number], held))
        assert changes == Counter(plan.changes(phase, held))
        arrivals = Counter(arrival for part in parts for arrival in part.arrivals(part.phases[number]))
        assert arrivals == Counter(plan.arrivals(phase))
        users = {arrival.user for arrival in arrivals} | {change.slot for change in changes}
        assert all(part.user_type(user) == plan.user_type(user) for part in parts for user in users)
        held = phase.users_to
        if phase.iterations is not None:
            assert sum(part.phases[number].iterations or 0 for part in parts) == phase.iterations
        if phase.max_users is not None:
            assert sum(part.phases[number].max_users or 0 for part in parts) == phase.max_users


@pytest.mark.slow
@settings(max_examples=60)
@given(plans(), splits)
def test_flows_go_only_to_processes_with_a_user_to_run_them(plan: Plan, split: list[int]) -> None:
    for part in cut(plan, split):
        for phase in part.phases:
            if phase.iterations and not phase.expected_arrivals:
                assert part.own.part_of(phase.users_to) > 0


@pytest.mark.slow
@settings(max_examples=60)
@given(plans(), splits)
def test_the_figures_of_the_shares_add_up(plan: Plan, split: list[int]) -> None:
    whole = figures_of(plan).as_json()
    shares = [figures_of(plan.shard_of(index, len(split))).as_json() for index in range(len(split))]

    for figure in ("held_most", "expected_arrivals"):
        assert sum(share[figure] for share in shares) == whole[figure]
    for number, phase in enumerate(whole["phases"]):
        for figure in ("users_from", "users_to", "expected_arrivals"):
            assert sum(share["phases"][number][figure] for share in shares) == phase[figure]


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 500))
def test_a_shard_of_a_shard_has_what_its_number_says(count: int, parts: int, number: int) -> None:
    owners = [
        (index, part)
        for index in range(count)
        for part in range(parts)
        if Shard(index, count).cut(part, parts).has(number)
    ]
    assert owners == [(number % count, number // count % parts)]
