"""A small gate on a busy machine: its verdict depends on the server alone."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from loadws.terms.units import NS_PER_MS
from tests.truth.running import idle, measure
from tests.truth.table import Row, render
from tests.truth.target import Behaviour

#: Ten users, 200 messages per second, as in a gate in CI.
SMALL = """
target: ws://127.0.0.1:1
load: [{users: 10, for: 10s}]
flow: [{every: 50ms, do: [{request: hello}]}]
"""
#: Answers leave 10 to 25 ms after their message, evenly spread: 95 % of them within 24.25 ms.
SERVER = Behaviour(delay_ns=10 * NS_PER_MS, jitter_ns=15 * NS_PER_MS)
P95_MS = 10 + 0.95 * 15
RUNS = 10


def gate(runs: int = RUNS) -> Iterator[str]:
    with a_busy_process():
        found = {share: _outcomes(share * P95_MS, runs) for share in (0.5, 1.0, 2.0)}
    rows = [
        _row(0.5, found[0.5], "all failed", found[0.5] == {"failed": runs}),
        _row(1.0, found[1.0], "never both passed and failed", not {"passed", "failed"} <= found[1.0].keys()),
        _row(2.0, found[2.0], "all passed", found[2.0] == {"passed": runs}),
        Row("invalid runs", str(sum(each["invalid"] for each in found.values())), "0",
            not any(each["invalid"] for each in found.values())),
    ]  # fmt: skip
    yield render(f"a gate on p95 (the server's is {P95_MS:g} ms) beside a process that keeps a core busy", rows)


@contextmanager
def a_busy_process() -> Iterator[None]:
    """Keep a process busy, on a core that the kernel chooses."""
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as hog:
        try:
            yield
        finally:
            hog.kill()


def _outcomes(limit_ms: float, runs: int) -> Counter[str]:
    rule = f"response_time.p95 < {limit_ms:.3f}ms"
    return Counter(measure(SMALL, SERVER, "kernel", idle, [rule]).summary.verdict.outcome for _ in range(runs))


def _row(share: float, outcomes: Counter[str], wanted: str, holds: bool) -> Row:
    said = ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items()))
    return Row(f"limit {share:g} times the p95", said, wanted, holds)
