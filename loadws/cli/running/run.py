"""``loadws run``: load the scenario, make the plan, open the files, run the fleet, summarise, judge, render."""

from __future__ import annotations

import math
import os
import secrets
import sys
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, NoReturn

import msgspec
import trio

from loadws.cli.masked import masked_errors, print_defect
from loadws.cli.options import RunOptions
from loadws.cli.places import refuse_inputs
from loadws.cli.planning.samples import short_of_samples
from loadws.cli.reading import load_shown
from loadws.cli.running.ci import tell, told_of_run
from loadws.cli.running.outcome import Watcher, outputs_of, show_report
from loadws.cli.running.run_info import run_info
from loadws.cli.running.share_info import share_info
from loadws.cli.screen import OUTPUT
from loadws.dashboard.dashboard import Dashboard
from loadws.fleet.machine.calibration import doubt
from loadws.fleet.machine.ports import pairs_of
from loadws.fleet.machine.preflight import Machine, check_fit, look_at_machine
from loadws.fleet.machine.process_count import choose_processes
from loadws.fleet.machine.receive_stamps import Stamping, choose_stamps
from loadws.fleet.setup_teardown import around
from loadws.fleet.shard import ShardOrder, one_of_each_type
from loadws.fleet.shares import nonce_of, seed_of
from loadws.fleet.signals import Interrupted, Signals, in_loop
from loadws.fleet.single_process import run_local
from loadws.fleet.standstill import LOOKS, LOOKS_AFTER_SIGNALS, LoopWatch
from loadws.fleet.start import Start, as_utc
from loadws.gate.standing import Standing
from loadws.metrics.by_machine import ByMachine
from loadws.metrics.frame import Frame
from loadws.metrics.runinfo import Ending, LostProcess, RunInfo
from loadws.metrics.summarising.summariser import Summariser
from loadws.metrics.summary import Summary
from loadws.outputs.destinations import clear, to_stdout
from loadws.outputs.live_outputs import LiveOutputs
from loadws.plan.demand import is_paced, most_messages_per_s
from loadws.plan.figures import PlanFigures, figures_of
from loadws.plan.plan import make_plan
from loadws.report.folder import REPORT, RunFolder, forget_latest
from loadws.report.pipelines.result import Result
from loadws.report.terminal.live import LiveConsole
from loadws.report.terminal.own_console import OwnConsole
from loadws.report.terminal.pressed import press_ctrl_c
from loadws.scenario.build import Loaded, Overrides
from loadws.scenario.file_name import name_in
from loadws.scenario.model.model import Scenario
from loadws.scenario.secrecy.secrets import secret_paths, secrets_in
from loadws.scenario.yaml.explain import explain
from loadws.target.builtin import open_builtin
from loadws.terms.addresses import BUILTIN
from loadws.terms.errors import ExitCode, LoadwsError, OutputError, UsageError, interruption
from loadws.terms.units import format_duration

if TYPE_CHECKING:
    from loadws.cluster.cluster import Cluster, ClusterOptions


class Finished(NamedTuple):
    """A run that has ended: its exit code, its folder, and its results."""

    code: int
    folder: Path
    summary: Summary


def run_command(options: RunOptions) -> int:
    """Run, and return the exit code of the verdict. An older run's files at fixed places are deleted first."""
    loaded = load_for_run(options)
    with masked_errors(loaded.masker):
        if options.trace:
            return _trace_loaded(loaded, options)
        with Signals() as signals:
            done = run_loaded(loaded, options, signals)
        tell_result(options, told_of_run(done.folder, done.summary, options.places.folder))
        return done.code


def tell_result(options: RunOptions, result: Result) -> None:
    """Report the result of the command to the CI service."""
    tell(options.ci, result, options.places.folder, to_stdout(options.outputs))


def load_for_run(options: RunOptions) -> Loaded:
    """Return the scenario, after deleting an older run's files at fixed places. Raises ``LoadwsError``."""
    if not options.trace:
        files = ((f"--output {each}", each.file) for each in options.outputs)
        refuse_inputs((*options.places.named(), *files), options.scenario)
        options.places.clear()
        for destination in options.outputs:
            clear(destination)
        _forget_latest(options)
    return load_shown(options.scenario, with_transport(options))


def _forget_latest(options: RunOptions) -> None:
    if options.overrides.untrusted and options.scenario.is_symlink():
        return  # it will be refused, and is not read before
    name = name_in(options.scenario, {} if options.overrides.untrusted else os.environ)
    if name is not None:
        forget_latest(options.out, name)


