"""``loadws run``: load the scenario, make the plan, open the files, run the fleet, summarise, judge, render."""

from __future__ import annotations

import os
import secrets
import signal
import sys
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Literal

import trio
from rich.console import Console

from loadws.cli.masked import masked_errors, print_defect
from loadws.cli.options import RunOptions
from loadws.cli.runinfo import is_paced, run_info
from loadws.cli.samples import short_of_samples
from loadws.cli.screen import Screen, say
from loadws.fleet.around import around
from loadws.fleet.calibration import doubt
from loadws.fleet.count import choose_processes
from loadws.fleet.local import run_local
from loadws.fleet.many import Span, run_many
from loadws.fleet.ports import pairs_of
from loadws.fleet.preflight import Machine, check_fit, features_lacked_by, look_at_machine
from loadws.fleet.shard import ShardOrder, one_flow
from loadws.fleet.stamping import choose_stamps
from loadws.gate.abort import AbortRules
from loadws.gate.dead_target import DeadTarget
from loadws.gate.verdict import judged
from loadws.metrics.frame import Frame
from loadws.metrics.runinfo import EarlyEnd, Ending, RunInfo
from loadws.metrics.summarise import Summariser
from loadws.metrics.summary import Summary
from loadws.plan.demand import most_messages_per_s
from loadws.plan.plan import Plan, make_plan
from loadws.report.console import render
from loadws.report.folder import RunFolder
from loadws.report.live import LiveConsole, open_live
from loadws.scenario.build import Loaded, Overrides, load_scenario
from loadws.scenario.explain import explain
from loadws.scenario.model import Scenario
from loadws.scenario.secrets import secret_paths, secrets_in
from loadws.target.builtin import open_builtin
from loadws.terms.errors import ExitCode, LoadwsError
from loadws.terms.masker import Masker
from loadws.terms.units import format_duration

BUILTIN = "builtin:"


def run_command(options: RunOptions) -> int:
    """Return the exit code of the verdict."""
    loaded = load_scenario(options.scenario, _with_transport(options))
    with masked_errors(loaded.masker):
        return _run_loaded(loaded, options)


def _run_loaded(loaded: Loaded, options: RunOptions) -> int:
    for warning in loaded.warnings:
        print(explain(warning), file=sys.stderr)
    seed = loaded.scenario.seed if loaded.scenario.seed is not None else secrets.randbits(31)
    if options.trace:
        return trio.run(_trace, loaded, options, seed)
    if options.once:
        loaded = replace(loaded, scenario=one_flow(loaded.scenario))
    plan = make_plan(loaded.scenario, seed)
    for warning in short_of_samples(loaded, plan):
        print(explain(warning), file=sys.stderr)
    machine = look_at_machine()
    processes = _processes(loaded.scenario, options, plan, machine)
    for notice in check_fit(plan.describe(), machine, pairs_of(loaded.scenario), processes, loaded.scenario.target):
        print(f"warning: {notice}", file=sys.stderr)
    if beyond := doubt(most_messages_per_s(loaded.scenario, plan.describe()), options.transport, processes):
        print(f"warning: {beyond}", file=sys.stderr)
    stamping = choose_stamps(options.stamps, options.transport, loaded.scenario.target)
    if stamping.fallback:
        print(f"warning: {stamping.fallback}", file=sys.stderr)
    info = run_info(loaded, options, plan, processes, machine, stamping, datetime.now(UTC).replace(microsecond=0))
    console = Screen()
    summary, path, problems = trio.run(_run, loaded, options, info, console)
    render(summary, path, console)
    for problem in problems:
        print(problem, file=sys.stderr)
    return summary.verdict.exit_code


def _processes(scenario: Scenario, options: RunOptions, plan: Plan, machine: Machine) -> int:
    if options.once or options.processes is not None:
        return 1 if options.once else options.processes or 1
    return choose_processes(plan.describe(), machine, scenario.target, paced=is_paced(scenario))


# -- a run ------------------------------------------------------------------------------------------------------------


async def _run(loaded: Loaded, options: RunOptions, info: RunInfo, console: Console) -> tuple[Summary, Path, list[str]]:
    with ExitStack() as after_the_load:
        async with (
            _target(loaded.scenario.target, info.processes) as url,
            around(_order(loaded, options, info.seed, url, info.stamps), partial(_print, console)) as order,
        ):
            loaded = _with_secrets_of_setup(loaded, order)
            folder = RunFolder.create(options.out, info.scenario, datetime.fromisoformat(info.started_at))
            folder.write_run(info)
            folder.write_scenario(loaded.masked_text)
            with open_live(console, info.plan["duration_s"]) as live:
                watcher = _Watcher(info, folder, None if options.quiet else live)
                say = partial(_say_patience, console, loaded.scenario.graceful_stop)
                ending = await _run_or_defect(order, watcher, say, console, loaded.masker)
            after_the_load.enter_context(_signals_ignored())
        folder.end(ending)
        summary = watcher.summary(ending)
        return summary, folder.path, folder.finish(summary)


