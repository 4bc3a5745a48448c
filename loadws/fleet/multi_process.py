"""Run a load in several processes on this machine: each makes a shard, and the parent merges their measurements.

All begin at one moment, which the parent names when every process is ready; if one cannot be made ready, none begins. A
phase that ends by its flows ends for all when the last process has run its share. Timed events need no message: every
process has the plan.

A process that dies, hangs or fails does not end the run. Its frames until then are kept, the others go on, and the
ending says which process was lost and why, so that the run is judged invalid. Everything has a deadline, because a
process may be stopped or starved at any moment: to be ready, for silence while the load goes on, and to end after the
plan's end or the stop of the run. Silence is counted in looks of the parent and not in time, so that a parent that was
itself stopped for a while does not give up its processes.
"""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial

import msgspec
import trio

from loadws.engine.coordination import LEAD_NS
from loadws.engine.lifecycle import Lifecycle
from loadws.engine.sliced import in_slices
from loadws.fleet.crew import Crew, open_crew
from loadws.fleet.process import Process
from loadws.fleet.protocol import Begin, Broken, Down, Ended, EndPhase, FlowsDone, Measured, Order, Ready, Stop, Up
from loadws.fleet.shard import ShardOrder
from loadws.fleet.signals import OnSignal, Signals, ended_by
from loadws.fleet.single_process import TakeFrame
from loadws.fleet.start import Start
from loadws.metrics.frame import Frame
from loadws.metrics.merging import joined_phases
from loadws.metrics.runinfo import Ending, LostProcess

#: From "all are ready" to the first intended time: a machine that just started five interpreters is busy for a moment.
BEGIN_LEAD_NS = 5 * LEAD_NS
LOOK_EVERY_S = 0.5


class Patience(msgspec.Struct, frozen=True):
    """Time limits of a process, in seconds: to be ready; of silence before that is reported, and before it is given up;
    and to end after the last of its users must have gone.
    """

    start_s: float = 60.0
    quiet_s: float = 3.0
    silent_s: float = 20.0
    end_s: float = 20.0


class Span(msgspec.Struct, frozen=True):
    """The length of the plan (None: iterations decide), and the time that users may need after it."""

    load_s: float | None
    graceful_stop_s: float


async def run_many(
    order: ShardOrder,
    processes: int,
    span: Span,
    take: TakeFrame,
    on_signal: OnSignal | None = None,
    notice: Callable[[str], None] | None = None,
    patience: Patience | None = None,
    signals: Signals | None = None,
    hide: Callable[[str], str] = str,
    start: Start | None = None,
    loss_means: str = "the run is invalid",
    crew: Crew | None = None,
) -> Ending:
    """Run like ``run_local``. ``notice`` receives sentences about processes that fall silent or are lost, at once.

    ``loss_means`` is what a lost process means for the verdict, as the end of such a sentence. ``hide`` masks secrets in
    what a process prints about its own end. The processes are those of ``crew``, and stay for its next load; None: they
    are started for this run, and end with it.
    """
    orders = [order.of_process(process, processes) for process in range(processes)]
    lifecycle = Lifecycle()
    async with AsyncExitStack() as stack:
        with ended_by(signals, lifecycle, on_signal):
            ours = crew if crew is not None else await stack.enter_async_context(open_crew())
            started = await ours.gather([each.number for each in orders])
            fleet = _Fleet(
                dict(zip(started, orders, strict=True)), span, take, notice or (lambda _: None), patience or Patience(),
                lifecycle, hide, start or Start(), loss_means,
            )  # fmt: skip
            return await fleet.run()


