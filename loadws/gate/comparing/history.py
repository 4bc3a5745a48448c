"""A scenario's runs over time: each value's track, its change points, and whether the machine changed with it.

Change points are E-divisive's (``statistics.changepoint``), found only among the runs of one machine and one planned
load. A change that the canary has at the same run, or at a neighbour, is the machine's.
"""

from __future__ import annotations

from collections.abc import Sequence

from loadws.gate.comparing.measured import measure
from loadws.gate.comparing.runs import MeasuredRun
from loadws.gate.statistics.changepoint import ChangePoint, change_points
from loadws.gate.statistics.changes import as_fraction, log_level, plain_level
from loadws.gate.statistics.shares import Share
from loadws.metrics.history import HISTORY_VERSION, Change, History, HistoryRun, Track
from loadws.metrics.summary import Summary
from loadws.terms.comparisons import ComparisonRule
from loadws.terms.thresholds import format_value

CANARY = "canary"
#: How many runs may lie between a change of the canary and one of a value that count as the same.
_NEAR = 1
_LEAST_CANARIES = 6


def history_of(scenario: str, runs: Sequence[MeasuredRun], rules: Sequence[ComparisonRule]) -> History:
    """Return the record of these runs, in the order of time. ``rules`` name the values to follow."""
    ordered = sorted(runs, key=lambda run: run.summary.run.started_at)
    summaries = [run.summary for run in ordered]
    canary = _track_of_canary(summaries)
    tracks = [_track(rule, summaries, canary) for rule in rules]
    shown = [track for track in tracks if any(value is not None for value in track.values)]
    if any(value is not None for value in canary.values):
        shown.append(canary)
    return History(HISTORY_VERSION, scenario, tuple(_run(run) for run in ordered), tuple(shown))


def _run(run: MeasuredRun) -> HistoryRun:
    about = run.summary.run
    return HistoryRun(
        run.name,
        about.started_at,
        run.summary.verdict.outcome,
        about.machine_name,
        about.loadws_version,
        about.canary_ns,
    )


def _track(rule: ComparisonRule, runs: Sequence[Summary], canary: Track) -> Track:
    values = tuple(_value(run, rule) for run in runs)
    level = log_level if rule.relative else plain_level
    points = change_points([level(value) for value in values], _fingerprints(runs))
    known = sum(value is not None for value in canary.values) >= _LEAST_CANARIES
    moved = [change.at for change in canary.changes]
    changes = tuple(_change(rule, point, runs, moved if known else None) for point in points)
    return Track(str(rule.selection), rule.selection.unit, values, changes)


def _track_of_canary(runs: Sequence[Summary]) -> Track:
    values = tuple(run.run.canary_ns for run in runs)
    points = change_points([log_level(value) for value in values], _fingerprints(runs))
    return Track(CANARY, "ns", values, tuple(_moved(CANARY, "ns", point, runs) for point in points))


def _fingerprints(runs: Sequence[Summary]) -> list[tuple[str, str]]:
    return [(run.run.machine_name, run.run.plan_hash) for run in runs]


def _value(run: Summary, rule: ComparisonRule) -> float | None:
    measured = measure(run.metrics, rule)
    return measured.value if isinstance(measured, Share) else measured


def _change(
    rule: ComparisonRule,
    point: ChangePoint,
    runs: Sequence[Summary],
    canary: Sequence[int] | None,
) -> Change:
    found = _moved(str(rule.selection), rule.selection.unit, point, runs, relative=rule.relative)
    if canary is None:
        return found
    machine_too = any(abs(at - point.at) <= _NEAR for at in canary)
    cause = "the canary changed there too, so the machine changed" if machine_too else "the canary did not change there"
    return Change(found.at, found.before, found.after, found.p, f"{found.sentence}; {cause}", machine_too)


def _moved(
    what: str,
    unit: str,
    point: ChangePoint,
    runs: Sequence[Summary],
    relative: bool = True,
) -> Change:
    before, after = (as_fraction(level) + 1 if relative else level for level in (point.before, point.after))
    direction = "rose" if after > before else "fell"
    by = f" by {abs(after / before - 1) * 100:.3g}%" if relative and before else ""
    sentence = (
        f"{what} {direction}{by} from {format_value(before, unit)} to {format_value(after, unit)} with the run of "
        f"{runs[point.at].run.started_at} (p {point.p:.2g})"
    )
    return Change(point.at, before, after, point.p, sentence)
