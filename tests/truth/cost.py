"""The cost of kernel stamps for each message: processor time of the whole generator, in turn with and without them.

The least of several rounds represents each, because the machine's other work only adds to it.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.truth.running import Measured, Stamps, measure
from tests.truth.table import Row, render
from tests.truth.target import Behaviour

CLOSED = """
target: ws://127.0.0.1:1
graceful_stop: 20s
load:
  - {name: connect, users: %d, for: 1s, warmup: true}
  - {name: phase-1, users: %d, for: 3s}
flow: [{request: hello}]
"""
KINDS: tuple[Stamps, ...] = ("user", "kernel")
ROUNDS = 7


def cost() -> Iterator[str]:
    for users in (1, 100, 1000):
        costs: dict[Stamps, list[float]] = {kind: [] for kind in KINDS}
        for _ in range(ROUNDS):
            for kind in KINDS:
                costs[kind].append(_cpu_us(measure(CLOSED % (users, users), Behaviour(), kind, warmups=1)))
        rows = [Row(f"{kind} stamps", f"{min(costs[kind]):.2f} µs", "") for kind in KINDS]
        rows.append(Row("kernel stamps more", f"{min(costs['kernel']) - min(costs['user']):+.2f} µs", ""))
        yield render(f"processor time a round trip, closed loop of {users:,} users, least of {ROUNDS} rounds", rows)


def _cpu_us(made: Measured) -> float:
    busy_s = made.summary.generator.processes[0].cpu_share_mean * made.summary.run.judged_s
    return busy_s * 1e6 / made.entry("service_time").count
