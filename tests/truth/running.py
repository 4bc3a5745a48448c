"""Run a scenario against a target that keeps its own account, with a generator that is idle, busy or blocked on
purpose.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import msgspec
import trio

from loadws.engine.lifecycle import Lifecycle
from loadws.engine.runtime.parker import Parker
from loadws.fleet.shard import ShardOrder, run_shard
from loadws.gate.verdict import judged
from loadws.metrics.frame import Frame
from loadws.metrics.runinfo import Ending, PhaseInfo, Rule, RunInfo
from loadws.metrics.summarising.summariser import Summariser
from loadws.metrics.summary import MetricEntry, Summary
from loadws.scenario.build import Overrides
from loadws.target.cores import apart
from loadws.terms.units import NS_PER_S
from loadws.transport.clock.timers import open_timers
from tests.kit.plain import run_info
from tests.truth.target import Account, Behaviour

Stamps = Literal["user", "kernel"]
#: Other work of the generator's loop, for as long as the run lasts.
Burden = Callable[[], Awaitable[None]]

PATIENCE_S = 120
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Measured:
    """What loadws reports, and what the target did."""

    summary: Summary
    account: Account

    def entry(self, metric: str) -> MetricEntry:
        """Return the entry over all steps in the judged time."""
        entries = self.summary.entries(metric)
        return min(entries, key=lambda entry: len(entry.labels))


async def idle() -> None:
    """Do nothing."""


async def busy(share: float = 0.8) -> None:
    """Keep the processor busy for that share of the time, in pieces of a fifth of a millisecond."""
    piece_s = 0.0002
    async with open_timers() as timers:
        parker = Parker(timers)
        while True:
            spin(piece_s)
            await parker.wait(timers.now_ns() + round(piece_s * (1 / share - 1) * NS_PER_S))


async def blocked(for_s: float = 0.05, every_s: float = 0.5) -> None:
    """Block the loop now and then, as a blocking library would."""
    while True:
        await trio.sleep(every_s)
        spin(for_s)


def spin(seconds: float) -> None:
    ends_ns = time.perf_counter_ns() + round(seconds * NS_PER_S)
    while time.perf_counter_ns() < ends_ns:
        pass


def measure(
    scenario: str,
    behaviour: Behaviour,
    stamps: Stamps = "user",
    burden: Burden = idle,
    rules: Sequence[str] = (),
    warmups: int = 0,
) -> Measured:
    """Run to the end, on the native transport. The scenario's own target does not matter; its last phase is judged."""
    command = [sys.executable, "-m", "tests.truth.target", msgspec.json.encode(behaviour).decode()]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None
        target = f"ws://127.0.0.1:{int(process.stdout.readline())}"
        with apart(process.pid):
            summary = summed_up(scenario, target, stamps, burden, rules, warmups)
        told, _ = process.communicate(timeout=PATIENCE_S)
    return Measured(summary, msgspec.json.decode(told, type=Account))


def summed_up(
    scenario: str,
    target: str,
    stamps: Stamps = "user",
    burden: Burden = idle,
    rules: Sequence[str] = (),
    warmups: int = 0,
) -> Summary:
    """Run against an existing target, and return the summary."""
    overrides = Overrides(target=target)
    order = ShardOrder(str(ROOT / "truth.yaml"), scenario, overrides, {}, 1, "native", stamps=stamps)
    return trio.run(partial(_run, order, burden, _info(order, rules, warmups)))


async def _run(order: ShardOrder, burden: Burden, info: RunInfo) -> Summary:
    summariser = Summariser(info)

    async def deliver(frame: Frame) -> None:
        summariser.add(frame)

    with trio.fail_after(PATIENCE_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(burden)
            ending: Ending = await run_shard(order, deliver, Lifecycle())
            nursery.cancel_scope.cancel()
    return judged(summariser.summary(ending), info, ending)


def _info(order: ShardOrder, rules: Sequence[str], warmups: int) -> RunInfo:
    phases = (*(PhaseInfo("connect", True, None) for _ in range(warmups)), PhaseInfo("phase-1", False, None))
    return run_info(
        scenario="truth",
        seed=order.seed,
        transport=order.transport,
        target="",
        phases=phases,
        rules=tuple(Rule(rule) for rule in rules),
        stamps=order.stamps,
    )
