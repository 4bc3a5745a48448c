"""``loadws run`` with ``--repeat``, ``--baseline`` or ``--save-baseline``: the runs, their comparison, the new
baseline.

Each run is judged by its thresholds and has its own folder, as without these options. Mistakes that can be known before
the load (a baseline that cannot be read, another plan) are reported before it. A run that is interrupted ends the
series.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import msgspec

from loadws import __version__
from loadws.cli.comparing.against import Found, find_baseline, place_of, save_baseline
from loadws.cli.comparing.commands import Against
from loadws.cli.comparing.compare import now
from loadws.cli.comparing.comparison_files import write_comparison_page
from loadws.cli.comparing.sources import is_baseline
from loadws.cli.masked import masked_errors
from loadws.cli.options import RunOptions
from loadws.cli.places import write_place
from loadws.cli.running.ci import told_of_run
from loadws.cli.running.run import Finished, load_for_run, run_loaded, tell_result
from loadws.fleet.machine.identity import machine_name
from loadws.fleet.signals import Interrupted, Signals
from loadws.gate.comparing.identity import different_plans, hindrances
from loadws.gate.comparing.reach import runs_lacking
from loadws.gate.comparing.rules import RuleSet, defaults_of, own_metrics_of
from loadws.gate.comparing.runs import MeasuredRun, compare_sides
from loadws.metrics.comparison import ComparisonRecord, to_json
from loadws.metrics.summary import Run, Summary
from loadws.plan.fingerprint import plan_hash
from loadws.report.comparing.comparison import render_comparison
from loadws.report.folder import read_frames
from loadws.report.pipelines.compared import result_of_comparison, result_of_words, together
from loadws.report.pipelines.result import Result
from loadws.report.terminal.own_console import OwnConsole
from loadws.scenario.build import Loaded
from loadws.terms.errors import ExitCode, UsageError, exit_code, interruption, most_severe

COMPARISON, PAGE = "comparison.json", "comparison.html"
_STOPPING = (ExitCode.INTERRUPTED, ExitCode.TERMINATED, ExitCode.DEFECT, ExitCode.UNREACHABLE)


def repeat_command(options: RunOptions, against: Against) -> int:
    """Run, compare and save; return the exit code of all together."""
    _check(options, against)
    loaded = load_for_run(options)
    with masked_errors(loaded.masker):
        _refuse_other_file(against, loaded)
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


def _refuse_other_file(against: Against, loaded: Loaded) -> None:
    """Check that the baseline to be saved would replace nothing but a baseline.

    Raises:
        UsageError: There is another file.
    """
    place = None if against.save is None else place_of(against.save, loaded.scenario.name or loaded.path.stem)
    if place is not None and place.is_file() and not is_baseline(place):
        raise UsageError(
            f"--save-baseline {place}: this file is no baseline, and would be replaced", "name another file"
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
        self._told: list[Result] = []

    def run(self) -> int:
        """Return the most severe exit code of the runs and of the comparison."""
        with Signals() as signals:
            self._run_all(signals)
        codes = [exit_code(done.code) for done in self._done]
        if len(self._done) < self._against.repeat:
            self._say_how_far()
            codes += [interruption(signals.heard[0])] if signals.heard else []
        complete = [done for done in self._done if done.code not in _STOPPING]
        if self._against.baseline is not None:
            codes.append(self._compare(complete))
        code = most_severe(codes)
        if self._against.save is not None:
            code = most_severe([code, self._save(complete, code)])
        self._tell(code)
        return int(code)

    def _run_all(self, signals: Signals) -> None:
        """Make the runs, until all are made or one says that the series has to end.

        A signal that comes while a report is drawn, or between two runs, ends the series too.

        Raises:
            Interrupted: A signal came before the first load.
        """
        for number in range(1, self._against.repeat + 1):
            self._say_number(number)
            try:
                self._done.append(run_loaded(self._loaded, self._options, signals))
            except Interrupted:
                if not self._done:
                    raise
                return  # what there is will be judged
            if signals.heard or self._done[-1].code in _STOPPING:
                return

    def _tell(self, code: ExitCode) -> None:
        """Tell the CI service of all runs and of the comparison at once."""
        copies = self._options.places.folder
        runs = [told_of_run(done.folder, done.summary, copies) for done in self._done]
        if results := [*reversed(runs), *self._told]:
            tell_result(self._options, together(results, code))

    def _say_number(self, number: int) -> None:
        if self._against.repeat > 1:
            print(f"run {number} of {self._against.repeat}", file=sys.stderr, flush=True)

    def _say_how_far(self) -> None:
        kept = ", ".join(str(done.folder) for done in self._done)
        print(f"{len(self._done)} of {self._against.repeat} runs were begun; kept: {kept}", file=sys.stderr)

    # -- the comparison -----------------------------------------------------------------------------------------------

    def _compare(self, complete: Sequence[Finished]) -> ExitCode:
        if self._baseline is None:
            allowed = self._against.allow_no_baseline
            advice = "" if allowed else " --save-baseline makes one; --allow-no-baseline lets such a run pass."
            said = f"{self._against.baseline}: nothing was compared.{advice}"
            print(f"NO BASELINE  {said}")
            code = ExitCode.PASSED if allowed else ExitCode.INCONCLUSIVE
            title = f"{self._loaded.scenario.name or self._loaded.path.stem}: comparison with a baseline"
            self._told.append(result_of_words(title, code, "no_baseline", [said]))
            return code
        if not complete:
            return ExitCode.INCONCLUSIVE
        record = self._record(self._baseline, complete)
        render_comparison(record, OwnConsole())
        write_place(complete[-1].folder / COMPARISON, to_json(record))
        before = [run.summary for run in self._baseline.runs]
        write_comparison_page([complete[-1].folder / PAGE], record, before, [done.summary for done in complete])
        self._told.append(result_of_comparison(record, complete[-1].folder))
        return exit_code(record.exit_code)

    def _record(self, baseline: Found, complete: Sequence[Finished]) -> ComparisonRecord:
        candidate = [_measured(done) for done in complete]
        before, after = [run.summary for run in baseline.runs], [run.summary for run in candidate]
        own = {**own_metrics_of((*before, *after)), **self._loaded.own_metrics}
        rules = RuleSet(self._loaded.comparisons) or defaults_of(before, after)
        return compare_sides(baseline.runs, candidate, rules, now(), own, self._against.across_machines)

    # -- the saved baseline -------------------------------------------------------------------------------------------

    def _save(self, complete: Sequence[Finished], code: ExitCode) -> ExitCode:
        """Save the runs as a baseline if all passed; else print why not. Return the exit code."""
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
            place = save_baseline(self._against.save, summaries[0].run.scenario, summaries, now())
            print(f"Baseline  {place} ({len(summaries)} run{'' if len(summaries) == 1 else 's'})")
            return ExitCode.PASSED
        print(f"no baseline was saved: {why}", file=sys.stderr)
        return ExitCode.INCONCLUSIVE


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