def _trace_loaded(loaded: Loaded, options: RunOptions) -> int:
    seed = _begin(loaded, options)
    loaded = replace(loaded, scenario=one_of_each_type(loaded.scenario))
    with Signals() as signals:
        return trio.run(_trace, loaded, options, seed, signals)


def _begin(loaded: Loaded, options: RunOptions) -> int:
    """Print the scenario's warnings, and return the seed."""
    for warning in loaded.warnings:
        print(explain(warning), file=sys.stderr)
    return _seed(loaded, options)


def run_loaded(loaded: Loaded, options: RunOptions, signals: Signals) -> Finished:
    """Make one run of a scenario, from its plan to its report. ``signals`` are heard all that time, and before.

    Raises:
        Interrupted: A signal came before the load began.
        LoadwsError: The load cannot begin.
    """
    seed = _begin(loaded, options)
    if options.once:
        loaded = replace(loaded, scenario=one_of_each_type(loaded.scenario))
    plan = whole = make_plan(loaded.scenario, seed, one_of_each=options.once)
    if options.share is not None:
        plan = whole.shard_of(options.share.index, options.share.of, options.share.weights)
    for warning in short_of_samples(loaded, whole):
        print(explain(warning), file=sys.stderr)
    machine = look_at_machine()
    figures = figures_of(plan)
    if options.cluster is None:
        processes, stamping = _fitted(loaded, options, figures, machine)
    else:  # each share looks at its own machine
        processes, stamping = 1, Stamping("user")
        _check_target_of_cluster(loaded.scenario.target, options.cluster)
    share = share_info(loaded, options, whole) if options.share else None
    started_at = datetime.now(UTC).replace(microsecond=0)
    info = run_info(loaded, options, plan, figures, processes, machine, stamping, started_at, share)
    OUTPUT.is_product = False
    if options.canary:
        from loadws.cli.running.canary import measure_canary

        canary_ns = trio.run(measure_canary, signals, options.transport, _say_nothing)
        if signals.heard:
            raise Interrupted(signals.heard[0])
        info = msgspec.structs.replace(info, canary_ns=canary_ns)
    return _Run(loaded, options, info, figures, signals).run()


def _fitted(loaded: Loaded, options: RunOptions, figures: PlanFigures, machine: Machine) -> tuple[int, Stamping]:
    """Return how many processes make the load here, and their stamps. Raises ``UsageError`` where the load does not
    fit.
    """
    processes = _processes(loaded.scenario, options, figures, machine)
    for notice in check_fit(figures, machine, pairs_of(loaded.scenario), processes, loaded.scenario.target):
        print(f"warning: {notice}", file=sys.stderr)
    if beyond := doubt(most_messages_per_s(loaded.scenario, figures), options.transport, processes):
        print(f"warning: {beyond}", file=sys.stderr)
    stamping = choose_stamps(options.stamps, options.transport, loaded.scenario.target)
    if stamping.fallback:
        print(f"warning: {stamping.fallback}", file=sys.stderr)
    return processes, stamping


def _check_target_of_cluster(target: str, cluster: ClusterOptions) -> None:
    from loadws.cluster.dask import is_local

    if target.startswith(BUILTIN) and not is_local(cluster.address):
        raise UsageError(
            f"{target} would run on this machine's own address, which the cluster's workers cannot reach",
            "name a target that they can reach (--target), or use --cluster local:N",
        )


def _say_nothing(_line: str) -> None:
    """Ignore a line of the canary's log."""


def _seed(loaded: Loaded, options: RunOptions) -> int:
    if options.share is not None:
        return seed_of(loaded, options.share.run_id)
    return loaded.scenario.seed if loaded.scenario.seed is not None else secrets.randbits(31)


def _processes(scenario: Scenario, options: RunOptions, figures: PlanFigures, machine: Machine) -> int:
    if options.once or options.processes is not None:
        return 1 if options.once else options.processes or 1
    return choose_processes(figures, machine, scenario.target, paced=is_paced(scenario))


# -- a run ------------------------------------------------------------------------------------------------------------


