"""``loadws compare``: compare existing runs, a baseline's and a candidate's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from loadws.cli.comparing.comparison_files import write_comparison_page
from loadws.cli.comparing.rules import rules_for, rules_from, warn_of_shares
from loadws.cli.comparing.sources import matching, runs_of
from loadws.cli.places import refuse_kept, refuse_same, write_place
from loadws.cli.running.ci import tell
from loadws.gate.comparing.identity import different_plans
from loadws.gate.comparing.rules import RuleSet, defaults_of, own_metrics_of
from loadws.gate.comparing.runs import MeasuredRun, compare_sides
from loadws.metrics.comparison import to_json
from loadws.report.comparing.comparison import render_comparison
from loadws.report.folder import read_info
from loadws.report.pipelines.compared import result_of_comparison
from loadws.report.pipelines.services import Ci
from loadws.report.terminal.own_console import OwnConsole
from loadws.terms.errors import LoadwsError, UsageError
from loadws.terms.metrics import Metric


class CompareOptions(msgspec.Struct, frozen=True):
    """The options of ``loadws compare``. Names are run folders, files or globs."""

    baseline: tuple[str, ...]
    candidate: tuple[str, ...]
    rules: tuple[str, ...]
    across_machines: bool
    json: Path | None
    html: Path | None = None
    ci: Ci = Ci()  # it never changes


def compare_command(options: CompareOptions) -> int:
    """Compare, print and write; return the exit code. Raises ``LoadwsError`` for runs that cannot be compared."""
    sources = [each for name in (*options.baseline, *options.candidate) for each in matching(name)]
    places = [("--json", options.json), ("--html", options.html)]
    refuse_same(places)
    for option, place in places:
        refuse_kept(option, place, sources)
    baseline, candidate = runs_of(options.baseline, "baseline"), runs_of(options.candidate, "candidate")
    _refuse_shared(baseline, candidate)
    refuse_other_plans(baseline, candidate)
    own = own_metrics_of(run.summary for run in (*baseline, *candidate))
    rules = chosen_rules(options.rules, baseline, candidate, own)
    record = compare_sides(baseline, candidate, rules, now(), own, options.across_machines)
    render_comparison(record, OwnConsole())
    write_place(options.json, to_json(record))
    sides = [[run.summary for run in side] for side in (baseline, candidate)]
    write_comparison_page([options.html], record, *sides)
    tell(options.ci, result_of_comparison(record))
    return record.exit_code


def chosen_rules(
    texts: Sequence[str], baseline: Sequence[MeasuredRun], candidate: Sequence[MeasuredRun], own: dict[str, Metric]
) -> RuleSet:
    """Return the rules of ``--rule``; else those of the candidate's scenario (``compare``); else the defaults.

    The labels of a scenario's rules were checked before its run, against all of its steps.

    Raises:
        RulesError: A text is not a rule, or a label of ``--rule`` names what no run has.
    """
    if texts:
        rules = rules_for(texts, own, [run.summary for run in (*baseline, *candidate)])
        warn_of_shares(rules)
        return rules
    if written := _of_scenario(candidate):
        return rules_from(written, own, Path(candidate[-1].name) / "run.json: compare")
    return defaults_of((run.summary for run in baseline), (run.summary for run in candidate))


def _of_scenario(runs: Iterable[MeasuredRun]) -> tuple[str, ...]:
    """Return the comparison rules of the newest run that says which scenario it ran."""
    for run in reversed(list(runs)):
        try:
            return read_info(Path(run.name)).compare
        except LoadwsError:
            continue
    return ()


def _refuse_shared(baseline: Sequence[MeasuredRun], candidate: Sequence[MeasuredRun]) -> None:
    shared = {Path(run.name).resolve() for run in baseline} & {Path(run.name).resolve() for run in candidate}
    if shared:
        raise UsageError(
            f"{min(shared)} is on both sides of the comparison",
            "a run cannot be compared with itself: narrow the globs",
        )


def refuse_other_plans(baseline: Sequence[MeasuredRun], candidate: Sequence[MeasuredRun]) -> None:
    """Refuse to compare runs that measured different loads.

    Raises:
        UsageError: The loads differ; the message says in what.
    """
    why = different_plans((run.summary.run for run in baseline), (run.summary.run for run in candidate))
    if why is not None:
        raise UsageError(
            f"these runs cannot be compared: {why}",
            "compare runs with the same phases, users and steps; `loadws ab` compares two scenarios",
        )


def now() -> str:
    """Return the time in UTC, as ISO 8601."""
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
