"""Find the highest rates that this machine can make: the real runner on small scenarios, against a target beside it, in
under a minute.

A closed loop without pause shows how many messages are possible at all. A schedule shows at which rate they still leave
in time; that rate is searched by halving between zero and the closed loop's rate. Every trial has a deadline of its
own.
"""

from __future__ import annotations

from collections.abc import Callable, Generator

import msgspec
import trio

from loadws import __version__
from loadws.fleet.machine.calibration import Found, Level
from loadws.fleet.multi_process import Span, run_many
from loadws.fleet.shard import ShardOrder
from loadws.fleet.single_process import run_local
from loadws.metrics.frame import Frame
from loadws.metrics.runinfo import GeneratorMachine, PhaseInfo, RunInfo
from loadws.metrics.summarising.summariser import Summariser
from loadws.metrics.summary import SCHEMA_VERSION, Summary
from loadws.scenario.build import Overrides
from loadws.terms.errors import TargetError
from loadws.terms.units import NS_PER_MS

GRACEFUL_STOP_S = 2.0
SPARE_S = 30.0  # for a trial's processes to start, and to end
MOST_LAG_NS = NS_PER_MS
CONNECTING, FEW, MANY = 64, 100, 1_000

Say = Callable[[str], None]


class Effort(msgspec.Struct, frozen=True):
    """The length of each trial, in seconds, and the exactness of the result. ``steps``: halvings of the search for the
    scheduled rate.
    """

    warmup_s: float = 0.8
    judged_s: float = 2.0
    steps: int = 4
    held: int = 2_000


class Paced(msgspec.Struct, frozen=True):
    """The outcome of a schedule, in its judged time: answers per second, and the send lag's p99 of the worst process (None:
    too few sends). ``made_per_s`` are the answers of all its time, which a schedule far beyond the machine has too.
    """

    answered_per_s: float
    send_lag_p99_ns: float | None
    made_per_s: float


class _Place(msgspec.Struct, frozen=True):
    url: str
    transport: str
    effort: Effort
    is_apart: bool = False


async def calibrate(
    url: str, transport: str, processes: tuple[int, ...], most_users: int, effort: Effort, say: Say
) -> Found:
    """Find the highest rates that this machine can make.

    ``processes``: the numbers to try, 1 first. ``most_users``: how many users this machine's limits let one process
    hold.

    Raises:
        KeyboardInterrupt: The user stopped it.
        TargetError: The target does not answer.
    """
    place = _Place(url, transport, effort)
    say("connections opened and closed")
    connects_per_s = await _connects(place)
    say("connections held")
    held, memory = await _held(place, min(effort.held, most_users))
    levels = [await _level(place, count, min(MANY, most_users), say) for count in processes]
    return Found(connects_per_s, held, memory, tuple(levels))


async def _connects(place: _Place) -> float:
    seconds = place.effort.judged_s
    text = f"load: [{{users: {CONNECTING}, for: {seconds:g}s}}]\nflow: [connect, close]\n"
    return (await _trial(place, text, seconds, 1)).ledger.connections.opened / seconds


async def _held(place: _Place, users: int) -> tuple[int, int]:
    """Return how many users were open, and how much each of them added to the process's memory."""
    seconds = 2 * place.effort.judged_s
    alone = await _trial(place, _idle(1, place.effort.warmup_s), place.effort.warmup_s, 1)
    together = await _trial(place, _idle(users, seconds), seconds, 1)
    added = _memory(together) - _memory(alone)
    return together.ledger.connections.opened, max(0, added) // users


def _idle(users: int, seconds: float) -> str:
    return f"load: [{{users: {users}, for: {seconds:g}s}}]\nflow: [{{think: 1m}}]\n"


def _memory(summary: Summary) -> int:
    return max(process.rss_max_bytes for process in summary.generator.processes)


async def _level(place: _Place, processes: int, many: int, say: Say) -> Level:
    made_by = "1 process" if processes == 1 else f"{processes} processes"
    closed = {}
    for users in dict.fromkeys((min(FEW, many), many)):
        say(f"{made_by}: a closed loop on {users:,} connections")
        closed[users] = await _closed(place, users, processes)
    rate, lag_ns = await _search(place, max(closed.values()), min(FEW, many), processes, say, made_by)
    return Level(processes, {str(users): rate for users, rate in closed.items()}, rate, lag_ns)


async def _closed(place: _Place, users: int, processes: int) -> float:
    summary = await _trial(place, _phases(place, users) + "flow: [{request: hello}]\n", _total_s(place), processes)
    return _answered(summary) / place.effort.judged_s


