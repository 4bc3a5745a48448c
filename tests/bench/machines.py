"""``--only machines``: what coordination costs, how far apart shares start, and so how many machines a large load needs.

A real coordinator sums up what comes over its TLS channels. Its shares are simulated by another process: each says what a
share of one process says, as quickly as it is taken. The skew is that of real shares, as a target sees their first
connections. The costs of users and messages are those of the other parts of the bench.
"""

from __future__ import annotations

import random
import statistics
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from math import ceil

import msgspec
import trio

from loadws.cluster.channel import Channel, connect
from loadws.cluster.coordinator import Coordinator, Patience
from loadws.cluster.messages import (
    Down,
    Ended,
    Facts,
    Hello,
    Invitation,
    Measured,
    Prepared,
    Pulse,
    PulseBack,
    Thanks,
    Ticket,
    Up,
    Work,
)
from loadws.cluster.processes import start_share
from loadws.fleet.multi_process import Span
from loadws.fleet.shard import ShardOrder
from loadws.metrics.frame import Frame
from loadws.metrics.runinfo import Ending, MachineInfo
from loadws.metrics.summarising.summariser import Summariser
from loadws.scenario.build import Overrides
from tests.bench.clients import LOCALHOST, client, held_users, loadws, server
from tests.cluster.target import counting_echo
from tests.metrics.made_up import frame, info, times

SIMULATED = (1, 4, 16, 64)
FRAMES_OF_A_SHARE = 20
_METRICS = ("response_time", "service_time", "unlagged_time", "schedule_lag", "send_lag", "write_wait")
_VALUES = 2_000
_PULSING_S = 5.0
_SKEW = """
target: ws://127.0.0.1:1
load: [{users: 4, for: 1s}]
flow: [{request: hello}, {think: 100ms}]
"""
#: Of a core: above 90 % what a process measures may be its own doing.
USABLE = 0.7
FEW, IDLE, CONNECTIONS, RATE_PER_S = 100, 5_000, 1_000, 8_000.0
PORTS, CORES_OF_A_MACHINE = 28_232, 16


@dataclass(frozen=True)
class Coordination:
    """What a coordinator used: processor time for each frame, and of a core for the pulses of one share."""

    shares: int
    cpu_us_of_frame: float
    frame_bytes: int
    pulse_core_share: float


@dataclass(frozen=True)
class Costs:
    """What the load itself costs: processor time of a message and of an opening, memory of a user and of a process."""

    message_cpu_us: float
    opening_cpu_us: float
    user_bytes: float
    process_bytes: float
    holding_core_share: float  # of one user that only pings


def bench(seconds: float) -> None:
    """Print the whole part."""
    coordination = [_coordination(shares) for shares in SIMULATED]
    print("\ncoordination: one coordinator, simulated shares that send a second's frame each")
    print(
        f"  {'shares':>6} {'CPU ms a frame':>15} {'KiB a frame':>12} {'pulses, % of a core':>20} {'1 frame a s each':>17}"
    )
    for each in coordination:
        busy = each.shares * (each.cpu_us_of_frame / 1e6 + each.pulse_core_share)
        print(
            f"  {each.shares:6} {each.cpu_us_of_frame / 1000:15.2f} {each.frame_bytes / 1024:12.1f} "
            f"{each.shares * each.pulse_core_share:20.2%} {busy:17.1%}"
        )
    _print_skew()
    costs = _costs(seconds)
    print(
        f"\ncosts: {costs.message_cpu_us:.1f} µs CPU for a paced message and its answer, {costs.opening_cpu_us:.0f} µs for "
        f"opening a connection,\n  {costs.user_bytes / 1024:.1f} KiB for a user, {costs.process_bytes / 2**20:.0f} MiB for "
        f"a process, {costs.holding_core_share * 1e6:.2f} µs CPU per second for holding a user"
    )
    print("\nwhat 1,000,000 connections and 1,000,000 messages per second need:")
    for resource, arithmetic, needs in sizing(costs, coordination[-1]):
        print(f"| {resource} | {arithmetic} | {needs} |")


