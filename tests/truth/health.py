"""Show that a starved generator never passes for a healthy one, and that a healthy one is not called invalid.

Each run judges a latency. A rule that the generator's own lag cannot decide stays judged, however busy the machine is; so
the rule of the last two scenarios lies between the server's delay (1 ms) and what the lag adds to it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from loadws.terms.units import NS_PER_MS
from tests.truth.latency import PACED
from tests.truth.running import Burden, Measured, idle, measure
from tests.truth.table import Row, render
from tests.truth.target import Behaviour

RULES = ("response_time.p99 < 10s", "response_time.p90 < 5ms")
#: The server answers after 1 ms; a call that holds up the process for tens of milliseconds makes this rule fail.
BETWEEN = ("response_time.p90 < 20ms",)
HOGS = 4
#: The messages of ``PACED``, and a call that holds up the process now and then.
BLOCKING = """
target: ws://127.0.0.1:1
graceful_stop: 20s
load: [{users: 41, for: 3s}]
users:
  - {name: paced, weight: 40, flow: [{every: 100ms, do: [{request: hello}]}]}
  - {name: blocking, weight: 1, flow: [{every: 200ms, do: [{call: "tests.truth.flows:hold_up"}]}]}
"""
HEALTHY_RUNS = 10


def health(healthy_runs: int = HEALTHY_RUNS) -> Iterator[str]:
    rows = [
        _row(f"well, run {number}", _measured(idle), "not invalid", lambda said: said != "invalid")
        for number in range(1, healthy_runs + 1)
    ]
    with hogs_on_our_core():
        rows.append(
            _row(f"{HOGS} busy processes on its core", _measured(idle), "not passed", lambda said: said != "passed")
        )
    blocking = measure(BLOCKING, Behaviour(delay_ns=NS_PER_MS), "kernel", idle, BETWEEN)
    rows.append(_row("a scenario with a blocking call", blocking, "invalid", lambda said: said == "invalid"))
    named = sum(error.count for error in blocking.summary.errors if error.kind == "call.blocked")
    rows.append(Row("calls that were named for it", f"{named:,}", "at least 1", named > 0))
    yield render("is the generator well?", rows)


@contextmanager
def hogs_on_our_core() -> Iterator[None]:
    """Bind this process to one core, and keep that core busy with ``HOGS`` other processes."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    hogs = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(HOGS)]  # on our core: inherited
    try:
        yield
    finally:
        for hog in hogs:
            hog.kill()
            hog.wait()
        os.sched_setaffinity(0, before)


def _measured(burden: Burden) -> Measured:
    return measure(PACED % "3s", Behaviour(delay_ns=NS_PER_MS), "kernel", burden, RULES)


def _row(what: str, made: Measured, expected: str, holds: Callable[[str], bool]) -> Row:
    said = made.summary.verdict.outcome
    return Row(what, said, expected, holds(said))
