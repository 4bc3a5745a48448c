"""``loadws history``: the runs below a folder over time, as a table, as JSON, and as a page."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from loadws.cli.comparing.rules import rules_for
from loadws.cli.comparing.sources import SourceError, runs_at
from loadws.cli.places import refuse_kept, write_place
from loadws.gate.comparing.history import history_of
from loadws.gate.comparing.rules import own_metrics_of
from loadws.gate.comparing.runs import MeasuredRun
from loadws.metrics.history import History, to_json
from loadws.metrics.summary import Summary
from loadws.report.comparing.history import render_history, render_page
from loadws.report.folder import LATEST, SLICES, SUMMARY
from loadws.report.terminal.own_console import OwnConsole
from loadws.terms.comparisons import ComparisonRule, default_rules
from loadws.terms.errors import UsageError
from loadws.terms.metrics import TABLE


def history_command(folder: Path, values: Sequence[str], json: Path | None, page: Path | None) -> None:
    """Print a table for each scenario, and write the files that were asked for. Raises ``LoadwsError``."""
    refuse_kept("--json", json)
    refuse_kept("--html", page)
    histories = tuple(_histories(folder, values))
    for history in histories:
        render_history(history, OwnConsole())
    write_place(json, to_json(histories))
    write_place(page, render_page(histories))


def _histories(folder: Path, values: Sequence[str]) -> Iterator[History]:
    by_scenario: defaultdict[str, list[MeasuredRun]] = defaultdict(list)
    for run in _runs_below(folder):
        by_scenario[run.summary.run.scenario].append(run)
    if not by_scenario:
        raise SourceError(
            f"{folder} has no run that can be read", "name a folder with runs: reports, or reports/<scenario>"
        )
    every = [run.summary for runs in by_scenario.values() for run in runs]
    for scenario, runs in sorted(by_scenario.items()):
        yield history_of(scenario, runs, _rules(values, runs, every))


def _runs_below(folder: Path) -> Iterator[MeasuredRun]:
    """Yield the runs at any depth. A run that cannot be read is reported and left out; slices are not runs.

    Raises:
        SourceError: There is no such folder.
    """
    if not folder.is_dir():
        there_is = f"{folder} is a file" if folder.exists() else f"there is no folder {folder}"
        raise SourceError(there_is, "name a folder with runs: reports, or reports/<scenario>")
    for summary in sorted(folder.rglob(SUMMARY)):
        inside = summary.parent.relative_to(folder).parts
        if LATEST in inside or SLICES in inside:
            continue
        try:
            yield from runs_at(summary.parent, "history")
        except SourceError as error:
            print(f"left out: {error}", file=sys.stderr)


def _rules(values: Sequence[str], runs: Sequence[MeasuredRun], every: Sequence[Summary]) -> Sequence[ComparisonRule]:
    """Return the values to follow in the runs of a scenario. A label must name what one of all runs has.

    Raises:
        RulesError: A value cannot be read, or a label names what no run has.
        UsageError: A value has a limit.
    """
    if not values:
        return default_rules(set(TABLE))
    found = rules_for(values, own_metrics_of(run.summary for run in runs), every, Path("--value"))
    if found.thresholds:
        raise UsageError(f"--value {found.thresholds[0].rule!r} has a limit", "name a value alone: response_time.p99")
    return found.comparisons
