"""Run a scenario against a scripted peer in virtual time, and keep the results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import trio
from trio.testing import MockClock

from loadws.engine.lifecycle import Lifecycle
from loadws.engine.load import Load, run_load
from loadws.engine.runtime.facts import RunFacts
from loadws.fleet.shard import one_of_each_type
from loadws.metrics.frame import ErrorSample, Frame, LogLine
from loadws.metrics.ledger import Ledger
from loadws.metrics.runinfo import Ending
from loadws.plan.plan import make_plan
from loadws.scenario.model.model import Scenario
from loadws.transport.http.client import HttpClients
from tests.kit.behaviour import Behaviour, Seen
from tests.kit.peer import ScriptedTransport


@dataclass
class Outcome:
    """The results of a run. ``times`` are (metric, step) -> count, least, greatest and sum, in the metric's unit."""

    ledger: Ledger
    seen: Seen
    ending: Ending
    frames: list[Frame]
    said: list[str] = field(default_factory=list)

    @property
    def errors(self) -> Counter[str]:
        """Return errors by kind, from the counters, which also count errors without a sample."""
        kinds: Counter[str] = Counter()
        for part in self._counters("errors"):
            kinds[part[0]["kind"]] += part[1]
        return kinds

    @property
    def samples(self) -> list[ErrorSample]:
        return [error for frame in self.frames for error in frame.errors]

    @property
    def logs(self) -> list[LogLine]:
        return [line for frame in self.frames for line in frame.logs]

    def count(self, name: str) -> int:
        return sum(count for _, count, _ in self._counters(name))

    def failed(self, kind: str) -> tuple[int, int]:
        """Return (failed, tried) of one kind in error_rate."""
        rows = [row for row in self._counters("error_rate") if row[0]["kind"] == kind]
        return sum(row[2] for row in rows), sum(row[1] for row in rows)

    def values(self, metric: str, **labels: str) -> Values:
        """Return all values of a metric with at least these labels, merged over the run."""
        merged = Values()
        for frame in self.frames:
            for part in frame.histograms:
                if part.name == metric and labels.items() <= part.labels.items():
                    merged = merged.add(part.count, part.min, part.max, part.sum, part.missing)
        return merged

    def _counters(self, name: str) -> list[tuple[dict[str, str], int, int]]:
        return [
            (part.labels, part.count, part.failed)
            for frame in self.frames
            for part in frame.counters
            if part.name == name
        ]


@dataclass(frozen=True)
class Values:
    count: int = 0
    least: float = float("inf")
    greatest: float = 0
    total: float = 0
    missing: int = 0

    def add(self, count: int, least: float, greatest: float, total: float, missing: int) -> Values:
        if not count:
            return replace(self, missing=self.missing + missing)
        return Values(
            self.count + count,
            min(self.least, least),
            max(self.greatest, greatest),
            self.total + total,
            self.missing + missing,
        )


Meanwhile = Callable[[Lifecycle], Any]


def drive(
    document: dict[str, Any],
    behaviour: Behaviour,
    *,
    seed: int = 1,
    base: Path = Path(),
    trace: bool = False,
    env: dict[str, str] | None = None,
    meanwhile: Meanwhile | None = None,
    http: HttpClients | None = None,
    shared: dict[str, Any] | None = None,
    once: bool = False,
) -> Outcome:
    """Run a scenario to its end. The ledger must add up.

    ``meanwhile`` is an async function that runs beside the load, in virtual time too. ``http`` replaces the network of
    ``http`` steps, ``shared`` has the variables that ``setup`` has set.
    ``once``: one user of each type runs its flow once, as with ``--once``.
    """
    scenario = Scenario.model_validate(
        {"target": "ws://scripted.test/chat", "load": [{"users": 1, "for": "1s"}], **document}
    )
    scenario = one_of_each_type(scenario) if once else scenario
    transport = ScriptedTransport(behaviour)
    frames: list[Frame] = []
    said: list[str] = []

    async def deliver(frame: Frame) -> None:
        frames.append(frame)

    async def main() -> Ending:
        lifecycle = Lifecycle()
        facts = RunFacts(scenario, base, seed, env or {}, said.append if trace else None, shared or {})
        load = Load(facts, make_plan(scenario, seed, one_of_each=once), transport, http=http)
        async with trio.open_nursery() as nursery:
            if meanwhile is not None:
                nursery.start_soon(meanwhile, lifecycle)
            ending = await run_load(load, deliver, lifecycle)
            nursery.cancel_scope.cancel()
        return ending

    ending = trio.run(main, clock=MockClock(autojump_threshold=0))
    ledger = frames[-1].ledger
    assert ledger.imbalances() == []
    assert ledger.connections.opened == transport.seen.opened
    messages = ledger.messages
    assert (sum(ledger.sent_by_step.values()), sum(ledger.bytes_by_step.values())) == (messages.sent, ledger.bytes.sent)
    assert messages.sent + messages.heartbeats_sent + messages.control_sent == transport.seen.messages
    return Outcome(ledger, transport.seen, ending, frames, said)