def sizing(
    costs: Costs, coordination: Coordination, users: int = 1_000_000, per_s: int = 1_000_000
) -> list[tuple[str, str, str]]:
    """Return (resource, arithmetic, what is needed) for so many users and messages per second."""
    cores = (per_s * costs.message_cpu_us / 1e6 + users * costs.holding_core_share) / USABLE
    processes = ceil(cores)
    memory = users * costs.user_bytes + processes * costs.process_bytes
    machines = ceil(processes / (CORES_OF_A_MACHINE - 1))
    frames = processes * coordination.cpu_us_of_frame / 1e6 + machines * coordination.pulse_core_share
    return [
        (
            "cores",
            f"({per_s:,} × {costs.message_cpu_us:.1f} µs + {users:,} × {costs.holding_core_share * 1e6:.2f} µs) ÷ {USABLE} "
            f"= {cores:.1f}",
            f"{processes} processes",
        ),
        (
            "memory",
            f"{users:,} × {costs.user_bytes / 1024:.1f} KiB + {processes} × {costs.process_bytes / 2**20:.0f} MiB",
            f"{memory / 2**30:.1f} GiB in all",
        ),
        ("ports", f"{users:,} ÷ {PORTS:,} = {users / PORTS:.1f}", f"{ceil(users / PORTS)} pairs of addresses"),
        (
            "files",
            f"({users:,} + {processes} × 64) ÷ {processes} = {users / processes + 64:,.0f}",
            "`ulimit -Hn` above it",
        ),
        (
            "machines",
            f"{processes} ÷ {CORES_OF_A_MACHINE - 1}, one core of {CORES_OF_A_MACHINE} left to the system = "
            f"{processes / (CORES_OF_A_MACHINE - 1):.1f}",
            f"{machines} machines",
        ),
        (
            "opening",
            f"{users:,} × {costs.opening_cpu_us:.0f} µs ÷ ({processes} × {USABLE}) = "
            f"{users * costs.opening_cpu_us / 1e6 / (processes * USABLE):.0f} s",
            "a ramp at least as long",
        ),
        (
            "coordinator",
            f"{processes} frames per second × {coordination.cpu_us_of_frame / 1000:.2f} ms + {machines} shares × "
            f"{coordination.pulse_core_share:.2%}",
            f"{frames:.0%} of a core",
        ),
    ]


# -- coordination -----------------------------------------------------------------------------------------------------


def _coordination(shares: int) -> Coordination:
    """Measure a coordinator of so many simulated shares, which run in another process."""
    return trio.run(_coordinate, shares)


async def _coordinate(shares: int) -> Coordination:
    order = ShardOrder("bench.yaml", "", Overrides(), {}, 1, "native", of=shares)
    works = [Work(msgspec.structs.replace(order, share=index), (), "user", 1) for index in range(shares)]
    coordinator = Coordinator(works, print, Patience(start_s=0.5, silent_s=60))
    machines = tuple(MachineInfo(index, "", (index,)) for index in range(shares))
    summariser = Summariser(info(processes=shares, machines=machines))

    def take(one: Frame) -> Generator[None, None, None]:
        yield from summariser.adding(one)

    with trio.fail_after(300):
        async with coordinator.listening(LOCALHOST):
            invitations = msgspec.msgpack.encode([coordinator.invitation(index) for index in range(shares)])
            command = [sys.executable, "-m", "tests.bench.machines"]
            async with trio.open_nursery() as nursery:
                nursery.start_soon(lambda: trio.run_process(command, stdin=invitations))
                await coordinator.all_ready()
                began_s = time.process_time()
                await trio.sleep(_PULSING_S)
                pulses_s = time.process_time() - began_s
                began_s = time.process_time()
                await coordinator.load(Span(None, 5), take)
                load_s = time.process_time() - began_s
    frames = shares * FRAMES_OF_A_SHARE
    return Coordination(
        shares, load_s / frames * 1e6, len(msgspec.msgpack.encode(_second(0))), pulses_s / _PULSING_S / shares
    )


