"""A generator that starves is told, and one that is well is not: the verdict of runs that judge a latency."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from loadws.terms.units import NS_PER_MS
from tests.truth.latency import PACED
from tests.truth.running import Burden, Measured, idle, measure
from tests.truth.table import Row, render
from tests.truth.target import Behaviour

RULES = ("response_time.p99 < 10s", "response_time.p50 < 5ms")
HOGS = 4
#: Beside the messages of ``PACED``, a call that holds up the process now and then.
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
    rows = [_row(f"well, run {number}", _measured(idle), is_valid=True) for number in range(1, healthy_runs + 1)]
    with hogs_on_our_core():
        rows.append(_row(f"{HOGS} busy processes on its core", _measured(idle), is_valid=False))
    blocking = measure(BLOCKING, Behaviour(delay_ns=NS_PER_MS), "kernel", idle, RULES)
    rows.append(_row("a scenario with a blocking call", blocking, is_valid=False))
    named = sum(error.count for error in blocking.summary.errors if error.kind == "call.blocked")
    rows.append(Row("calls that were named for it", f"{named:,}", "at least 1", named > 0))
    yield render("is the generator well?", rows)


@contextmanager
def hogs_on_our_core() -> Iterator[None]:
    """This process has one core, and shares it. Where the system cannot say so, there is but the load."""
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


def _row(what: str, made: Measured, *, is_valid: bool) -> Row:
    said = made.summary.verdict.outcome
    return Row(what, said, "not invalid" if is_valid else "invalid", (said != "invalid") == is_valid)
