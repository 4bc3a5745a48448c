"""A saved baseline: runs without the data that a comparison does not need, small enough to commit or to cache.

Every run is a ``Summary`` with its histograms, without the course over time, the errors and the single processes.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from loadws.metrics.summary import FIRST_VERSION, SCHEMA_VERSION, Series, Summary

BASELINE_VERSION = 1


class Baseline(msgspec.Struct, frozen=True):
    """Runs of the same planned load on one machine. ``saved_at`` is UTC, ISO 8601."""

    baseline_version: int
    name: str
    scenario: str
    saved_at: str
    machine_name: str
    plan_hash: str
    loadws_version: str
    runs: tuple[Summary, ...]


def baseline_of(name: str, saved_at: str, runs: Sequence[Summary]) -> Baseline:
    """Return the baseline of at least one run."""
    first = runs[0].run
    return Baseline(
        BASELINE_VERSION,
        name,
        first.scenario,
        saved_at,
        first.machine_name,
        first.plan_hash,
        first.loadws_version,
        tuple(_small(run) for run in runs),
    )


def to_json(baseline: Baseline) -> bytes:
    """Return the file's content: one line for each run, so that version control shows small changes."""
    head = msgspec.json.encode(msgspec.structs.replace(baseline, runs=()))
    assert head.endswith(b"[]}")
    lines = b",\n".join(msgspec.json.encode(run) for run in baseline.runs)
    return head.removesuffix(b"[]}") + b"[\n" + lines + b"\n]}\n"


def from_json(content: bytes) -> Baseline:
    """Return the baseline.

    Raises:
        msgspec.ValidationError: The content is not a baseline, or is one of a newer version.
        msgspec.DecodeError: The content is not JSON.
    """
    baseline = msgspec.json.decode(content, type=Baseline)
    if baseline.baseline_version != BASELINE_VERSION:
        raise msgspec.ValidationError(
            f"its baseline_version is {baseline.baseline_version}, the newest known is {BASELINE_VERSION}"
        )
    for run in baseline.runs:
        if not FIRST_VERSION <= run.schema_version <= SCHEMA_VERSION:
            raise msgspec.ValidationError(
                f"its schema_version is {run.schema_version}, the newest known is {SCHEMA_VERSION}"
            )
    if not baseline.runs:
        raise msgspec.ValidationError("it holds no run")
    return baseline


def _small(run: Summary) -> Summary:
    metrics = tuple(entry for entry in run.metrics if entry.count or entry.missing or entry.kind != "histogram")
    series = Series(run.series.interval_s, (), (), ())
    generator = msgspec.structs.replace(run.generator, processes=())
    return msgspec.structs.replace(run, metrics=metrics, series=series, errors=(), windows=(), generator=generator)
