"""Runs that never were: summaries with chosen response times and errors, on a machine and a plan of one's choice."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence

import msgspec

from loadws.gate.comparing.runs import MeasuredRun
from loadws.metrics.frame import Frame, Gauges, Health
from loadws.metrics.histograms.histogram import LatencyHistogram
from loadws.metrics.ledger import Ledger
from loadws.metrics.summary import MetricEntry, Outcome, Summary, Verdict
from tests.kit.plain import MS
from tests.report.example import summary as example

MACHINE, PLAN, VERSION = "AMD EPYC, 2 cores, 8 GiB", "aaaabbbbcccc", "1.0"
SAMPLES = 2_000


def histogram(median_ms: float, seed: int, samples: int = SAMPLES, missing: int = 0) -> LatencyHistogram:
    """Return response times about a median."""
    chance, made = random.Random(seed), LatencyHistogram()
    for _ in range(samples):
        made.record(median_ms * MS * chance.lognormvariate(0, 0.2))
    made.missing = missing
    return made


def entry(name: str, made: LatencyHistogram, **labels: str) -> MetricEntry:
    return MetricEntry(
        name, labels, "histogram", "ns", made.count, min=made.min, mean=made.sum / made.count, max=made.max,
        missing=made.missing, per_s=float(made.count), histogram=made.encode(),
    )  # fmt: skip


def errors(failed: int, tried: int = SAMPLES) -> MetricEntry:
    return MetricEntry("error_rate", {}, "rate", "ratio", tried, failed=failed, value=failed / tried)


def run(
    median_ms: float = 10.0,
    seed: int = 1,
    *,
    failed: int = 0,
    tried: int = SAMPLES,
    samples: int = SAMPLES,
    machine: str = MACHINE,
    plan: str = PLAN,
    version: str = VERSION,
    outcome: Outcome = "passed",
    schema: int = 2,
    more: Sequence[MetricEntry] = (),
) -> Summary:
    """Return a run with response times about ``median_ms`` and ``failed`` of ``tried``."""
    whole = example()
    about = msgspec.structs.replace(
        whole.run, machine_name=machine, plan_hash=plan, loadws_version=version, scenario="made up", seed=seed
    )
    metrics = (entry("response_time", histogram(median_ms, seed, samples)), errors(failed, tried), *more)
    return msgspec.structs.replace(
        whole, schema_version=schema, run=about, metrics=metrics, verdict=Verdict(outcome, 0), windows=(), errors=()
    )


def runs(count: int, median_ms: float = 10.0, first_seed: int = 1, spread: float = 0.01) -> list[Summary]:
    """Return so many runs, whose medians differ by chance."""
    chance = random.Random(first_seed)
    return [run(median_ms * chance.lognormvariate(0, spread), first_seed + number) for number in range(count)]


def named(summaries: Sequence[Summary], name: str) -> list[MeasuredRun]:
    return [MeasuredRun(f"{name}/{number}", summary) for number, summary in enumerate(summaries, 1)]


def frames(seconds: int, median_ms: float, seed: int, phase: str = "steady", samples: int = 400) -> Iterator[Frame]:
    """Yield seconds of a run, each with response times in a judged phase."""
    for second in range(seconds):
        part = histogram(median_ms, seed * 1_000 + second, samples).part(
            "response_time", {"phase": phase, "step": "say"}
        )
        yield Frame(0, second, float(second), 1.0, phase, False, Ledger(), Gauges(), Health(), (part,))


def is_infinite(value: float | None) -> bool:
    return value is not None and math.isinf(value)
