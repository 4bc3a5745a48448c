"""Slices: short loads, one after another, in one event loop, and of several sides by turns.

``Bench`` has what all slices of a side share: its target, the variables of ``setup``, and the processes. Every slice is
the scenario's whole load with a plan of its own seed, and returns a summary of which only the validity is judged.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TypeVar

import msgspec
import trio

from loadws.cli.options import RunOptions
from loadws.cli.reading import load_shown
from loadws.cli.running.run import order_for, ready, with_transport
from loadws.cli.running.run_info import run_info
from loadws.fleet.crew import Crew, open_crew
from loadws.fleet.machine.ports import pairs_of
from loadws.fleet.machine.preflight import Machine, check_fit, look_at_machine
from loadws.fleet.machine.process_count import choose_processes
from loadws.fleet.machine.receive_stamps import Stamping, choose_stamps
from loadws.fleet.multi_process import Span, run_many
from loadws.fleet.shard import ShardOrder
from loadws.fleet.signals import Signals
from loadws.fleet.single_process import run_local
from loadws.gate.verdict import judged
from loadws.metrics.frame import Frame
from loadws.metrics.runinfo import Ending, RunInfo
from loadws.metrics.summarising.summariser import Summariser
from loadws.metrics.summary import Summary
from loadws.plan.demand import is_paced
from loadws.plan.figures import figures_of
from loadws.plan.plan import make_plan
from loadws.scenario.build import Loaded, load_text

T = TypeVar("T")
#: The pause between two slices, in which both ends close the connections of the previous one.
PAUSE_S = 0.2


@dataclass(frozen=True, slots=True)
class Slice:
    """A slice that has ended. ``wall_s`` is all the time it needed, including its start and its end."""

    summary: Summary
    info: RunInfo
    wall_s: float

    @property
    def was_interrupted(self) -> bool:
        """Return whether a signal ended it."""
        return self.summary.run.interrupted is not None


class Bench:
    """One side, ready for slices."""

    def __init__(
        self,
        loaded: Loaded,
        options: RunOptions,
        order: ShardOrder,
        processes: int,
        machine: Machine,
        stamping: Stamping,
        crew: Crew | None = None,
    ) -> None:
        self.loaded = loaded
        self._options = options
        self._order = order
        self._processes = processes
        self._machine = machine
        self._stamping = stamping
        self._crew = crew

    async def slice(
        self,
        seed: int,
        signals: Signals,
        say: Callable[[str], None],
        duration_ns: int | None = None,
        users: int | None = None,
        rate: float | None = None,
    ) -> Slice:
        """Run one slice. ``duration_ns`` is how long its one judged phase lasts; None: as the scenario says.

        ``users`` and ``rate`` are the load of its one judged phase, where a search varies it.
        """
        changed = {"duration_ns": duration_ns, "users": users, "rate": rate}
        changed = {name: value for name, value in changed.items() if value is not None}
        overrides = replace(self._order.overrides, **changed)  # type: ignore[arg-type]
        order = msgspec.structs.replace(self._order, overrides=overrides, seed=seed)
        loaded = load_text(order.text, self.loaded.path, overrides, order.env)
        plan = make_plan(loaded.scenario, seed)
        figures = figures_of(plan)
        check_fit(figures, self._machine, pairs_of(loaded.scenario), self._processes, loaded.scenario.target)
        info = run_info(
            loaded,
            self._options,
            plan,
            figures,
            self._processes,
            self._machine,
            self._stamping,
            datetime.now(UTC).replace(microsecond=0),
        )
        info = msgspec.structs.replace(info, rules=())  # a slice is a sample: its rules are the comparison's
        summariser = Summariser(info)

        def take(frame: Frame) -> Generator[None, None, None]:
            yield from summariser.adding(frame)

        began_s = trio.current_time()
        ending = await self._made(order, Span(figures.duration_s, figures.graceful_stop_s), take, signals, say)
        await trio.sleep(PAUSE_S)
        summary = judged(summariser.summary(ending), info, ending)
        return Slice(summary, info, trio.current_time() - began_s)

    async def _made(
        self,
        order: ShardOrder,
        span: Span,
        take: Callable[[Frame], Generator[None, None, None]],
        signals: Signals,
        say: Callable[[str], None],
    ) -> Ending:
        def patience(name: str) -> None:
            say(f"{name}: this slice ends now, and what there is will be judged.")

        if self._processes == 1:
            return await run_local(order, take, on_signal=patience, signals=signals)
        return await run_many(
            order,
            self._processes,
            span,
            take,
            patience,
            say,
            signals=signals,
            hide=self.loaded.masker.text,
            crew=self._crew,
        )


def load_side(options: RunOptions) -> Loaded:
    """Return the scenario of a side. Raises ``LoadwsError``."""
    return load_shown(options.scenario, with_transport(options))


@asynccontextmanager
async def open_benches(
    sides: Sequence[tuple[Loaded, RunOptions]], signals: Signals, say: Callable[[str], None]
) -> AsyncIterator[list[Bench]]:
    """Start built-in targets and run each side's ``setup``; its ``teardown`` runs at the end.

    All slices of all sides are made by the same processes. Raises ``LoadwsError`` where a side cannot be made ready.
    """
    machine = look_at_machine()
    processes = max(processes_of(loaded, options, machine) for loaded, options in sides)
    async with AsyncExitStack() as stack:
        crew = await stack.enter_async_context(open_crew())
        benches = []
        for loaded, options in sides:
            stamping = choose_stamps(options.stamps, options.transport, loaded.scenario.target)

            def order_to(
                url: str, loaded: Loaded = loaded, options: RunOptions = options, stamping: Stamping = stamping
            ) -> ShardOrder:
                return order_for(loaded, options, 0, url, stamping.stamps)

            order, known = await stack.enter_async_context(ready(signals, loaded, order_to, processes, say))
            benches.append(Bench(known, options, order, processes, machine, stamping, crew))
        yield benches


def processes_of(loaded: Loaded, options: RunOptions, machine: Machine) -> int:
    """Return how many processes make the load of a side: as the command line says, or as many as it needs."""
    if options.processes is not None:
        return options.processes
    figures = figures_of(make_plan(loaded.scenario, 0))
    return choose_processes(figures, machine, loaded.scenario.target, paced=is_paced(loaded.scenario))


def in_loop(work: Callable[[], Awaitable[T]]) -> T:
    """Run asynchronous work to its end, in an event loop of its own."""
    return trio.run(work)


def now_s() -> float:
    """Return the time on the loop's clock, in seconds."""
    return trio.current_time()
