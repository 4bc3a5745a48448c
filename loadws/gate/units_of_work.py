"""Units of work that succeeded, for the verdict of a run that has no rules, or whose rules are about something else.

Units are sessions, arrivals and turns; those that the end of the load cut off tell nothing and are left out. A
connection that opened and was still open when the load ended is a unit that succeeded: holding connections open passes.
"""

from __future__ import annotations

from typing import NamedTuple

from loadws.metrics.summary import Summary
from loadws.terms.thresholds import Threshold
from loadws.terms.units import format_count

#: Metrics by which a rule of the scenario limits how many sessions may fail.
_OF_SESSIONS = frozenset({"sessions", "sessions_failed"})
#: A run without rules has failed where this share of the ended units has failed.
_TOO_MANY = 0.5


class Units(NamedTuple):
    """The numbers of sessions, arrivals, turns and connections that ended, and of those that failed."""

    ended: int
    failed: int
    text: str  # "sessions failed 14 of 14, turns failed 3 of 600"

    @property
    def are_mostly_failed(self) -> bool:
        return self.ended > 0 and self.failed >= _TOO_MANY * self.ended


def units_of(summary: Summary) -> Units:
    """Return the units of a whole run, warm-up included."""
    ledger = summary.ledger
    kinds = (
        ("sessions", ledger.sessions.failed, ledger.sessions.completed + ledger.sessions.failed),
        ("arrivals", ledger.arrivals.failed, ledger.arrivals.completed + ledger.arrivals.failed),
        ("turns", ledger.turns.failed, ledger.turns.done + ledger.turns.failed),
    )
    held = ledger.connections.held
    text = ", ".join(f"{what} failed {format_count(failed)} of {format_count(of)}" for what, failed, of in kinds if of)
    if held:
        text = ", ".join(part for part in (text, _held_open(held)) if part)
    return Units(sum(of for _, _, of in kinds) + held, sum(failed for _, failed, _ in kinds), text)


def _held_open(count: int) -> str:
    return f"{format_count(count)} connection{' was' if count == 1 else 's were'} still open when the load ended"


def every_session_failed(summary: Summary) -> bool:
    """Return whether some session ended by itself, and each of those failed."""
    ledger = summary.ledger
    completed = ledger.sessions.completed + ledger.arrivals.completed
    return ledger.sessions.failed + ledger.arrivals.failed > 0 and not completed


def names_sessions(threshold: Threshold) -> bool:
    """Return whether a rule limits how many sessions may fail."""
    return threshold.metric in _OF_SESSIONS


def anything_succeeded(summary: Summary) -> bool:
    """Return whether any try succeeded, or any message was sent. Without ended units there is no other evidence."""
    messages = summary.ledger.messages
    tried = (entry for entry in summary.entries("error_rate") if "kind" in entry.labels or "step" in entry.labels)
    return bool(messages.answered or messages.one_way) or any(entry.count > entry.failed for entry in tried)
