"""Plans: phases after one another, users in their slots, arrivals numbered through, shards that add up to the whole."""

from itertools import chain
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadws.plan.plan import Arrival, Plan, PlannedPhase, UserChange, make_plan
from loadws.scenario.model.model import Scenario
from loadws.terms.units import NS_PER_S

REQUEST: list[Any] = [{"request": "hello"}]


def scenario(*phases: dict[str, Any], **rest: Any) -> Scenario:
    flow = {} if "users" in rest else {"flow": REQUEST}
    return Scenario.model_validate({"target": "ws://127.0.0.1:1", "load": list(phases), **flow, **rest})


def plan_of(*phases: dict[str, Any], seed: int = 7, **rest: Any) -> Plan:
    return make_plan(scenario(*phases, **rest), seed)


def phase_of(**fields: Any) -> PlannedPhase:
    """A phase of ten seconds that holds nobody, but for what is said."""
    empty: dict[str, Any] = dict.fromkeys(PlannedPhase.__struct_fields__)
    given: dict[str, Any] = {
        "index": 0, "name": "p", "warmup": False, "start_ns": 0, "duration_ns": 10 * NS_PER_S,
        "users_from": 0, "users_to": 0, "rate_from": 0.0, "rate_to": 0.0, "spacing": "poisson", "first_arrival": 0,
    }  # fmt: skip
    return PlannedPhase(**{**empty, **given, **fields})


def test_phases_follow_one_another_and_ramps_begin_where_the_last_ended() -> None:
    plan = plan_of(
        {"name": "up", "users": {"to": 20}, "for": "10s", "warmup": True},
        {"users": {"to": 50}, "arrivals": {"to": "8/s"}, "for": "5s", "max_users": 30, "spacing": "uniform"},
        {"arrivals": {"to": "2/s"}, "iterations": 9, "for": "5s"},
        {"users": 3, "iterations": 100},
        {"users": 3, "for": "1s"},
    )
    assert plan.phases == (
        PlannedPhase(0, "up", True, 0, 10 * NS_PER_S, None, 0, 20, 0.0, 0.0, "poisson", None, 0),
        PlannedPhase(1, "phase-2", False, 10 * NS_PER_S, 5 * NS_PER_S, None, 20, 50, 0.0, 8.0, "uniform", 30, 0),
        PlannedPhase(2, "phase-3", False, 15 * NS_PER_S, 5 * NS_PER_S, 9, 0, 0, 8.0, 2.0, "poisson", None, 20),
        PlannedPhase(3, "phase-4", False, 20 * NS_PER_S, None, 100, 3, 3, 0.0, 0.0, "poisson", None, 20),
        PlannedPhase(4, "phase-5", False, None, NS_PER_S, None, 3, 3, 0.0, 0.0, "poisson", None, 20),
    )[:3] + tuple(plan.phases[3:])
    assert [phase.start_ns for phase in plan.phases] == [0, 10 * NS_PER_S, 15 * NS_PER_S, 20 * NS_PER_S, None]
    assert (plan.held_most, plan.expected_arrivals, plan.total_ns) == (50, 45, None)


def test_the_whole_length_where_every_phase_has_one() -> None:
    assert plan_of({"users": 1, "for": "3s"}, {"users": 1, "for": "4s"}).total_ns == 7 * NS_PER_S


@pytest.mark.parametrize(
    ("phase", "held_before", "expected"),
    [
        # a rise of 4 over 10 s: one every 2.5 s, the first at once
        (phase_of(users_from=0, users_to=4), 0, [(0, 0, True), (2.5, 1, True), (5, 2, True), (7.5, 3, True)]),
        # a fall of 2: newest first, the last at the very end
        (phase_of(users_from=3, users_to=1), 3, [(5, 2, False), (10, 1, False)]),
        # equal numbers carry over
        (phase_of(users_from=3, users_to=3), 3, []),
        # a jump up, then a rise
        (phase_of(users_from=2, users_to=3), 0, [(0, 0, True), (0, 1, True), (0, 2, True)]),
        # a jump down: the newest leave first
        (phase_of(users_from=1, users_to=1), 3, [(0, 2, False), (0, 1, False)]),
        # without a fixed time there is no ramp
        (phase_of(users_from=0, users_to=2, duration_ns=None, iterations=5), 0, [(0, 0, True), (0, 1, True)]),
    ],
)
def test_held_users_begin_and_leave(
    phase: PlannedPhase, held_before: int, expected: list[tuple[float, int, bool]]
) -> None:
    changes = [UserChange(round(at_s * NS_PER_S), slot, start) for at_s, slot, start in expected]
    assert list(plan_of({"users": 4, "for": "10s"}).changes(phase, held_before)) == changes