class _Run:
    """One run, from its target's start to its report. Its progress goes to stderr, its result to stdout."""

    def __init__(
        self, loaded: Loaded, options: RunOptions, info: RunInfo, figures: PlanFigures, signals: Signals
    ) -> None:
        self._loaded = loaded
        self._options = options
        self._info = info
        self._figures = figures
        self._console = OwnConsole(stderr=to_stdout(options.outputs))
        self._progress = OwnConsole(stderr=True)
        self._signals = signals
        self._watcher: Watcher | None = None
        self._live: LiveConsole | None = None  # from the load's begin on
        self._summary: Summary | None = None
        self._start = _start_of(options, self._note_start)
        self._folder: RunFolder | None = None
        self._cluster: Cluster | None = None
        self._elsewhere = LiveOutputs(options.outputs, lambda text: self._loaded.masker.text(text))
        self._dashboard = Dashboard(options.dashboard, self._print)
        self._watched = False  # whether a loop that stands still is the load's

    def run(self) -> Finished:
        """Return the run's results. Raises ``Interrupted`` where a signal came before the load."""
        with self._dashboard.opened():
            try:
                with self._elsewhere.opened():
                    watcher, summary = trio.run(self._from_setup_to_teardown)
                code = self._show_report(watcher, summary)
            finally:
                if self._live is not None:
                    self._live.release()
            self._dashboard.show(watcher.folder.path / REPORT)
        return Finished(code, watcher.folder.path, summary)

    async def _from_setup_to_teardown(self) -> tuple[Watcher, Summary]:
        """Run setup, load and teardown. The verdict is printed before ``teardown``, which may need half a minute."""
        with LoopWatch(self._patience, self._give_up) as watch:
            trio.lowlevel.spawn_system_task(watch.turn)
            async with ready(self._signals, self._loaded, self._order, self._info.processes, self._print) as both:
                order, self._loaded = both
                return await self._load(order)

    async def _load(self, order: ShardOrder) -> tuple[Watcher, Summary]:
        """Make the load, with this machine or with a cluster."""
        if self._options.cluster is None:
            return await self._load_and_judge(order)
        from loadws.cluster.cluster import Cluster

        cluster = self._cluster = Cluster(self._options.cluster, self._print)
        async with cluster.opened():
            await self._join(cluster, order)
            return await self._load_and_judge(order)

    async def _join(self, cluster: Cluster, order: ShardOrder) -> None:
        """Wait until the cluster's machines are ready.

        Raises:
            Interrupted: A signal came first.
        """
        from loadws.cli.running.machine_pages import info_of_share
        from loadws.cluster.prepare import packed

        options, files = self._options, packed(self._loaded)
        with trio.CancelScope() as before_load, self._signals.heard_by(in_loop(lambda _name: before_load.cancel())):
            whole = make_plan(self._loaded.scenario, self._info.seed)
            info_of = partial(info_of_share, self._info, whole)
            machines = await cluster.prepare(order, files, options.stamps, options.processes, info_of)
        if before_load.cancelled_caught:
            raise Interrupted(self._signals.heard[0])
        assert options.cluster is not None
        self._info = msgspec.structs.replace(
            self._info, machines=machines, processes=sum(len(machine.numbers) for machine in machines),
            stamps="kernel" if set(cluster.stamps) == {"kernel"} else "user",
            tolerated_losses=options.cluster.tolerated_losses,
        )  # fmt: skip
        for machine in machines:
            processes = f"{len(machine.numbers)} process{'' if len(machine.numbers) == 1 else 'es'}"
            self._print(f"{machine.name}: {processes}; {machine.checked}")

    async def _load_and_judge(self, order: ShardOrder) -> tuple[Watcher, Summary]:
        """Open the files, make the load, judge it."""
        info = self._info
        folder = RunFolder.create(
            self._options.out, info.scenario, datetime.fromisoformat(info.started_at), formats=self._options.formats
        )
        self._folder = folder
        folder.write_scenario(self._loaded.masked_text)
        summariser = Summariser(info)
        standing = Standing(info, summariser.rough_entries_for)
        live = LiveConsole(self._progress, summariser.live, self._options.quiet, standing, press_ctrl_c)
        with live as self._live:
            by_machine = ByMachine()
            outputs = outputs_of(info, folder, self._live, summariser, self._elsewhere)
            outputs = (*outputs, self._dashboard, *((by_machine,) if info.machines else ()))
            watcher = Watcher(info, folder, summariser, outputs, self._elsewhere)
            watcher.begin()
            self._watcher = watcher
            ending = await self._made(order, watcher)
            if self._cluster is not None:
                from loadws.cli.running.machine_pages import with_pages

                counted = by_machine.with_counts(self._cluster.machines())
                watcher.keep_machines(with_pages(folder.path, counted, self._cluster.shares()))
            if self._start.too_late is not None:
                raise self._start.too_late
            return watcher, self._conclude(watcher, ending)

    async def _made(self, order: ShardOrder, watcher: Watcher) -> Ending:
        """Run the load. A defect of loadws ends the run, but its measurements until then are kept.

        Raises:
            LoadwsError: A limit of the machine stopped the load.
        """
        info, masker = self._info, self._loaded.masker
        try:
            if info.processes == 1 and self._cluster is None:
                return await run_local(
                    order, watcher.take, on_signal=self._say_patience, signals=self._signals, on_begin=self._watch,
                    start=self._start, loaded=self._loaded,
                )  # fmt: skip
            from loadws.fleet.multi_process import Span, run_many

            span = Span(self._figures.duration_s, self._figures.graceful_stop_s)
            if self._cluster is not None:
                return await self._cluster.load(span, watcher.take, self._signals, self._say_patience)
            return await run_many(
                order, info.processes, span, watcher.take, self._say_patience, self._print,
                signals=self._signals, hide=masker.text, start=self._start,
            )  # fmt: skip
        except LoadwsError:
            raise  # a limit of the machine
        except Exception as defect:
            if self._live is not None:
                self._live.stop()  # what is printed now would be overwritten
            print_defect(masker)
            return Ending(watcher.last_s, defect=masker.text(f"{type(defect).__name__}: {defect}"))

    def _conclude(self, watcher: Watcher, ending: Ending) -> Summary:
        self._watched = False
        self._summary = watcher.conclude(ending, self._console)
        self._options.places.fill(watcher.folder.path)  # now already: failures are reported when the report is drawn
        return self._summary

    def _show_report(self, watcher: Watcher, summary: Summary) -> int:
        """Draw the charts, print where the report is, and return the exit code of the verdict."""
        show_report(watcher.folder.path, summary, self._console, self._signals)
        for problem in self._options.places.fill(watcher.folder.path):
            print(problem, file=sys.stderr)
        return summary.verdict.exit_code

    # -- a loop that stands still -------------------------------------------------------------------------------------

    def _watch(self) -> None:
        """Watch the loop from now on. The load begins in this process, and its preparation may have held up the loop
        for long.
        """
        self._watched = True

    def _patience(self) -> float:
        """Return for how many seconds the loop may stand still: fewer after the user asked for the end at once."""
        if len(self._signals.heard) > 1:
            return LOOKS_AFTER_SIGNALS
        return LOOKS if self._watched else math.inf

    def _give_up(self, what: str) -> NoReturn:
        """Write the results so far and end the process. The timer's handler calls this when the loop does not run any
        more.
        """
        watcher, summary, what = self._watcher, self._summary, self._loaded.masker.text(what)
        if watcher is None:
            print(f"loadws: what runs before the load {what}.", file=sys.stderr)
            _leave(interruption(self._signals.heard[0]))
        if summary is None:
            summary = self._conclude(watcher, self._ending_of_a_standstill(watcher, what))
        else:
            print(f"loadws: teardown {what}.", file=sys.stderr)
        _leave(self._show_report(watcher, summary))

    def _ending_of_a_standstill(self, watcher: Watcher, what: str) -> Ending:
        """Return the ending of a run whose loop stood still. The last second is lost, as with a process that dies."""
        lost = LostProcess(0, what) if self._info.processes == 1 else None
        return Ending(
            watcher.last_s,
            interrupted=next(iter(self._signals.heard), None),
            lost=() if lost is None else (lost,),
        )

    # -- parts -----------------------------------------------------------------------------------------------

    def _order(self, url: str) -> ShardOrder:
        order = order_for(self._loaded, self._options, self._info.seed, url, self._info.stamps)
        share = self._info.share
        if share is None:
            return order
        nonce = nonce_of(share.run_id, self._info.seed, share.fingerprint)
        return msgspec.structs.replace(order, share=share.index, of=share.of, weights=share.weights, nonce=nonce)

    def _note_start(self, unix_ns: int) -> None:
        """Record when a share's load begins, for ``merge``. Where the disk cannot take it, it stays unknown."""
        if self._folder is not None and self._info.share is not None:
            share = msgspec.structs.replace(self._info.share, began_at=as_utc(unix_ns))
            with suppress(OutputError):
                self._folder.begin(msgspec.structs.replace(self._info, share=share))

    def _say_patience(self, signal_name: str) -> None:
        patience = format_duration(self._loaded.scenario.graceful_stop)
        self._print(f"{signal_name}: what is under way is finished, for {patience} at most. Once more ends it at once.")

    def _print(self, text: str) -> None:
        """Print a message to stderr; while the load goes, without waiting for the terminal."""
        if self._live is not None:
            self._live.say(text)
        else:
            self._progress.print(text, markup=False, highlight=False, soft_wrap=True)


