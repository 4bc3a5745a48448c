"""How much of the planned load was applied, and whether that is enough for a verdict.

A run in which a quarter of the load was never applied tells nothing about the planned load. Load that was not applied
is never the server's fault: refusals and losses are in ``error_rate``. Dropped arrivals, skipped turns, connections
that this machine had no files, ports or memory for, shares that were made at different times, and stalls of loadws itself
make a run inconclusive (measurement.md, "What was applied").
"""

from __future__ import annotations

from collections.abc import Iterator

from loadws.gate.together import made_apart
from loadws.metrics.runinfo import PhaseInfo, RunInfo
from loadws.metrics.summary import STALLED_SHARE, Summary
from loadws.terms.units import format_count, format_duration, format_share


def not_applied(summary: Summary, info: RunInfo) -> Iterator[str]:
    """Yield a sentence for each kind of load of which too little was applied."""
    judged = [phase for phase in info.phases if not phase.warmup]
    for phase in judged:
        yield from _of_phase(summary, phase)
    yield from made_apart(summary, info)
    yield from _of_generator(summary, max((phase.max_dropped for phase in judged), default=0.01))
    yield from _of_stalls(summary)


def losses(summary: Summary) -> Iterator[str]:
    """Yield each part of the load that was not applied, however small, for the sentence of any verdict."""
    applied = summary.applied
    dropped = applied.arrivals_planned - applied.arrivals_started
    if dropped:
        share = format_share(dropped / applied.arrivals_planned)
        yield f"{format_count(dropped)} of {format_count(applied.arrivals_planned)} arrivals ({share}) were dropped."
    if applied.generator_failures:
        yield (
            f"{format_count(applied.generator_failures)} of {format_count(applied.attempts)} connections failed because "
            "this machine had too few files, ports or memory."
        )


def _of_phase(summary: Summary, phase: PhaseInfo) -> Iterator[str]:
    planned, dropped = _count(summary, "arrivals", phase.name), _count(summary, "arrivals_dropped", phase.name)
    if dropped > phase.max_dropped * planned:
        yield (
            f"{format_share(dropped / planned)} of the arrivals of phase {phase.name!r} were dropped "
            f"({format_count(dropped)} of {format_count(planned)}; max_dropped is {format_share(phase.max_dropped)}): "
            "raise max_users, or plan fewer arrivals."
        )
    due, skipped = _count(summary, "turns", phase.name), _count(summary, "turns_skipped", phase.name)
    if phase.max_skipped is not None and skipped > phase.max_skipped * due:
        yield (
            f"{format_share(skipped / due)} of the turns of phase {phase.name!r} were skipped "
            f"({format_count(skipped)} of {format_count(due)}; max_skipped is {format_share(phase.max_skipped)})."
        )


def _of_generator(summary: Summary, limit: float) -> Iterator[str]:
    applied = summary.applied
    if applied.generator_failures > limit * applied.attempts:
        yield (
            f"{format_share(applied.generator_failures / applied.attempts)} of the connections failed for want of files, "
            "ports or memory on this machine: raise the limit that the errors name, or use more machines."
        )


def stood_still(summary: Summary) -> bool:
    """Return whether a process of loadws stood still for more of the judged time than is acceptable."""
    return summary.applied.stalled_share > STALLED_SHARE


def was_short_of(summary: Summary) -> bool:
    """Return whether loadws or its machine lacked a resource: time, files, ports or memory."""
    return stood_still(summary) or summary.applied.generator_failures > 0


def _of_stalls(summary: Summary) -> Iterator[str]:
    applied = summary.applied
    if stood_still(summary):
        yield (
            f"Process {applied.stalled_process} of loadws stood still for {format_share(applied.stalled_share)} of the "
            f"judged time (1% is fine); the longest stall took {format_duration(applied.longest_stall_ns)}. In it no load "
            "was applied: was the process stopped, or the machine suspended?"
        )


def _count(summary: Summary, metric: str, phase: str) -> int:
    return sum(entry.count for entry in summary.entries(metric, phase=phase))
