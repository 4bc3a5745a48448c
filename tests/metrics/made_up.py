"""Frames and run information that tests make up: one line says what is special, the rest is plain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from loadws.metrics.frame import CounterPart, Frame, Gauges, Health, HistogramPart
from loadws.metrics.histograms.histogram import LatencyHistogram, span_of
from loadws.metrics.ledger import Ledger
from loadws.metrics.runinfo import OwnMetric, PhaseInfo, Rule, RunInfo
from loadws.terms.units import NS_PER_MS
from tests.kit.plain import run_info


def info(*rules: str, phases: Sequence[tuple[str, bool]] = (("steady", False),), **changed: Any) -> RunInfo:
    """Return the information about a made-up run. ``phases`` are (name, whether it is a warm-up)."""
    plain = run_info(
        scenario="made up",
        started_at="2026-11-23T08:15:00Z",
        seed=7,
        loadws_version="0.1.0",
        phases=tuple(PhaseInfo(name, warmup, None) for name, warmup in phases),
        rules=tuple(Rule(rule) for rule in rules),
        own_metrics=(OwnMetric("feed_age", "histogram", "ns"), OwnMetric("greeted", "counter", "1")),
        command=("loadws",),
    )
    return msgspec.structs.replace(plain, **changed)


def frame(index: int, phase: str = "steady", **changed: Any) -> Frame:
    """Return the second that begins ``index`` seconds after the start, in which nothing happened."""
    plain = Frame(
        process=0,
        index=index,
        start_s=float(index),
        duration_s=1.0,
        phase=phase,
        warmup=False,
        ledger=Ledger(),
        gauges=Gauges(),
        health=Health(),
    )
    return msgspec.structs.replace(plain, **changed)


def times(
    name: str,
    milliseconds: Sequence[float],
    phase: str = "steady",
    *,
    missing: int = 0,
    out_of_range: int = 0,
    **labels: str,
) -> HistogramPart:
    """Return a part with these values."""
    histogram = LatencyHistogram(*span_of(name))
    for value in milliseconds:
        histogram.record(round(value * NS_PER_MS))
    histogram.missing, histogram.out_of_range = missing, out_of_range
    return histogram.part(name, {**labels, "phase": phase})


def counted(name: str, count: int, phase: str = "steady", failed: int = 0, **labels: str) -> CounterPart:
    return CounterPart(name, {**labels, "phase": phase}, count, failed)


def ledger(**parts: Mapping[str, int]) -> Ledger:
    """Return a ledger with some counts, as in ``ledger(messages={"sent": 3})``."""
    return msgspec.convert(parts, Ledger)