def _start_of(options: RunOptions, note: Callable[[int], None]) -> Start:
    return Start() if options.share is None else Start(options.share.start_at_unix_ns, note)


@asynccontextmanager
async def ready(
    signals: Signals,
    loaded: Loaded,
    order_to: Callable[[str], ShardOrder],
    processes: int,
    tell: Callable[[str], None],
    say: Callable[[str], None] | None = None,
) -> AsyncIterator[tuple[ShardOrder, Loaded]]:
    """Start the target, run ``setup``, and in the end ``teardown``; in between, yield the order and the scenario to
    run.

    The scenario has the target's own address, and its masker knows the secrets that setup has set. Signals are ignored
    within.

    Raises:
        Interrupted: A signal came before the load.
    """
    before_load, began = trio.CancelScope(), False

    def heed(name: str) -> None:
        if began:  # before the loop got round to it
            signals.tell(name)
        else:
            before_load.cancel()

    with before_load, signals.heard_by(in_loop(heed)):
        async with _target(loaded.scenario.target, processes) as url:
            loaded = replace(loaded, scenario=loaded.scenario.model_copy(update={"target": url}))
            async with around(order_to(url), tell, say, signals, loaded) as order:
                began = True
                with signals.heard_by(None):
                    yield order, _with_secrets_of_setup(loaded, order)
    if not began:
        raise Interrupted(signals.heard[0])


