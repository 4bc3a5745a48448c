"""Shards in one loop and virtual time: whatever a server does, and whenever a process is lost, the ledger adds up, and the
load is the same for any number of processes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from trio.testing import MockClock

from loadws.engine.coordination import LEAD_NS
from loadws.engine.lifecycle import Lifecycle
from loadws.engine.load import Load, run_load
from loadws.engine.runtime.facts import RunFacts
from loadws.metrics.frame import Frame
from loadws.metrics.ledger import Ledger
from loadws.plan.plan import make_plan
from loadws.scenario.model.model import Scenario
from loadws.transport.base import ConnectFailed, Payload, Timers
from tests.kit.behaviour import Action, Behaviour, Leave, Say, Vanish, echo, refusal
from tests.kit.peer import ScriptedTransport

FLOW = [
    "connect",
    {"request": {"name": "ask", "send": "{{ user.index }}", "reply": {"within": "300ms"}}},
    {"log": "{{ user.index }} {{ random_int(1, 1000000) }}"},
    {"every": "200ms", "for": "600ms", "do": [{"request": {"send": "x", "reply": {"within": "300ms"}}}]},
    {"send": "bye"},
]
MIXED = (
    {"users": {"from": 1, "to": 4}, "for": "2s"},
    {"users": 2, "arrivals": "5/s", "for": "2s", "max_users": 5},
    {"users": 3, "iterations": 7, "for": "4s"},
)


class InOneLoop:
    """``Together`` for shards that share a loop, and so a clock."""

    def __init__(self, shards: int) -> None:
        self._shards = shards
        self._come: Counter[str] = Counter()
        self._moments: dict[str, tuple[trio.Event, list[int]]] = {}

    async def begin(self, timers: Timers) -> int:
        return await self._all("begin", timers)

    async def flows_done(self, phase: int, timers: Timers) -> int:
        return await self._all(f"phase {phase}", timers)

    async def _all(self, what: str, timers: Timers) -> int:
        event, at_ns = self._moments.setdefault(what, (trio.Event(), []))
        self._come[what] += 1
        if self._come[what] == self._shards:
            at_ns.append(timers.now_ns() + LEAD_NS)
            event.set()
        await event.wait()
        return at_ns[0]


def run_shards(scenario: Scenario, shards: int, behaviour: Behaviour) -> list[list[Frame]]:
    """The frames of each shard."""
    frames: list[list[Frame]] = [[] for _ in range(shards)]
    plan = make_plan(scenario, 1)
    together = InOneLoop(shards)

    async def run_one(number: int) -> None:
        async def deliver(frame: Frame) -> None:
            frames[number].append(frame)

        shard = plan.shard_of(number, shards)
        load = Load(RunFacts(scenario, Path(), 1), shard, ScriptedTransport(behaviour), together=together)
        await run_load(load, deliver, Lifecycle())

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            for number in range(shards):
                nursery.start_soon(run_one, number)

    trio.run(main, clock=MockClock(autojump_threshold=0))
    return frames


def scenario_of(phases: Sequence[dict[str, Any]]) -> Scenario:
    document = {"target": "ws://scripted.test", "load": list(phases), "flow": FLOW, "graceful_stop": "500ms"}
    return Scenario.model_validate({**document, "connection": {"close_timeout": "200ms"}})


answers: st.SearchStrategy[Sequence[Action]] = st.sampled_from(
    [
        (),
        (Say("late", 400_000_000),),
        (Say("once"), Say("twice")),
        (Leave(1011),),
        (Vanish("reset", 100_000_000),),
        (Say("echo"),),
    ]
)
refusals = st.sampled_from([None, None, refusal(503), ConnectFailed("tcp", "refused", "scripted")])


@st.composite
def behaviours(draw: st.DrawFn) -> Behaviour:
    """What happens at each attempt and message, over and over.

    Connecting takes time, as on any network: where it took none, users whose server leaves at once would live session after
    session in one moment of the virtual clock, for ever.
    """
    attempts = draw(st.lists(refusals, min_size=1, max_size=5))
    messages = draw(st.lists(answers, min_size=1, max_size=5))

    def answer(payload: Payload, number: int) -> Sequence[Action]:
        return messages[number % len(messages)]

    return Behaviour(
        connect_ns=draw(st.sampled_from([1_000_000, 70_000_000])),
        refuse=lambda attempt: attempts[attempt % len(attempts)],
        on_message=answer,
        answers_close=draw(st.booleans()),
    )


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(behaviours(), st.integers(1, 3), st.lists(st.integers(0, 12), min_size=3, max_size=3))
def test_the_ledger_adds_up_whenever_a_process_is_lost(behaviour: Behaviour, shards: int, heard: list[int]) -> None:
    frames = run_shards(scenario_of(MIXED), shards, behaviour)

    complete, with_losses = Ledger(), Ledger()
    for of_shard, most in zip(frames, heard, strict=False):
        assert of_shard[-1].last
        complete.add(of_shard[-1].ledger)
        for frame in of_shard[: most + 1][-1:]:  # the last that was heard of it
            lost = Ledger()
            lost.add(frame.ledger)
            lost.close()
            with_losses.add(lost)
    assert complete.imbalances() == []
    assert with_losses.imbalances() == []
    assert with_losses.messages.sent <= complete.messages.sent


@pytest.mark.slow
def test_the_load_is_the_same_for_any_number_of_processes() -> None:
    """Who was there, what they drew, and how often they did what."""
    unlimited = scenario_of([replace_key(phase, "max_users") for phase in MIXED[:2]])

    def seen(shards: int) -> tuple[list[str], int, int]:
        frames = [frame for of_shard in run_shards(unlimited, shards, echo(1_000_000)) for frame in of_shard]
        whole = Ledger()
        for frame in frames:
            if frame.last:
                whole.add(frame.ledger)
        logs = sorted(line.text for frame in frames for line in frame.logs)
        return logs, whole.arrivals.planned, whole.sessions.started

    alone = seen(1)
    assert len(alone[0]) > 10
    assert seen(2) == alone
    assert seen(5) == alone


@pytest.mark.slow
def test_flows_are_shared_exactly_and_a_phase_ends_for_all_when_the_last_has() -> None:
    frames = run_shards(scenario_of([{"users": 3, "iterations": 7}, {"users": 3, "iterations": 2}]), 4, echo())

    started = [of_shard[-1].ledger.sessions.started for of_shard in frames]
    assert started == [3 + 1, 2 + 1, 2 + 0, 0]
    began = {frame.phases for of_shard in frames for frame in of_shard if any(index == 1 for index, _ in frame.phases)}
    assert len({dict(phases)[1] for phases in began}) == 1


def replace_key(phase: dict[str, Any], without: str) -> dict[str, Any]:
    return {key: value for key, value in phase.items() if key != without}


def test_nothing_is_left_to_close_where_everything_ended() -> None:
    [of_shard] = run_shards(scenario_of(MIXED), 1, replace(echo(), connect_ns=1_000_000))
    ledger = Ledger()
    ledger.add(of_shard[-1].ledger)
    ledger.close()
    assert ledger == of_shard[-1].ledger
