"""Failed tries that no error names, in sentences: those of turns that never began, and those that the load's end cut off.

Without them a report would say that nothing went wrong, beside an error rate above 0.
"""

from __future__ import annotations

from loadws.metrics.summary import Summary
from loadws.report.plain import plain
from loadws.report.timings import overall
from loadws.terms.units import format_count


def failed_without_error(summary: Summary) -> list[str]:
    """Return a sentence for each reason for which tries of the judged time failed and no error was counted."""
    return [*_never_begun(summary), *_cut_off(summary)]


def _never_begun(summary: Summary) -> list[str]:
    count = summary.applied.turns_not_begun
    if not count:
        return []
    by_interval = [entry for entry in summary.entries("turns_not_begun") if entry.count and "every" in entry.labels]
    intervals = [plain(entry.labels["every"]) for entry in by_interval]
    of = f" of {' or '.join(intervals)}" if len(intervals) in (1, 2, 3) else ""
    judged = "; they count as failed in error_rate" if _failed_unmade(summary) else ""
    turns = "1 turn" if count == 1 else f"{format_count(count)} turns"
    return [f"{turns} never began: the turn before took longer than the interval{of}{judged}."]


def _cut_off(summary: Summary) -> list[str]:
    """Say of tries that were under way when the load ended, where no error at all was counted: others have an error."""
    rate, errors = overall(summary, "error_rate"), overall(summary, "errors")
    count = (rate.failed if rate else 0) - _failed_unmade(summary)
    told = errors.count if errors else 0
    if count <= 0 or told or any(error.count > error.in_warmup for error in summary.errors):
        return []
    tries = "1 try was" if count == 1 else f"{format_count(count)} tries were"
    they = "it counts" if count == 1 else "they count"
    return [f"{tries} still without an answer when the load ended; {they} as failed in error_rate."]


def _failed_unmade(summary: Summary) -> int:
    entry = overall(summary, "tries_not_begun")
    return entry.count if entry else 0