def _say_patience(console: Console, graceful_stop_ns: int, signal_name: str) -> None:
    patience = format_duration(graceful_stop_ns)
    text = f"{signal_name}: what is under way is finished, for {patience} at most. Once more ends it at once."
    _print(console, text)


def _print(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def _signals_ignored() -> Iterator[None]:
    """The load is over and its report takes a moment: whoever is impatient now would lose it."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@asynccontextmanager
async def _target(target: str, processes: int = 1) -> AsyncIterator[str]:
    """The target's URL; ``builtin:MODE`` is started for the run, in a process of its own."""
    if not target.startswith(BUILTIN):
        yield target
        return
    async with open_builtin(target.removeprefix(BUILTIN), processes) as url:
        yield url


def _with_transport(options: RunOptions) -> Overrides:
    return replace(options.overrides, transport=options.transport, cannot=features_lacked_by(options.transport))


def _order(
    loaded: Loaded, options: RunOptions, seed: int, url: str, stamps: Literal["user", "kernel"] = "user"
) -> ShardOrder:
    secret = tuple(sorted(loaded.masker.values))
    overrides = replace(_with_transport(options), target=url, secrets=secret)
    env = {} if overrides.untrusted else dict(os.environ)
    return ShardOrder(
        str(loaded.path), loaded.text, overrides, env, seed, options.transport, stamps=stamps,
        nonce=secrets.randbits(63), once=options.once or options.trace,
    )  # fmt: skip


def _with_secrets_of_setup(loaded: Loaded, order: ShardOrder) -> Loaded:
    """What setup has set is in the order: the secrets among it are known from now on."""
    values = secrets_in(order.variables, secret_paths(loaded.scenario.secrets))
    return replace(loaded, masker=loaded.masker.adding(values))


async def _run_or_defect(
    order: ShardOrder, watcher: _Watcher, on_signal: Callable[[str], None], console: Console, masker: Masker
) -> Ending:
    """A defect of ours ends the run, but not what it has measured until then."""
    try:
        return await _make_load(order, watcher, on_signal, partial(_print, console), masker)
    except LoadwsError:
        raise  # a limit of the machine
    except Exception as defect:
        print_defect(masker)
        return Ending(watcher.last_s, defect=masker.text(f"{type(defect).__name__}: {defect}"))


async def _make_load(
    order: ShardOrder,
    watcher: _Watcher,
    on_signal: Callable[[str], None],
    notice: Callable[[str], None],
    masker: Masker,
) -> Ending:
    info = watcher.info
    if info.processes == 1:
        return await run_local(order, watcher.take, on_signal=on_signal)
    span = Span(info.plan["duration_s"], info.plan["graceful_stop_s"])
    return await run_many(order, info.processes, span, watcher.take, on_signal, notice, hide=masker.text)


class _Watcher:
    """What becomes of a frame: kept in the folder first, then summed up, shown, and held against the rules that abort."""

    def __init__(self, info: RunInfo, folder: RunFolder, live: LiveConsole | None) -> None:
        self.info = info
        self._folder = folder
        self._live = live
        self._summariser = Summariser(info)
        self._abort = AbortRules(info.rules, info.own())
        self._dead_target = None if info.keep_trying else DeadTarget(info.open_timeout_s)
        self.last_s = 0.0

    def take(self, frame: Frame) -> Generator[None, None, EarlyEnd | None]:
        """Take a frame in steps, so that the load need not wait for all of it; return why the run is to end, if it is."""
        yield from self._folder.adding(frame)
        yield
        yield from self._summariser.adding(frame)
        self.last_s = frame.start_s + frame.duration_s
        if self._live is not None:
            self._live.show(self._summariser.live())
            yield
        self._abort.note(frame)
        if (rule := self._abort.broken(self._summariser.entries_for)) is not None:
            return EarlyEnd(rule=rule)
        if self._dead_target is not None:
            self._dead_target.note(frame)
            if (why := self._dead_target.why_stop()) is not None:
                return EarlyEnd(gave_up=why)
        return None

    def summary(self, ending: Ending) -> Summary:
        return judged(self._summariser.summary(ending), self.info, ending)


# -- --trace ----------------------------------------------------------------------------------------------------------


async def _trace(loaded: Loaded, options: RunOptions, seed: int) -> int:
    """One user, once, every frame and step of it; nothing is judged and nothing written."""
    failed = 0

    def take(frame: Frame) -> Generator[None, None, None]:
        nonlocal failed
        failed += sum(part.count for part in frame.counters if part.name == "errors")
        yield

    async with _target(loaded.scenario.target) as url, around(_order(loaded, options, seed, url), say, say) as order:
        await run_local(order, take, say)
    return int(ExitCode.FAILED if failed else ExitCode.PASSED)
