"""Processes that make one load after another: the same ones, without a trace of the load before."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio

from loadws.fleet import crew
from loadws.fleet.crew import Crew, open_crew
from loadws.fleet.multi_process import Span, run_many
from loadws.fleet.process import open_process
from loadws.fleet.protocol import Begin, Order, Ready, Stop
from loadws.fleet.shard import ShardOrder
from loadws.metrics.frame import Frame
from loadws.metrics.runinfo import Ending
from loadws.scenario.build import Overrides
from tests.kit import faults

ONCE = "target: ws://127.0.0.1:1\nload: [{users: 4, iterations: 8}]\nflow: [{request: hello}]\n"
LONG = "target: ws://127.0.0.1:1\nload: [{users: 4, for: 1h}]\nflow: [{request: hello}, {think: 10ms}]\n"
LIMIT_S = 120


def order(text: str, url: str, seed: int) -> ShardOrder:
    return ShardOrder("crew.yaml", text, Overrides(target=url), {}, seed, "native")


class Loads:
    """The loads of a test: what each measured and how it ended, and which processes were started for all of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pids: list[int] = []
        self.answered: list[int] = []
        self.endings: list[Ending] = []

        @asynccontextmanager
        async def opened(number: int) -> Any:
            async with open_process(number) as process:
                self.pids.append(process.pid)
                yield process

        monkeypatch.setattr(crew, "open_process", opened)

    async def make(self, mates: Crew, text: str, url: str, kill_first: bool = False) -> None:
        answered = 0

        def take(frame: Frame) -> Generator[None, None, None]:
            nonlocal answered, kill_first
            answered += frame.ledger.messages.answered if frame.last else 0
            if kill_first:
                kill_first = False
                os.kill(self.pids[0], signal.SIGKILL)
                os.kill(self.pids[1], signal.SIGKILL)
            yield

        self.endings.append(await run_many(order(text, url, len(self.endings)), 2, Span(None, 10), take, crew=mates))
        self.answered.append(answered)


@pytest.mark.slow
def test_two_loads_are_made_by_the_same_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    loads = Loads(monkeypatch)

    async def main() -> None:
        with trio.fail_after(LIMIT_S):
            async with faults.echo() as url, open_crew() as mates:
                for _ in range(3):
                    await loads.make(mates, ONCE, url)
                assert [_is_there(pid) for pid in loads.pids] == [True, True]

    trio.run(main)
    assert len(loads.pids) == 2
    assert loads.answered == [8, 8, 8]
    assert [ending.lost for ending in loads.endings] == [(), (), ()]
    assert [_is_there(pid) for pid in loads.pids] == [False, False]


@pytest.mark.slow
def test_a_process_that_was_lost_is_replaced_in_the_next_load(monkeypatch: pytest.MonkeyPatch) -> None:
    loads = Loads(monkeypatch)

    async def main() -> None:
        with trio.fail_after(LIMIT_S):
            async with faults.echo() as url, open_crew() as mates:
                await loads.make(mates, LONG, url, kill_first=True)
                await loads.make(mates, ONCE, url)

    trio.run(main)
    assert [len(ending.lost) for ending in loads.endings] == [2, 0]
    assert (len(loads.pids), loads.answered[1]) == (4, 8)


@pytest.mark.slow
def test_what_comes_between_two_loads_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stop that crosses the end of a load on its way is not one of the next load."""
    loads = Loads(monkeypatch)

    async def main() -> None:
        with trio.fail_after(LIMIT_S):
            async with faults.echo() as url, open_crew() as mates:
                await loads.make(mates, ONCE, url)
                processes = [mates._processes[number] for number in (0, 1)]
                for process in processes:
                    await process.tell(Stop("too late"))
                    await process.tell(Begin(0))
                await loads.make(mates, ONCE, url)

    trio.run(main)
    assert [ending.interrupted for ending in loads.endings] == [None, None]
    assert loads.answered == [8, 8]


@pytest.mark.slow
@pytest.mark.parametrize(("orders", "code"), [(0, 0), (1, 1)])
def test_a_process_ends_when_its_parent_is_gone(orders: int, code: int) -> None:
    """At once and with an error where a load is being made: its measurements have no receiver."""

    async def main() -> None:
        with trio.fail_after(LIMIT_S):
            async with open_process(0) as process:
                for seed in range(orders):
                    await process.tell(Order(order(LONG, "ws://127.0.0.1:1", seed).of_process(0, 2)))
                    assert await process.hear() == Ready()
                inner = process._process
                assert inner.stdin is not None
                await inner.stdin.aclose()
                assert await inner.wait() == code

    trio.run(main)


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
