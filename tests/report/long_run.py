"""The folder of a long run that never was, written by the code that writes real ones: no load, no network.

A few dozen seconds are made up and repeated: their latencies wander, the server stalls now and then, requests time out,
connections close. What a report costs depends on how much there is to read, and not on its being true.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from loadws.metrics.frame import CounterPart, ErrorSample, Frame, Gauges, Health, HistogramPart
from loadws.metrics.histograms.histogram import LatencyHistogram
from loadws.metrics.ledger import Bytes, Connections, Ledger, Messages, Sessions
from loadws.metrics.runinfo import Ending, PhaseInfo, RunInfo
from loadws.metrics.summarising.summariser import Summariser
from loadws.metrics.summary import Summary
from loadws.report.folder import RunFolder
from tests.kit.plain import MS, run_info

#: So many seconds are different; then they repeat.
_DIFFERENT = 40
_ANSWERS_PER_S = 1_000
_METRICS = (("response_time", 1.0), ("service_time", 0.96), ("send_lag", 0.02))
_KINDS = ("timeout", "check", "closed.1012", "http.503")
#: A second of a summary may stand for more: a point of ten hours is a minute, and its histograms cost what a second's do.
_MOST_SUMMARISED = 600


def make_long_run(root: Path, seconds: int, steps: int) -> tuple[Path, Summary]:
    """Write the folder of a run, all but what is made of its summary; return it and the summary."""
    info = _info(seconds)
    folder = RunFolder.create(root, info.scenario, datetime(2026, 11, 1, tzinfo=UTC))
    folder.begin(info)
    folder.write_scenario("name: long\n")
    parts = _seconds(steps)
    for second in range(seconds):
        for _ in folder.adding(_frame(second, 1.0, parts[second % _DIFFERENT], steps)):
            pass
    folder.end(_ending(seconds))
    summary = _summary(info, seconds, steps, parts)
    folder.finish(summary)
    return folder.path, summary


def _info(seconds: int) -> RunInfo:
    return run_info(
        scenario="long run", started_at="2026-11-01T20:00:00Z", model="closed",
        phases=(PhaseInfo("warm-up", True, seconds * 0.05), PhaseInfo("steady", False, seconds * 0.95)),
    )  # fmt: skip


def _ending(seconds: int) -> Ending:
    return Ending(float(seconds), phases=(("warm-up", 0.0, seconds * 0.05), ("steady", seconds * 0.05, float(seconds))))


def _summary(info: RunInfo, seconds: int, steps: int, parts: list[tuple[HistogramPart, ...]]) -> Summary:
    summariser = Summariser(info)
    length_s = max(1.0, seconds / _MOST_SUMMARISED)
    for number in range(min(seconds, _MOST_SUMMARISED)):
        summariser.add(_frame(number, length_s, parts[number % _DIFFERENT], steps))
    return summariser.summary(_ending(seconds))


def _seconds(steps: int) -> list[tuple[HistogramPart, ...]]:
    chance = random.Random(11)
    return [tuple(_parts(second, steps, chance)) for second in range(_DIFFERENT)]


def _parts(second: int, steps: int, chance: random.Random) -> Iterator[HistogramPart]:
    stall = 400.0 if second % 20 == 13 else 0.0
    for step in range(steps):
        base = 2.0 * (1 + step % 7) * (1.3 + math.sin(second / 5))
        for name, factor in _METRICS:
            times = LatencyHistogram()
            for _ in range(max(2, _ANSWERS_PER_S // steps)):
                slow = chance.uniform(0, stall) if stall and factor > 0.5 else 0.0
                times.record((base * factor * chance.lognormvariate(0, 0.5) + slow) * MS)
            yield times.part(name, {"step": _name(step), "phase": "steady"})


def _name(step: int) -> str:
    return f"step {step:02} of the shop"


def _frame(number: int, length_s: float, parts: tuple[HistogramPart, ...], steps: int) -> Frame:
    answered, lost = _ANSWERS_PER_S * (number + 1), 3 * (number // 20)
    failed = tuple(
        CounterPart("errors", {"kind": kind, "step": _name((number * 7 + at) % steps), "phase": "steady"}, 2)
        for at, kind in enumerate(_KINDS)
        if (number + at) % 5 == 0
    )
    return Frame(
        0, number, number * length_s, length_s, "steady", False,
        Ledger(
            sessions=Sessions(100, 0, 0, 0),
            connections=Connections(attempted=100 + lost, opened=100 + lost, closed_by_peer=lost),
            messages=Messages(sent=answered, received=answered, answered=answered),
            bytes=Bytes(answered * 100, answered * 120),
            close_codes={"peer.1012": lost} if lost else {},
        ),
        Gauges(100, 100), Health(cpu_share=0.3, loop_lag_max_ns=2 * MS),
        parts,
        (CounterPart("messages_sent", {"phase": "steady"}, _ANSWERS_PER_S), *failed),
        tuple(ErrorSample(c.labels["kind"], c.labels["step"], number * length_s, "no answer in time", 3) for c in failed),
    )  # fmt: skip
