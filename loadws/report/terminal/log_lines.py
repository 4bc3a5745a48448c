"""The live view for a log: a line every few seconds, and a line for each kind of error when it is first seen."""

from __future__ import annotations

from collections.abc import Iterator

from loadws.metrics.live import LiveView
from loadws.metrics.wording import observed_of, subject_of
from loadws.report.plain import plain
from loadws.report.terminal.panel import Scene, clock, time_text
from loadws.terms.units import format_rate

#: A log has lines for so many kinds of errors; the report has all.
MOST_KINDS_TOLD = 20


def line(scene: Scene) -> str:
    """Return the run at this moment in one line."""
    view, total_s = scene.view, scene.info.planned_s
    total = f"/{clock(total_s)}" if total_s else ""
    return (
        f"[{clock(view.at_s)}{total}] {_phase(view)}: {view.users:,} users, {view.open_connections:,} open, "
        f"{rates(view)}, {_latency(view)}, {view.errors:,} errors{_dropped(view)}{_broken(scene)}"
    )


def new_errors(view: LiveView, told: set[tuple[str, str]]) -> Iterator[str]:
    """Yield a line for each kind of error that is not in ``told`` yet, and put it there."""
    for kind in view.kinds:
        if (kind.kind, kind.step) not in told and len(told) < MOST_KINDS_TOLD:
            told.add((kind.kind, kind.step))
            where = f" in {plain(kind.step, 40)}" if kind.step else ""
            example = f": {plain(kind.example)}" if kind.example else ""
            yield f"[{clock(view.at_s)}] error {plain(kind.kind, 60)}{where}{example}"


def rates(view: LiveView) -> str:
    """Return what was sent and received lately."""
    return f"sent {format_rate(round(view.sent_per_s))}, received {format_rate(round(view.received_per_s))}"


def _phase(view: LiveView) -> str:
    says_so = "warm" in view.phase.lower()
    return plain(view.phase, 24) + (" (warm-up)" if view.warmup and not says_so else "")


def _latency(view: LiveView) -> str:
    """Return the percentiles, and of which time they are."""
    return f"p50 {time_text(view.response_p50_ns)}, p99 {time_text(view.response_p99_ns)} (last {view.recent_s:.0f} s)"


def _dropped(view: LiveView) -> str:
    dropped = view.ledger.arrivals.dropped
    return f", {dropped:,} arrivals dropped" if dropped else ""


def _broken(scene: Scene) -> str:
    """Return the thresholds that do not hold now."""
    broken = [check for check in scene.checks if check.outcome == "failed"]
    return "".join(f", {plain(subject_of(check.rule), 80)} is {observed_of(check)} (fails)" for check in broken[:3])