PHASES = st.builds(
    phase_of,
    users_from=st.integers(0, 40),
    users_to=st.integers(0, 40),
    duration_ns=st.one_of(st.none(), st.integers(1, 30 * NS_PER_S)),
)


@pytest.mark.slow
@settings(deadline=None)
@given(PHASES, st.integers(0, 40), st.integers(1, 5))
def test_changes_are_consistent_and_shards_share_them(phase: PlannedPhase, held_before: int, shards: int) -> None:
    plan = plan_of({"users": 40, "for": "1s"})
    changes = list(plan.changes(phase, held_before))
    held = list(range(held_before))
    for change in changes:
        if change.start:
            held.append(change.slot)
        else:
            assert held.pop() == change.slot  # the newest leaves first
        assert held == list(range(len(held)))  # nobody starts twice, slots are filled in order
    assert len(held) == phase.users_to
    assert [change.at_ns for change in changes] == sorted(change.at_ns for change in changes)
    parts = [list(plan.shard_of(index, shards).changes(phase, held_before)) for index in range(shards)]
    assert [change for change in changes if change.slot % shards == 0] == parts[0]
    assert sorted(chain(*parts), key=repr) == sorted(changes, key=repr)


@pytest.mark.slow
@settings(deadline=None)
@given(PHASES, st.lists(st.floats(0, 1), max_size=10))
def test_users_at_is_what_the_changes_come_to(phase: PlannedPhase, shares: list[float]) -> None:
    duration_ns = phase.duration_ns or 0
    changes = list(plan_of({"users": 40, "for": "1s"}).changes(phase, 0))
    for offset_ns in [0, duration_ns, *(round(share * duration_ns) for share in shares)]:
        happened = [change.start for change in changes if change.at_ns <= offset_ns]
        assert phase.users_at(offset_ns) == happened.count(True) - happened.count(False)


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(st.integers(1, 6), st.integers(0, 2**63 - 1), st.sampled_from(["poisson", "uniform"]))
def test_shards_share_the_same_arrivals(shards: int, seed: int, spacing: str) -> None:
    plan = plan_of(
        {"users": 3, "arrivals": {"from": "5/s", "to": "40/s"}, "for": "3s", "spacing": spacing},
        {"arrivals": "20/s", "for": "2s", "spacing": spacing},
        seed=seed,
        users=[{"weight": 2, "flow": REQUEST}, {"weight": 1, "flow": REQUEST}],
    )
    whole = [arrival for phase in plan.phases for arrival in plan.arrivals(phase)]
    assert [arrival.number for arrival in whole] == list(range(len(whole)))
    assert [arrival.user for arrival in whole] == [3 + number for number in range(len(whole))]
    parts: list[Arrival] = []
    for index in range(shards):
        shard = plan.shard_of(index, shards)
        mine = [arrival for phase in shard.phases for arrival in shard.arrivals(phase)]
        assert mine == whole[index::shards]
        assert [shard.user_type(arrival.user) for arrival in mine] == [plan.user_type(a.user) for a in mine]
        parts += mine
    assert sorted(parts, key=lambda arrival: arrival.number) == whole


def test_held_users_match_the_weights() -> None:
    plan = plan_of({"users": 10, "for": "1s"}, users=[{"weight": 9, "flow": REQUEST}, {"weight": 1, "flow": REQUEST}])
    assert sorted(plan.user_type(slot) for slot in range(10)) == [0] * 9 + [1]


LOOP = [{"every": "1s", "for": "1m", "do": REQUEST}]


@pytest.mark.parametrize(
    ("phase", "flow", "model"),
    [
        ({"users": 5}, LOOP, "closed"),  # held alone
        ({"arrivals": "5/s"}, REQUEST, "open"),  # arrivals that come and go
        ({"users": 5, "arrivals": "5/s"}, LOOP, "mixed"),  # both
        ({"users": 0, "arrivals": "5/s"}, LOOP, "partly open"),  # arrivals that stay: a schedule
        ({"arrivals": "5/s"}, [{"while": "{{ true }}", "do": REQUEST}], "partly open"),  # a loop
        ({"arrivals": "5/s"}, [{"repeat": 20, "do": REQUEST}], "partly open"),  # turns
        ({"arrivals": "5/s"}, [{"repeat": 1, "do": REQUEST}], "open"),  # one turn is no loop
        ({"arrivals": "5/s"}, [{"think": "500ms..2s"}], "partly open"),  # a pause of 1.25 s in the mean
        ({"arrivals": "5/s"}, [{"think": {"exponential": "999ms"}}], "open"),  # a short pause
        ({"users": 5, "arrivals": "0/s"}, REQUEST, "closed"),  # arrivals that never come
    ],
)
def test_the_model_is_named(phase: dict[str, Any], flow: list[Any], model: str) -> None:
    assert plan_of({**phase, "for": "10s"}, users=[{"flow": flow}]).model == model
