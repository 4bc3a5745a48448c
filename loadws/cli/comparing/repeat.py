"""``loadws run`` with ``--repeat``, ``--baseline`` or ``--save-baseline``: the runs, their comparison, the new
baseline.

Each run is judged by its thresholds and has its own folder, as without these options. Mistakes that can be known before
the load (a baseline that cannot be read, another plan) are reported before it. A run that is interrupted ends the
series.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace

import msgspec

from loadws import __version__
from loadws.cli.comparing.against import Found, check_place, find_baseline, place_of, save_baseline
from loadws.cli.comparing.commands import Against
from loadws.cli.comparing.compare import now
from loadws.cli.comparing.comparison_files import write_comparison_page
from loadws.cli.comparing.series_files import write_series
from loadws.cli.masked import masked_errors
from loadws.cli.options import RunOptions
from loadws.cli.places import Places, write_place
from loadws.cli.running.run import Finished, load_for_run, run_loaded, tell_result
from loadws.fleet.machine.identity import machine_name
from loadws.fleet.signals import Interrupted, Signals
from loadws.gate.comparing.identity import different_plans, hindrances
from loadws.gate.comparing.reach import runs_lacking, saved_lacking
from loadws.gate.comparing.rules import RuleSet, defaults_of, own_metrics_of
from loadws.gate.comparing.runs import MeasuredRun, compare_sides
from loadws.metrics.comparison import ComparisonRecord, to_json
from loadws.metrics.summary import Run, Summary
from loadws.plan.fingerprint import plan_hash
from loadws.report.comparing.comparison import render_comparison
from loadws.report.console import render_all
from loadws.report.folder import REPORT, read_frames
from loadws.report.series import Part, Series, comparison_part, run_part, sentences_of, words_part
from loadws.report.terminal.own_console import OwnConsole
from loadws.scenario.build import Loaded
from loadws.scenario.model.probes import delivers
from loadws.terms.comparisons import default_rules
from loadws.terms.errors import ExitCode, OutputError, UsageError, interruption
from loadws.terms.metrics import TABLE

COMPARISON, PAGE = "comparison.json", "comparison.html"
_COMPARISON, _SAVING = "comparison with the baseline", "saved baseline"
_STOPPING = (ExitCode.INTERRUPTED, ExitCode.TERMINATED, ExitCode.DEFECT, ExitCode.UNREACHABLE)


def repeat_command(options: RunOptions, against: Against) -> int:
    """Run, compare and save; return the exit code of all together."""
    _check(options, against)
    loaded = load_for_run(options)
    with masked_errors(loaded.masker):
        if against.save is not None:
            check_place(place_of(against.save, loaded.scenario.name or loaded.path.stem))
            if lacking := saved_lacking(against.repeat, _rules_to_come(loaded)):
                print(f"warning: {lacking}", file=sys.stderr)
        baseline = None if against.baseline is None else _baseline(against, loaded)
        return _Series(loaded, options, against, baseline).run()


def _check(options: RunOptions, against: Against) -> None:
    if options.trace:
        raise UsageError("--trace judges nothing, so it goes without --repeat, --baseline and --save-baseline")
    if options.overrides.comparisons and against.baseline is None:
        raise UsageError(
            f"the rule {options.overrides.comparisons[0]!r} compares with a baseline, and there is none",
            "name one with --baseline, or write a limit without a sign: response_time.p99 < 200ms",
        )


def _baseline(against: Against, loaded: Loaded) -> Found | None:
    """Return the baseline, after printing what is wrong with it; None where there is none and none is needed.

    Raises:
        UsageError: The baseline measured another load.
        SourceError: The baseline cannot be read.
    """
    assert against.baseline is not None
    scenario = loaded.scenario.name or loaded.path.stem
    found = find_baseline(against.baseline, scenario)
    if found is None:
        print(f"no baseline: nothing is at {against.baseline}", file=sys.stderr)
        return None
    runs = [run.summary.run for run in found.runs]
    ours = _ours(runs[-1], loaded)
    if why := different_plans(runs, [ours]):
        raise UsageError(f"this run cannot be compared: {why}", "save a new baseline with --save-baseline")
    print(f"baseline {found.about}", file=sys.stderr)
    if lacking := _lacking(found, loaded, against):
        print(f"warning: {lacking}", file=sys.stderr)
    if not against.across_machines:
        for hindrance in hindrances(runs, [ours]):
            print(f"warning: {hindrance} The comparison will gate nothing.", file=sys.stderr)
    return found


def _rules_to_come(loaded: Loaded) -> int:
    """Return how many rules a comparison with a new baseline will have, as far as that is known before the load."""
    if loaded.comparisons:
        return len(loaded.comparisons)
    has_deliveries = any(True for _ in delivers(loaded.scenario))
    return sum(has_deliveries or rule.selection.metric != "delivery" for rule in default_rules(set(TABLE)))


def _lacking(found: Found, loaded: Loaded, against: Against) -> str:
    """Return what the runs that will be made cannot decide, as far as the rules are known before."""
    before = [run.summary for run in found.runs]
    rules = RuleSet(loaded.comparisons) or defaults_of(before, before)
    return runs_lacking(len(before), against.repeat, rules.comparisons, found.runs[0].frames is not None)


def _ours(like: Run, loaded: Loaded) -> Run:
    """Return what a run here and now will record as its plan, machine and version."""
    return msgspec.structs.replace(
        like, plan_hash=plan_hash(loaded.scenario), machine_name=machine_name(), loadws_version=__version__
    )


class _Series:
    """The runs of one command, in order, with their comparison and their baseline."""

    def __init__(self, loaded: Loaded, options: RunOptions, against: Against, baseline: Found | None) -> None:
        self._loaded = loaded
        self._options = options
        self._against = against
        self._baseline = baseline
        self._done: list[Finished] = []
        self._beside: list[Part] = []  # what decides beside the runs

    def run(self) -> int:
        """Return the most severe exit code of the runs and of the comparison."""
        with Signals() as signals:
            self._run_all(signals)
        if len(self._done) < self._against.repeat:
            self._say_how_far(signals.heard)
        complete = [done for done in self._done if done.code not in _STOPPING]
        if self._against.baseline is not None:
            self._compare(complete)
        if self._against.save is not None:
            self._save(complete, self._series().exit_code)
        series = self._series()
        if len(series.parts) > 1:
            render_all(series.decided.result.word, series.exit_code, sentences_of(series), OwnConsole())
        tell_result(self._options, write_series(series, self._options.places))
        return int(series.exit_code)

    def _run_all(self, signals: Signals) -> None:
        """Make the runs, until all are made or one says that the series has to end.

        A signal that comes while a report is drawn, or between two runs, ends the series too.

        Raises:
            Interrupted: A signal came before the first load.
        """
        options = replace(self._options, places=Places())  # the places are for all runs
        for number in range(1, self._against.repeat + 1):
            self._say_number(number)
            try:
                self._done.append(run_loaded(self._loaded, options, signals))
            except Interrupted:
                if not self._done:
                    raise
                return  # what there is will be judged
            if signals.heard or self._done[-1].code in _STOPPING:
                return

    def _series(self) -> Series:
        """Return the runs so far, and what decides beside them, as one result."""
        of = self._against.repeat
        runs = []
        for number, done in enumerate(self._done, 1):
            report = done.folder / REPORT
            runs.append(run_part(number, of, done.summary, done.folder, report if report.exists() else None))
        return Series(self._name, (*runs, *self._beside))

    @property
    def _name(self) -> str:
        return self._loaded.scenario.name or self._loaded.path.stem

    def _note(self, name: str, code: ExitCode, outcome: str, sentence: str) -> None:
        """Add a part of the result that is neither a run nor a comparison."""
        self._beside.append(words_part(self._name, name, code, outcome, sentence))

    def _say_number(self, number: int) -> None:
        if self._against.repeat > 1:
            print(f"run {number} of {self._against.repeat}", file=sys.stderr, flush=True)

    def _say_how_far(self, heard: Sequence[str]) -> None:
        kept = ", ".join(str(done.folder) for done in self._done)
        begun = f"{len(self._done)} of {self._against.repeat} runs were begun"
        print(f"{begun}; kept: {kept}", file=sys.stderr)
        if heard:
            self._note("series of runs", interruption(heard[0]), "interrupted", f"{begun}, and then came {heard[0]}.")

    # -- the comparison -----------------------------------------------------------------------------------------------

    def _compare(self, complete: Sequence[Finished]) -> None:
        if self._baseline is None:
            allowed = self._against.allow_no_baseline
            advice = "" if allowed else " --save-baseline makes one; --allow-no-baseline lets such a run pass."
            said = f"{self._against.baseline}: nothing was compared.{advice}"
            print(f"NO BASELINE  {said}")
            code = ExitCode.PASSED if allowed else ExitCode.INCONCLUSIVE
            self._note(_COMPARISON, code, "no_baseline", said)
            return
        if not complete:
            self._note(_COMPARISON, ExitCode.INCONCLUSIVE, "inconclusive", "No run came to its end.")
            return
        record = self._record(self._baseline, complete)
        render_comparison(record, OwnConsole())
        write_place(complete[-1].folder / COMPARISON, to_json(record))
        before = [run.summary for run in self._baseline.runs]
        write_comparison_page([complete[-1].folder / PAGE], record, before, [done.summary for done in complete])
        page = complete[-1].folder / PAGE
        self._beside.append(comparison_part(record, complete[-1].folder, page if page.exists() else None))

    def _record(self, baseline: Found, complete: Sequence[Finished]) -> ComparisonRecord:
        candidate = [_measured(done) for done in complete]
        before, after = [run.summary for run in baseline.runs], [run.summary for run in candidate]
        own = {**own_metrics_of((*before, *after)), **self._loaded.own_metrics}
        rules = RuleSet(self._loaded.comparisons) or defaults_of(before, after)
        return compare_sides(baseline.runs, candidate, rules, now(), own, self._against.across_machines)

    # -- the saved baseline -------------------------------------------------------------------------------------------

    def _save(self, complete: Sequence[Finished], code: ExitCode) -> None:
        """Save the runs as a baseline if all passed; else print why not. ``code`` is that of all so far."""
        assert self._against.save is not None
        unfit = next((done for done in self._done if done.summary.verdict.outcome != "passed"), None)
        if unfit is not None:
            why = f"the run {unfit.folder} {_OUTCOMES[unfit.summary.verdict.outcome]}"
        elif code in _STOPPING:
            why = f"{len(complete)} of {self._against.repeat} runs came to their end"
        elif code in (ExitCode.FAILED, ExitCode.INVALID):
            why = "the comparison did not pass"
        elif not complete:
            why = "no run was made"
        else:
            summaries: list[Summary] = [done.summary for done in complete]
            try:
                place = save_baseline(self._against.save, summaries[0].run.scenario, summaries, now())
            except OutputError as error:  # the runs have their results, which are still reported
                print(error.for_people(), file=sys.stderr)
                self._note(_SAVING, error.exit_code, "not_saved", f"{error}")
                return
            print(f"Baseline  {place} ({len(summaries)} run{'' if len(summaries) == 1 else 's'})")
            return
        print(f"no baseline was saved: {why}", file=sys.stderr)
        self._note(_SAVING, ExitCode.INCONCLUSIVE, "not_saved", f"No baseline was saved: {why}.")


_OUTCOMES = {
    "failed": "failed",
    "no_data": "had a rule without data",
    "inconclusive": "was inconclusive",
    "invalid": "was invalid",
    "interrupted": "was interrupted",
    "unreachable": "did not reach its target",
    "aborted": "was ended by a rule",
}


def _measured(done: Finished) -> MeasuredRun:
    return MeasuredRun(str(done.folder), done.summary, lambda: read_frames(done.folder)[1])
