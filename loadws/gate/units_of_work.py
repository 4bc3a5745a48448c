"""What users began and how it ended: whether a run's work has mostly failed, whatever its rules look at.

Units are sessions, arrivals and turns; those that the end of the load cut off tell nothing and are left out. A
connection that opened and was still open when the load ended is a unit that succeeded: holding connections open passes.
Tries (connects, requests, waits, checks and the like) are counted beside them, because a session or a turn goes on after
a try that failed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from loadws.metrics.summary import MetricEntry, Summary
from loadws.terms.thresholds import Threshold
from loadws.terms.units import format_count

#: Work has failed where this share of the ended units, or of the tries, has failed.
_TOO_MANY = 0.5


class Units(NamedTuple):
    """The numbers of sessions, arrivals, turns and connections that ended, and of those that failed; the same of tries."""

    ended: int
    failed: int
    tries: int
    tries_failed: int
    text: str  # "sessions failed 14 of 14, turns failed 3 of 600"

    @property
    def are_mostly_failed(self) -> bool:
        return _are_too_many(self.failed, self.ended) or _are_too_many(self.tries_failed, self.tries)


def units_of(summary: Summary) -> Units:
    """Return the units of a whole run, warm-up included, and the tries of its judged time."""
    ledger = summary.ledger
    return _units(
        summary,
        (
            ("sessions", ledger.sessions.failed, ledger.sessions.completed + ledger.sessions.failed),
            ("arrivals", ledger.arrivals.failed, ledger.arrivals.completed + ledger.arrivals.failed),
            ("turns", ledger.turns.failed, ledger.turns.done + ledger.turns.failed),
        ),
    )


def judged_units_of(summary: Summary) -> Units:
    """Return the sessions and tries of the judged time; where no session ended in it, the units of the whole run."""
    ended, failed = (_count(summary, name) for name in ("sessions", "sessions_failed"))
    return _units(summary, [("sessions", failed, ended)]) if ended else units_of(summary)


def _units(summary: Summary, kinds: Iterable[tuple[str, int, int]]) -> Units:
    """Return units by (name, failed, ended) of each kind.

    What failed for want of files, ports or memory here was never applied to the server, and is left out.
    """
    there, ours = [], summary.applied.generator_failures
    for name, failed, ended in kinds:
        left_out = min(failed, ours)
        ours -= left_out
        if ended > left_out:
            there.append((name, failed - left_out, ended - left_out))
    held = summary.ledger.connections.held
    ended, failed = sum(of for _, _, of in there) + held, sum(failed for _, failed, _ in there)
    tries, tries_failed = _tries(summary)
    parts = [_failed_of(*kind) for kind in there if kind[1]]
    if held and _are_too_many(failed, ended):
        parts.append(
            f"{format_count(held)} connection{' was' if held == 1 else 's were'} still open when the load ended"
        )
    if _are_too_many(tries_failed, tries):
        parts.append(_failed_of("tries", tries_failed, tries))
    return Units(ended, failed, tries, tries_failed, ", ".join(parts))


def _failed_of(what: str, failed: int, of: int) -> str:
    return f"{what} failed {format_count(failed)} of {format_count(of)}"


def _are_too_many(failed: int, of: int) -> bool:
    return of > 0 and failed >= _TOO_MANY * of


def _tries(summary: Summary) -> tuple[int, int]:
    """Return (tries, failed tries) of the judged time."""
    whole = _whole(summary, "error_rate")
    return (whole.count, whole.failed) if whole is not None else (0, 0)


def _count(summary: Summary, metric: str) -> int:
    whole = _whole(summary, metric)
    return 0 if whole is None else whole.count


def _whole(summary: Summary, metric: str) -> MetricEntry | None:
    """Return a metric's entry for the judged time as a whole, which comes before those of its labels."""
    return next(iter(summary.entries(metric)), None)


def too_much_failed(units: Units, rules: Sequence[Threshold]) -> bool:
    """Return whether half or more failed of what no rule says how much of it may fail.

    A limit on ``sessions_failed`` is about sessions. One on ``error_rate`` that allows half of the tries to fail is about
    the sessions that these end, too. No other rule says anything of it, such as a lower bound on ``sessions``.
    """
    if any(map(_allows_failed_tries, rules)):
        return False
    if any(rule.metric == "sessions_failed" and _is_upper_limit_of_all(rule) for rule in rules):
        return _are_too_many(units.tries_failed, units.tries)
    return units.are_mostly_failed


def _allows_failed_tries(rule: Threshold) -> bool:
    return rule.metric == "error_rate" and _is_upper_limit_of_all(rule) and rule.value >= _TOO_MANY


def _is_upper_limit_of_all(rule: Threshold) -> bool:
    return rule.op in ("<", "<=") and not rule.labels


def anything_succeeded(summary: Summary) -> bool:
    """Return whether any try succeeded, or any message was sent. Without ended units there is no other evidence."""
    messages = summary.ledger.messages
    tried = (entry for entry in summary.entries("error_rate") if "kind" in entry.labels or "step" in entry.labels)
    return bool(messages.answered or messages.one_way) or any(entry.count > entry.failed for entry in tried)