def _second(index: int) -> Frame:
    """Return a frame as a busy process has one: six histograms of two thousand values."""
    chance = random.Random(index)
    parts = [times(name, [chance.lognormvariate(0, 0.5) for _ in range(_VALUES)], step="ask") for name in _METRICS]
    return frame(index, histograms=tuple(parts))


async def _simulate(invitations: Sequence[Invitation]) -> None:
    """Run all shares. Their frames are made before, so that making them is not what is measured."""
    seconds = [_second(index) for index in range(FRAMES_OF_A_SHARE)]
    async with trio.open_nursery() as nursery:
        for invitation in invitations:
            own = [msgspec.structs.replace(second, process=invitation.index) for second in seconds]
            nursery.start_soon(_share, invitation, own)


async def _share(invitation: Invitation, frames: Sequence[Frame]) -> None:
    """Say what a share says."""
    channel: Channel[Down, Up] = await connect(invitation)
    await channel.send(Hello(invitation.key, invitation.index, Facts("simulated", 0, 1, {})))
    await channel.send(Prepared(1, "user"))
    while (message := await channel.receive()) is not None:
        match message:
            case Pulse(sent_ns, _):
                await channel.send(PulseBack(sent_ns, time.time_ns()))
            case Ticket():
                for number, one in enumerate(frames, 1):
                    await channel.send(Measured(number, one))
                await channel.send(Ended(Ending(float(FRAMES_OF_A_SHARE))))
            case Thanks():
                return


# -- skew -------------------------------------------------------------------------------------------------------------


def _print_skew() -> None:
    rows = [trio.run(_skew) for _ in range(3)]
    for apart_ms, bound_ms in rows:
        print(
            f"\nstart skew: the first users of 4 shares came within {apart_ms:.2f} ms; "
            f"their clocks were known within {bound_ms:.3f} ms"
        )
    print(f"  median {statistics.median(apart for apart, _ in rows):.2f} ms")


async def _skew() -> tuple[float, float]:
    """Return, in ms, how far apart the first connections of real shares came, and the bound of their clocks."""
    with trio.fail_after(180):
        async with counting_echo() as target:
            order = ShardOrder("skew.yaml", _SKEW, Overrides(target=target.url), {}, 1, "native", of=4)
            works = [Work(msgspec.structs.replace(order, share=index), (), "user", 1) for index in range(4)]
            coordinator = Coordinator(works, print)
            async with coordinator.listening(LOCALHOST):
                processes = [start_share(coordinator.invitation(index)) for index in range(4)]
                try:
                    await coordinator.all_ready()
                    await coordinator.load(Span(1, 5), _take_nothing)
                finally:
                    _end(processes)
            errors = sorted(share.clock_error_ns or 0 for share in coordinator.shares)
            return (max(target.came_s) - min(target.came_s)) * 1e3, sum(errors[-2:]) / 1e6


def _take_nothing(_: Frame) -> Generator[None, None, None]:
    yield


def _end(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.kill()
        process.communicate()


# -- costs ------------------------------------------------------------------------------------------------------------


def _costs(seconds: float) -> Costs:
    few = held_users("native", FEW, 6, "127.0.4.1")
    many = held_users("native", IDLE, 10 + IDLE / 400, "127.0.5.1")
    with server(False) as (port, _):
        command = loadws("native", "paced", port, CONNECTIONS, 64, seconds, rate=RATE_PER_S)
        message = statistics.median(client(command).cpu_us for _ in range(3))
    return Costs(
        message,
        many.opening_cpu_us,
        (many.rss_bytes - few.rss_bytes) / (IDLE - FEW),
        few.rss_bytes,
        many.holding_cpu_share / IDLE,
    )


if __name__ == "__main__":
    trio.run(_simulate, msgspec.msgpack.decode(sys.stdin.buffer.read(), type=list[Invitation]))
