"""How much of the planned load was missing because the machines of a run did not make their shares at the same time.

A sum of loads that were made one after another never was the planned load, and its percentiles are those of a smaller one.
With the weights w_i of the shares (W is their sum), their starts s_i and a phase of length d, a fraction w(t) / W of the
load is there at the time t. What was measured at t was measured with 1 − w(t) / W of the load missing; the mean over all
that was measured is

    ∫ w(t) (W − w(t)) dt / (W ∫ w(t) dt) = Σ_i Σ_j w_i w_j min(d, |s_i − s_j|) / (W² d)

It is 0 for shares that began together, and 1/2 for two equal shares that never met.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from loadws.metrics.runinfo import MachineInfo, PhaseInfo, RunInfo
from loadws.metrics.summary import PhaseSpan, Summary
from loadws.terms.units import format_duration, format_share

Start = tuple[float, int]  # in seconds since 1970, by the machine's own clock, and the weight of its share


def made_apart(summary: Summary, info: RunInfo) -> Iterator[str]:
    """Yield a sentence if more load than a judged phase allows was missing, because its shares were made apart."""
    starts = _starts(info.machines)
    allowed = {phase.name: phase.max_dropped for phase in info.phases}
    missing = {span: missing_share(starts, span.end_s - span.start_s) for span in _judged(summary, info.phases)}
    beyond = {span: share for span, share in missing.items() if share > allowed[span.name]}
    if not beyond:
        return
    worst = max(beyond, key=beyond.__getitem__)
    times = [start for start, _ in starts]
    yield (
        f"The shares began up to {format_duration((max(times) - min(times)) * 1e9)} apart (by their machines' clocks), so "
        f"that {format_share(beyond[worst])} of the load of phase {worst.name!r} was missing on average (max_dropped is "
        f"{format_share(allowed[worst.name])}): give all shares the same --start-at."
    )


def missing_share(starts: Sequence[Start], length_s: float) -> float:
    """Return which share of the load was missing on average in a phase of this length, from 0 to 1."""
    whole = sum(weight for _, weight in starts)
    if not whole or length_s <= 0:
        return 0.0
    apart = sum(
        weight * other_weight * min(length_s, abs(start - other))
        for start, weight in starts
        for other, other_weight in starts
    )
    return apart / (whole**2 * length_s)


def _starts(machines: Sequence[MachineInfo]) -> list[Start]:
    """Return the starts that are known. Shares of a cluster have none here: its coordinator starts them together."""
    return [
        (datetime.fromisoformat(machine.began_at).timestamp(), machine.weight)
        for machine in machines
        if machine.began_at is not None
    ]


def _judged(summary: Summary, phases: Sequence[PhaseInfo]) -> list[PhaseSpan]:
    judged = {phase.name for phase in phases if not phase.warmup}
    return [span for span in summary.run.phases if span.name in judged]
