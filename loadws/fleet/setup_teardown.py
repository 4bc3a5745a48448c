"""Run ``setup`` before the load and ``teardown`` after it, once for each run, in the parent of all shards.

The variables that ``setup`` sets go to every shard with its order. Where it fails, no load is run. ``teardown`` is run
in every case, also after a Ctrl-C and after half a ``setup``, with the variables that exist. Its failures are reported
and change nothing, because the run is over and its verdict is made. No signal ends it, but its time is half a minute,
and a user who presses Ctrl-C gets a message about it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import msgspec
import trio

from loadws.engine.runtime.facts import RunFacts
from loadws.engine.setup_teardown import SETUP_NUMBER, TEARDOWN_NUMBER, Done, Once, run_once
from loadws.fleet.shard import ShardOrder, facts_of, load_order
from loadws.fleet.signals import Signals, in_loop
from loadws.fleet.wide_numbers import packable
from loadws.scenario.build import Loaded
from loadws.terms.errors import ExitCode, LoadwsError
from loadws.terms.parties import is_unreachable

SETUP_WITHIN_S = 300.0
TEARDOWN_WITHIN_S = 30.0
TEARDOWN_RUNS = f"teardown: it runs to its end, for {TEARDOWN_WITHIN_S:g} s at most."


class SetupFailed(LoadwsError):
    """A failure of ``setup``, so that no load was run. The exit code says whether a server answered."""

    def __init__(self, done: Done) -> None:
        error = done.frame.errors[-1]
        advice = f"the server said: {error.body}" if error.body else ""
        super().__init__(f"setup failed, and nothing was run: {done.problems[-1]}", advice)
        self.exit_code = ExitCode.UNREACHABLE if is_unreachable(error.kind) else ExitCode.USAGE


@asynccontextmanager
async def around(
    order: ShardOrder,
    tell: Callable[[str], None],
    say: Callable[[str], None] | None = None,
    signals: Signals | None = None,
    loaded: Loaded | None = None,
) -> AsyncIterator[ShardOrder]:
    """Run ``setup``, yield the order with the variables that it has set, and run ``teardown``.

    ``tell`` receives each line that is logged, and each failure of ``teardown``. ``loaded`` is the scenario of the
    order, where the caller has it.

    Raises:
        SetupFailed: A step of ``setup`` failed.
    """
    facts = facts_of(order, load_order(order) if loaded is None else loaded, say)
    scenario = facts.scenario
    variables: dict[str, Any] = {}
    try:
        if scenario.setup:
            done = await run_once(_setup(facts), variables)
            for line in done.logs:
                tell(f"setup: {line}")
            if not done.is_whole:
                raise SetupFailed(done)
        yield msgspec.structs.replace(order, variables=packable(variables))
    finally:
        if scenario.teardown:
            with trio.CancelScope(shield=True), _patience_asked_for(signals, tell):
                done = await run_once(_teardown(facts), dict(variables))
            for line in (*done.logs, *(f"warning: {problem}" for problem in done.problems)):
                tell(f"teardown: {line}")


@contextmanager
def _patience_asked_for(signals: Signals | None, tell: Callable[[str], None]) -> Iterator[None]:
    """Tell a user who presses Ctrl-C, before or during ``teardown``, once that it runs."""
    if signals is None:
        yield
        return
    said = False

    def ask(_name: str) -> None:
        nonlocal said
        if not said:
            tell(TEARDOWN_RUNS)
        said = True

    if signals.heard:
        ask("")
    with signals.heard_by(in_loop(ask)):
        yield


def _setup(facts: RunFacts) -> Once:
    return Once(facts, "setup", SETUP_NUMBER, facts.scenario.setup, strict=True, within_s=SETUP_WITHIN_S)


def _teardown(facts: RunFacts) -> Once:
    return Once(facts, "teardown", TEARDOWN_NUMBER, facts.scenario.teardown, strict=False, within_s=TEARDOWN_WITHIN_S)
