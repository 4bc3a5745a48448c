"""The pages of the archive that are made of whole runs: their history, and comparisons."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from loadws.cli.comparing.compare import chosen_rules, now, refuse_other_plans
from loadws.cli.comparing.sources import SourceError, runs_at
from loadws.gate.comparing.history import history_of
from loadws.gate.comparing.rules import own_metrics_of
from loadws.gate.comparing.runs import MeasuredRun, compare_sides
from loadws.report.archive.entry import Entry
from loadws.report.archive.page import framed_page
from loadws.report.comparing.comparison_page import Frame
from loadws.report.comparing.comparison_page import comparison_page as render
from loadws.report.comparing.history import sections
from loadws.terms.comparisons import default_rules
from loadws.terms.errors import UsageError
from loadws.terms.metrics import TABLE

#: The newest runs of a scenario that its history shows, and how many runs may be compared at once.
MOST_OF_HISTORY, MOST_COMPARED = 100, 40


def history_page(root: Path, entries: Iterable[Entry], up: str = "./", index: str = "") -> bytes:
    """Return the page with the history of each scenario. A run that has become unreadable is left out."""
    by_scenario: dict[str, list[MeasuredRun]] = {}
    for entry in entries:  # the newest first
        runs = by_scenario.setdefault(entry.scenario, [])
        if not entry.problem and len(runs) < MOST_OF_HISTORY:
            runs += _runs_of(root, entry)
    histories = [
        history_of(scenario, runs, default_rules(set(TABLE))) for scenario, runs in sorted(by_scenario.items()) if runs
    ]
    note = f'<p class="note">At most the newest {MOST_OF_HISTORY} runs of each scenario.</p>'
    return framed_page("History of runs", note + sections(histories), up, index)


def comparison_page(root: Path, ticked: Sequence[Entry], up: str = "./", index: str = "") -> bytes:
    """Return the comparison of the newest of some runs with the others.

    Raises:
        UsageError: Too few or too many are ticked. Other errors of loadws say why these cannot be compared.
    """
    if not 2 <= len(ticked) <= MOST_COMPARED:
        raise UsageError(
            f"{len(ticked)} runs cannot be compared",
            f"tick at least two, and at most {MOST_COMPARED}: the newest is the candidate, the others are its baseline",
        )
    *older, newest = sorted(ticked, key=lambda entry: (entry.started_at, entry.where))
    baseline = [run for entry in older for run in runs_at(root / entry.where, "baseline")]
    candidate = runs_at(root / newest.where, "candidate")
    refuse_other_plans(baseline, candidate)
    own = own_metrics_of(run.summary for run in (*baseline, *candidate))
    rules = chosen_rules((), baseline, candidate, own)
    record = compare_sides(baseline, candidate, rules, now(), own)
    before, after = [run.summary for run in baseline], [run.summary for run in candidate]
    return render(record, before, after, Frame(up, up + index))


def _runs_of(root: Path, entry: Entry) -> list[MeasuredRun]:
    try:
        return runs_at(root / entry.where, "history")
    except SourceError:
        return []