async def _search(
    place: _Place, closed_per_s: float, users: int, processes: int, say: Say, made_by: str
) -> tuple[float | None, float | None]:
    """Return the highest rate, and its lag. A rate at which the schedule could not be kept does not count."""
    best: tuple[float | None, float | None] = (None, None)
    low, high = 0.0, closed_per_s
    for _ in range(place.effort.steps):
        rate = (low + high) / 2
        say(f"{made_by}: a schedule of {rate:,.0f} messages per second")
        paced = await pace(place.url, place.transport, place.effort, rate, users, processes)
        if keeps_up(paced, rate):
            best, low = (paced.answered_per_s, paced.send_lag_p99_ns), rate
        else:
            high = rate
    return best


async def pace(
    url: str, transport: str, effort: Effort, per_s: float, users: int, processes: int, *, apart: bool = False
) -> Paced:
    """Send so many messages per second, by a schedule. ``apart``: not in this process, even if one process makes them.

    Raises:
        TargetError: The target does not answer.
    """
    place = _Place(url, transport, effort, apart)
    every_us = max(1, round(users / per_s * 1e6))
    flow = f"flow: [{{every: {every_us}us, do: [{{request: hello}}]}}]\n"
    summary = await _trial(place, _phases(place, users) + flow, _total_s(place), processes)
    lags = [process.send_lag_p99_ns for process in summary.generator.processes]
    worst = max((lag for lag in lags if lag is not None), default=None)
    made = summary.ledger.messages.answered / max(_total_s(place), summary.run.duration_s)
    return Paced(_answered(summary) / effort.judged_s, worst, made)


def makes(paced: Paced, per_s: float) -> bool:
    """Return whether this machine made the rate of its schedule, in time or not."""
    return paced.answered_per_s >= 0.9 * per_s


def keeps_up(paced: Paced, per_s: float) -> bool:
    """Return whether this machine kept the schedule: enough answers, which were asked for in time."""
    lag_ns = paced.send_lag_p99_ns
    return lag_ns is not None and lag_ns <= MOST_LAG_NS and makes(paced, per_s)


def _answered(summary: Summary) -> int:
    """Return the number of answers in the judged time."""
    entries = summary.entries("service_time")
    return min(entries, key=lambda entry: len(entry.labels)).count if entries else 0


def _phases(place: _Place, users: int) -> str:
    effort = place.effort
    warmup = f"{{users: {users}, for: {effort.warmup_s:g}s, warmup: true}}"
    return f"load: [{warmup}, {{users: {users}, for: {effort.judged_s:g}s}}]\n"


def _total_s(place: _Place) -> float:
    return place.effort.warmup_s + place.effort.judged_s


async def _trial(place: _Place, text: str, seconds: float, processes: int) -> Summary:
    """Make one run, and return its summary.

    Raises:
        TargetError: The run did not end in time, or no connection could be opened.
    """
    head = f"target: {place.url}\ngraceful_stop: {GRACEFUL_STOP_S:g}s\n"
    order = ShardOrder("calibrate.yaml", head + text, Overrides(), {}, 1, place.transport)
    summariser = Summariser(_info(order, processes, warmup="warmup" in text))

    def take(frame: Frame) -> Generator[None, None, None]:
        yield from summariser.adding(frame)

    with trio.move_on_after(seconds + GRACEFUL_STOP_S + SPARE_S) as deadline:
        is_local = processes == 1 and not place.is_apart
        ending = await run_local(order, take) if is_local else (
            await run_many(order, processes, Span(seconds, GRACEFUL_STOP_S), take)
        )  # fmt: skip
    if deadline.cancelled_caught:
        raise TargetError("a trial of the calibration did not end", "is the machine very busy?")
    summary = summariser.summary(ending)
    if not summary.ledger.connections.opened:
        raise TargetError(f"nothing could be opened at {place.url}", "is it a WebSocket server that echoes?")
    return summary


def _info(order: ShardOrder, processes: int, *, warmup: bool) -> RunInfo:
    judged = PhaseInfo("phase-2" if warmup else "phase-1", False, None)
    return RunInfo(
        schema_version=SCHEMA_VERSION, scenario="calibrate", started_at="", seed=order.seed, transport=order.transport,
        processes=processes, loadws_version=__version__, model="closed", target="",
        phases=(PhaseInfo("phase-1", True, None), judged) if warmup else (judged,), rules=(), own_metrics=(),
        paced=False, expected_arrivals=0, command=(), plan={}, machine=GeneratorMachine(), versions={}, stamps=order.stamps,
    )  # fmt: skip