def _leave(code: int) -> NoReturn:
    """End the process from within a signal handler, whatever stands still below it."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(OUTPUT.ended(code))


@asynccontextmanager
async def _target(target: str, processes: int = 1) -> AsyncIterator[str]:
    """Yield the URL of the target; ``builtin:MODE`` is started for the run, in a process of its own."""
    if not target.startswith(BUILTIN):
        yield target
        return
    async with open_builtin(target.removeprefix(BUILTIN), processes) as url:
        yield url


def with_transport(options: RunOptions) -> Overrides:
    """Return the overrides with the transport."""
    return replace(options.overrides, transport=options.transport)


def order_for(
    loaded: Loaded, options: RunOptions, seed: int, url: str, stamps: Literal["user", "kernel"] = "user"
) -> ShardOrder:
    """Return the order for a process of the run; ``url`` is where its target is."""
    secret = tuple(sorted(loaded.masker.values))
    overrides = replace(with_transport(options), target=url, secrets=secret)
    env = {} if overrides.untrusted else dict(os.environ)
    return ShardOrder(
        str(loaded.path), loaded.text, overrides, env, seed, options.transport, stamps=stamps,
        nonce=secrets.randbits(63), once=options.once or options.trace,
    )  # fmt: skip


def _with_secrets_of_setup(loaded: Loaded, order: ShardOrder) -> Loaded:
    """Return the scenario with the secrets that setup has set, which are in the order."""
    values = secrets_in(order.variables, secret_paths(loaded.scenario.secrets))
    return replace(loaded, masker=loaded.masker.adding(values))


# -- --trace ----------------------------------------------------------------------------------------------------------


async def _trace(loaded: Loaded, options: RunOptions, seed: int, signals: Signals) -> int:
    """Print every frame and step of one user of each type, once; there is no verdict and no file."""
    failed = 0

    def take(frame: Frame) -> Generator[None, None, None]:
        nonlocal failed
        failed += sum(part.count for part in frame.counters if part.name == "errors")
        yield

    def give_up(what: str) -> NoReturn:
        print(f"loadws: the trace {loaded.masker.text(what)}.", file=sys.stderr)
        _leave(interruption(signals.heard[0]) if signals.heard else ExitCode.FAILED)

    with LoopWatch(lambda: LOOKS_AFTER_SIGNALS if len(signals.heard) > 1 else LOOKS, give_up) as watch:
        trio.lowlevel.spawn_system_task(watch.turn)
        async with ready(signals, loaded, partial(order_for, loaded, options, seed), 1, print, print) as both:
            order, loaded = both
            await run_local(order, take, print, signals=signals, loaded=loaded)
    return int(ExitCode.FAILED if failed else ExitCode.PASSED)