class _Fleet:
    def __init__(
        self,
        orders: dict[Process, ShardOrder],
        span: Span,
        take: TakeFrame,
        notice: Callable[[str], None],
        patience: Patience,
        lifecycle: Lifecycle,
        hide: Callable[[str], str],
        start: Start,
        loss_means: str,
    ) -> None:
        self._orders = orders
        self._processes = list(orders)
        self._span = span
        self._take = take
        self._notice = notice
        self._patience = patience
        self._hide = hide
        self._lifecycle = lifecycle
        self._taking = trio.Lock()
        self._flows_done: defaultdict[int, set[int]] = defaultdict(set)  # phase -> processes
        self._start = start
        self._loss_means = loss_means
        self._starting = trio.Event()  # set when every process is ready
        self._begun = False
        self._end_by_s = float("inf")  # on trio's clock: when all processes should have ended
        self._overdue = 0  # looks since then
        self._last_s = 0.0
        self._defect: str | None = None

    async def run(self) -> Ending:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._pass_on_stops)
            nursery.start_soon(self._look_after)
            nursery.start_soon(self._begin_together)
            async with trio.open_nursery() as followers:
                for process in self._processes:
                    followers.start_soon(self._follow, process)
            nursery.cancel_scope.cancel()
        return self._ending()

    # -- messages of a process -----------------------------------------------------------------------------------------

    async def _follow(self, process: Process) -> None:
        """Handle the messages of a process, from its order to its end or loss."""
        await process.tell(Order(self._orders[process]))
        while not process.is_over:
            message = await process.hear()
            if message is None:
                await process.note_death(self._hide)
            else:
                await self._heed(process, message)
        if process.lost is not None:
            self._notice(self._about(process))
        await self._reconsider()

    async def _heed(self, process: Process, message: Up) -> None:
        match message:
            case Measured(frame):
                await self._take_frame(frame)
            case Ready():
                process.is_ready = True
                await self._reconsider()
            case FlowsDone(phase):
                self._flows_done[phase].add(process.number)
                await self._reconsider()
            case Ended(ending):
                process.ending = ending
            case Broken(error, trace):
                print(self._hide(trace), file=sys.stderr)
                self._defect = self._defect or self._hide(error)
                process.lose(f"failed: {self._hide(error)}")

    async def _take_frame(self, frame: Frame) -> None:
        """Hand frames over one after another, as an output may process a frame in slices."""
        async with self._taking:
            self._last_s = max(self._last_s, frame.start_s + frame.duration_s)
            early_end = await in_slices(self._take(frame))
        if early_end is not None:
            self._lifecycle.end_early(early_end)

    # -- waiting for all -------------------------------------------------------------------------------------------

    async def _reconsider(self) -> None:
        """Re-evaluate what the processes wait for, after a message or a loss."""
        if not self._begun:
            self._ready_or_give_up()
            return
        waited_for = {process.number for process in self._alive()}
        for phase, done in list(self._flows_done.items()):
            if waited_for <= done:
                del self._flows_done[phase]
                await self._tell_all(EndPhase(phase, time.monotonic_ns() + LEAD_NS))

    def _ready_or_give_up(self) -> None:
        if any(process.is_over for process in self._processes):
            for process in self._processes:
                process.lose("was not begun with, as another process could not be")
        elif all(process.is_ready for process in self._processes):
            self._starting.set()

    async def _begin_together(self) -> None:
        """Wait for the start, and name it to all processes."""
        await self._starting.wait()
        at_ns = await self._start.moment(BEGIN_LEAD_NS, self._lifecycle)
        self._begun = True
        if self._span.load_s is not None:
            self._must_end_within(self._span.load_s + self._span.graceful_stop_s)
        for process in self._processes:
            process.quiet = 0  # it had nothing to say while it waited
        await self._tell_all(Begin(at_ns))

    async def _pass_on_stops(self) -> None:
        await self._lifecycle.stopping.wait()
        self._must_end_within(self._span.graceful_stop_s)
        await self._tell_all(Stop(self._lifecycle.reason or ""))
        with self._lifecycle.users:  # cancelled when the end is wanted at once
            await trio.sleep_forever()
        self._must_end_within(0)
        await self._tell_all(Stop(self._lifecycle.reason or ""))

    async def _tell_all(self, message: Down) -> None:
        """Send to all processes at the same time, so that one that is stopped does not delay the others."""
        async with trio.open_nursery() as nursery:
            for process in self._alive():
                nursery.start_soon(process.tell, message)

    def _alive(self) -> list[Process]:
        return [process for process in self._processes if not process.is_over]

    # -- deadlines ----------------------------------------------------------------------------------------------------

    def _must_end_within(self, seconds: float) -> None:
        self._end_by_s = min(self._end_by_s, trio.current_time() + seconds)

    async def _look_after(self) -> None:
        looks = partial(_looks, every_s=LOOK_EVERY_S)
        patience = self._patience
        start, quiet = looks(patience.start_s), looks(patience.quiet_s)
        silent, late = looks(patience.silent_s), looks(patience.end_s)
        while True:
            await trio.sleep(LOOK_EVERY_S)
            self._overdue += trio.current_time() > self._end_by_s
            for process in self._alive():
                process.quiet += 1
                if not self._begun:
                    if process.quiet >= start and not process.is_ready:
                        process.lose(f"was not ready within {self._patience.start_s:g} s")
                elif self._overdue >= late:
                    process.lose(f"did not end within {self._patience.end_s:g} s of when it should have")
                elif process.quiet == quiet:
                    self._notice(f"Process {process.number} has said nothing for {self._patience.quiet_s:g} s.")
                elif process.quiet == silent:
                    process.lose(f"said nothing for {self._patience.silent_s:g} s and was ended")

    # -- how it ended -------------------------------------------------------------------------------------------------

    def _ending(self) -> Ending:
        endings = [process.ending for process in self._processes if process.ending is not None]
        return Ending(
            ended_at_s=max((ending.ended_at_s for ending in endings), default=self._last_s),
            interrupted=self._lifecycle.reason,
            aborted_by=self._lifecycle.rule,
            gave_up=self._lifecycle.gave_up,
            defect=self._defect,
            phases=joined_phases(endings),
            lost=tuple(LostProcess(p.number, p.lost) for p in self._processes if p.lost is not None),
        )

    def _about(self, process: Process) -> str:
        goes_on = f"The others go on, and {self._loss_means}." if self._begun else "The run does not begin."
        return f"Process {process.number} {process.lost}. {goes_on}"


def _looks(seconds: float, every_s: float) -> int:
    return max(1, round(seconds / every_s))
