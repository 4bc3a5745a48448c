"""Shares of a plan, each cut again for the processes of its machine: together they are the plan, however it is cut."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadws.plan.figures import figures_of
from loadws.plan.plan import Plan, make_plan
from loadws.plan.split import Shard, round_of, shard
from loadws.scenario.model.model import Scenario

FLOW: list[Any] = [{"request": "hello"}]
#: How many processes each share has, and its weight.
splits = st.lists(st.tuples(st.integers(1, 5), st.integers(1, 7)), min_size=1, max_size=6)
Split = list[tuple[int, int]]


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


def shares(plan: Plan, split: Split) -> list[Plan]:
    weights = [weight for _, weight in split]
    return [plan.shard_of(index, len(split), weights) for index in range(len(split))]


def cut(plan: Plan, split: Split) -> Iterator[Plan]:
    """Yield what each process of each share runs."""
    for (processes, _), share in zip(split, shares(plan, split), strict=True):
        yield from (share.shard_of(process, processes) for process in range(processes))


@pytest.mark.slow
@settings(max_examples=80)
@given(plans(), splits)
def test_the_sum_over_shares_is_the_plan(plan: Plan, split: Split) -> None:
    parts = list(cut(plan, split))

    assert len({part.number for part in parts}) == len(parts)  # each process has a number of its own
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
def test_flows_go_only_to_processes_with_a_user_to_run_them(plan: Plan, split: Split) -> None:
    for part in cut(plan, split):
        for phase in part.phases:
            if phase.iterations and not phase.expected_arrivals:
                assert part.own.part_of(phase.users_to) > 0


@pytest.mark.slow
@settings(max_examples=60)
@given(plans(), splits)
def test_the_figures_of_the_shares_add_up(plan: Plan, split: Split) -> None:
    whole = figures_of(plan).as_json()
    figures = [figures_of(share).as_json() for share in shares(plan, split)]

    for figure in ("held_most", "expected_arrivals"):
        assert sum(share[figure] for share in figures) == whole[figure]
    for number, phase in enumerate(whole["phases"]):
        for figure in ("users_from", "users_to", "expected_arrivals"):
            assert sum(share["phases"][number][figure] for share in figures) == phase[figure]


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 500))
def test_a_shard_of_a_shard_has_what_its_number_says(count: int, parts: int, number: int) -> None:
    owners = [
        (index, part)
        for index in range(count)
        for part in range(parts)
        if Shard(index, count).cut(part, parts).has(number)
    ]
    assert owners == [(number % count, number // count % parts)]


@pytest.mark.slow
@given(st.lists(st.integers(1, 60), min_size=1, max_size=8), st.integers(0, 2000), st.integers(1, 4))
def test_a_number_is_of_one_share_and_each_has_about_its_weight(weights: list[int], whole: int, processes: int) -> None:
    parts = [shard(index, len(weights), weights) for index in range(len(weights))]

    assert all(sum(part.has(number) for part in parts) == 1 for number in range(whole))
    for part, weight in zip(parts, weights, strict=True):
        cuts = [part.cut(index, processes) for index in range(processes)]
        assert part.part_of(whole) == sum(map(part.has, range(whole)))
        assert [each.part_of(whole) for each in cuts] == [sum(map(each.has, range(whole))) for each in cuts]
        assert sum(each.part_of(whole) for each in cuts) == part.part_of(whole)
        assert abs(part.part_of(whole) - whole * weight / sum(weights)) < len(weights)
        if whole % round_of(weights) == 0:
            assert part.part_of(whole) == whole * weight // sum(weights)


def test_weights_of_three_to_one_to_one() -> None:
    owners = [next(index for index in range(3) if shard(index, 3, (6, 2, 2)).has(number)) for number in range(5)]
    assert owners == [0, 1, 0, 2, 0]
