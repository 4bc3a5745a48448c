"""Runs a coordinator with shares that are plain processes of this machine, against a target that counts."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import AsyncIterator, Callable, Generator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import msgspec
import trio

from loadws.cluster.coordinator import Coordinator, Patience
from loadws.cluster.messages import Result, Work
from loadws.cluster.processes import start_share
from loadws.fleet.multi_process import Span
from loadws.fleet.shard import ShardOrder
from loadws.gate.verdict import judged
from loadws.metrics.frame import Frame
from loadws.metrics.runinfo import EarlyEnd, Ending, MachineInfo
from loadws.metrics.summarising.summariser import Summariser
from loadws.metrics.summary import Summary
from loadws.scenario.build import Overrides
from tests.kit import faults
from tests.kit.plain import run_info

WITHIN_S = 90
#: Ends by itself only after an hour: what stops it is what is tested.
LONG = """
target: ws://127.0.0.1:1
graceful_stop: 5s
load: [{users: 6, for: 1h}]
flow: [{request: hello}, {think: 10ms}]
"""
SHORT = LONG.replace("1h", "1s")
INFO = run_info(scenario="cluster", processes=0)
#: Looks at a run as it goes, and may return the rule that is broken.
OnFrame = Callable[["Run", Frame], str | None]


@dataclass
class Run:
    """What a run had, and left. ``processes`` are its shares'."""

    coordinator: Coordinator
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    ending: Ending = field(default_factory=lambda: Ending(0.0))

    def heard_of(self, index: int) -> int:
        """Return how many frames of a share have come."""
        return sum(frame.process % len(self.processes) == index for frame in self.frames)

    def all_heard(self) -> bool:
        return all(self.heard_of(index) for index in range(len(self.processes)))

    def kill(self, index: int, number: signal.Signals) -> None:
        os.kill(self.processes[index].pid, number)

    def summary(self, tolerated: int = 0) -> Summary:
        machines = tuple(
            MachineInfo(share.index, "here", share.numbers, lost=share.lost) for share in self.coordinator.shares
        )
        info = msgspec.structs.replace(
            INFO,
            processes=sum(len(machine.numbers) for machine in machines),
            machines=machines,
            tolerated_losses=tolerated,
        )
        summariser = Summariser(info)
        for frame in self.frames:
            summariser.add(frame)
        summary = summariser.summary(self.ending)
        assert summary.ledger.imbalances() == []
        return judged(summary, info, self.ending)


def works(text: str | Sequence[str], url: str, shares: int, processes: int) -> list[Work]:
    """Return what each share is to do; a scenario for all of them, or one for each."""
    texts = [text] * shares if isinstance(text, str) else text
    order = ShardOrder("cluster.yaml", "", Overrides(target=url), {}, 1, "native", of=shares)
    return [
        Work(msgspec.structs.replace(order, share=index, text=each), (), "user", processes)
        for index, each in enumerate(texts)
    ]


@asynccontextmanager
async def prepared(
    text: str | Sequence[str] = LONG,
    shares: int = 2,
    processes: int = 1,
    patience: Patience | None = None,
    tolerated: int = 0,
) -> AsyncIterator[Run]:
    """A coordinator that waits for its shares, within a deadline. The test starts them, and nothing of them is left."""
    with trio.fail_after(WITHIN_S):
        async with faults.echo() as url:
            notices: list[str] = []
            coordinator = Coordinator(works(text, url, shares, processes), notices.append, patience, tolerated)
            run = Run(coordinator, notices=notices)
            async with coordinator.listening("127.0.0.1"):
                try:
                    yield run
                finally:
                    for process in run.processes:
                        process.kill()
                        process.communicate()


@asynccontextmanager
async def ready(
    text: str | Sequence[str] = LONG,
    shares: int = 2,
    processes: int = 1,
    patience: Patience | None = None,
    tolerated: int = 0,
) -> AsyncIterator[Run]:
    """A run whose shares are all ready."""
    async with prepared(text, shares, processes, patience, tolerated) as run:
        run.processes += [start_share(run.coordinator.invitation(index)) for index in range(shares)]
        await run.coordinator.all_ready()
        yield run


async def load(run: Run, on_frame: OnFrame = lambda _run, _frame: None) -> None:
    """Make the load, and look at each frame of it."""

    def take(frame: Frame) -> Generator[None, None, EarlyEnd | None]:
        run.frames.append(frame)
        yield
        rule = on_frame(run, frame)
        return None if rule is None else EarlyEnd(rule=rule)

    run.ending = await run.coordinator.load(Span(None, 5), take)


async def result_of(process: subprocess.Popen[bytes]) -> Result:
    """Return what a share leaves where it was started."""
    out, _ = await trio.to_thread.run_sync(process.communicate, abandon_on_cancel=True)
    return msgspec.msgpack.decode(out, type=Result)
