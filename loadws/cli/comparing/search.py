"""``loadws search``: the largest number of users, or rate of arrivals, at which the rules hold.

Each level is printed when it has been measured, and kept as a folder at once; the whole search is ``search.json`` and
``search.html`` beside them, also where it was interrupted.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import msgspec

from loadws.cli.comparing.kept import KeptSlices, kept_slices
from loadws.cli.comparing.rules import rules_from, with_rules
from loadws.cli.comparing.slices import Bench, Slice, in_loop, load_side, open_benches, processes_of
from loadws.cli.masked import masked_errors
from loadws.cli.options import RunOptions
from loadws.cli.places import clear_place, refuse_inputs, write_place
from loadws.cli.progress import Progress
from loadws.cli.running.ci import tell
from loadws.fleet.machine.preflight import look_at_machine
from loadws.fleet.signals import Signals
from loadws.gate.applied import was_short_of
from loadws.gate.check import observe
from loadws.gate.comparing.absolute import judge_thresholds
from loadws.gate.comparing.capacity import Level, largest, next_load
from loadws.metrics.summary import Summary
from loadws.report.comparing.search import Search, answer, level_text, load_text, search_page
from loadws.report.pipelines.compared import result_of_words
from loadws.report.pipelines.services import Ci
from loadws.scenario.build import Loaded
from loadws.scenario.overrides import Overrides
from loadws.terms.comparisons import is_comparison
from loadws.terms.errors import ExitCode, TargetError, UsageError, interruption
from loadws.terms.thresholds import Threshold

RECORD, PAGE = "search.json", "search.html"
_MOST_LEVELS = 60
_OUTCOMES = {ExitCode.PASSED: "passed", ExitCode.FAILED: "failed", ExitCode.INCONCLUSIVE: "inconclusive"}


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """The options of ``loadws search``: what varies, between which loads, and the rules that must hold."""

    vary: Literal["users", "rate"]
    least: float
    most: float
    until: tuple[str, ...]
    settle_ns: int
    seed: int
    json: Path | None = None
    html: Path | None = None
    ci: Ci = Ci()  # noqa: RUF009  # it never changes


def search_command(run: RunOptions, options: SearchOptions) -> int:
    """Search, print and write; return 0 if a load was found and confirmed.

    Raises:
        UsageError: The bounds or the rules cannot be searched by.
    """
    if not 0 < options.least < options.most:
        raise UsageError("--from must be above 0 and below --to", "write for example --from 10 --to 1000")
    run = with_rules(replace(run, overrides=_overrides(run.overrides, options)), _thresholds(options.until))
    loaded = load_side(run)
    run = replace(run, processes=_processes(run, options))
    with masked_errors(loaded.masker):
        rules = rules_from(options.until, loaded.own_metrics, Path("--until"))
        if rules.comparisons:
            raise UsageError(
                f"--until {rules.comparisons[0].rule!r} compares with a baseline",
                "write a limit: response_time.p99 < 200ms",
            )
        thresholds = rules.thresholds or loaded.thresholds
        if not thresholds:
            raise UsageError("there is no rule to search by", "write --until 'response_time.p99 < 200ms'")
        refuse_inputs((("--json", options.json), ("--html", options.html)), run.scenario)
        clear_place("--json", options.json)
        clear_place("--html", options.html)
        scenario = loaded.scenario.name or loaded.path.stem
        with Signals() as signals, kept_slices(run.out, scenario, "search") as kept:
            return _Search(loaded, run, options, tuple(thresholds), signals, kept).run()


def _overrides(given: Overrides, options: SearchOptions) -> Overrides:
    """Return what the search changes in each level, with the options that errors are to name."""
    words = {"--rule": "--until", "--users": "--vary users", "--rate": "--vary rate"}
    return replace(given, settle_ns=options.settle_ns, said_as=words)


def _with_load(given: Overrides, vary: str, load: float) -> Overrides:
    return replace(given, users=round(load)) if vary == "users" else replace(given, rate=load)


def _processes(run: RunOptions, options: SearchOptions) -> int:
    """Return how many processes make every level: as many as the level needs that needs most.

    The load of the file says nothing of that. Each level that doubles is looked at, because the last may be too large for
    this machine in any number of processes. Raises ``UsageError`` where the scenario's load cannot be varied so.
    """
    machine, load, found = look_at_machine(), options.least, 1
    while load < 2 * options.most:
        level = load_side(replace(run, overrides=_with_load(run.overrides, options.vary, min(load, options.most))))
        found = max(found, processes_of(level, run, machine))
        load *= 2
    return found


def _thresholds(until: Sequence[str]) -> list[str]:
    """Return the rules that the scenario's checks are to see; changes are refused afterwards, with a reason of their own."""
    return [text for text in until if not is_comparison(text)]


class _Search:
    """One search, level by level."""

    def __init__(
        self,
        loaded: Loaded,
        run: RunOptions,
        options: SearchOptions,
        rules: tuple[Threshold, ...],
        signals: Signals,
        kept: KeptSlices,
    ) -> None:
        self._loaded = loaded
        self._run = run
        self._options = options
        self._rules = rules
        self._signals = signals
        self._kept = kept
        self._levels: list[Level] = []
        self._progress = Progress("levels", None, is_long=True)

    def run(self) -> int:
        """Search, print and write; return the exit code."""
        with self._progress:
            in_loop(self._search)
        options, found = self._options, largest(self._levels)
        scenario = self._loaded.scenario.name or self._loaded.path.stem
        heard = self._signals.heard[0] if self._signals.heard else ""
        search = Search(scenario, options.vary, options.most, self._rules, self._levels, found, heard)
        said = answer(search)
        print(said)
        code = self._code(found)
        outcome = _OUTCOMES.get(code, "interrupted")
        result = {**_record(search, self._levels, said), "outcome": outcome, "exit_code": int(code)}
        record, page = msgspec.json.encode(result), search_page(search)
        for place, content in ((options.json, record), (options.html, page)):
            write_place(place, content)
        if self._kept.count:
            write_place(self._kept.path / RECORD, record)
            write_place(self._kept.path / PAGE, page)
            print(f"Search  {self._kept.path / PAGE}")
        title = f"{scenario}: search by {options.vary}"
        tell(options.ci, result_of_words(title, code, outcome, [said]))
        return int(code)

    def _code(self, found: float | None) -> ExitCode:
        if self._signals.heard:
            return interruption(self._signals.heard[0])
        if any(level.held == "limit" for level in self._levels):
            return ExitCode.INCONCLUSIVE
        if found is not None:
            return ExitCode.PASSED
        is_broken = any(level.held == "failed" for level in self._levels)
        return ExitCode.FAILED if is_broken else ExitCode.INCONCLUSIVE

    async def _search(self) -> None:
        options = self._options
        count = self._run.processes or 1
        self._progress.say(f"all levels run in {'this one process' if count == 1 else f'the same {count} processes'}")
        async with open_benches([(self._loaded, self._run)], self._signals, self._progress.say) as [bench]:
            while len(self._levels) < _MOST_LEVELS and not self._signals.heard:
                load = next_load(self._levels, options.least, options.most, options.vary == "users")
                if load is None:
                    return
                await self._try(bench, load)

    async def _try(self, bench: Bench, load: float) -> None:
        vary, seed = self._options.vary, self._options.seed + len(self._levels)
        text = load_text(vary, load)
        self._progress.advance(0, f"trying {text}")
        try:
            done = await self._slice(bench, seed, load)
        except UsageError as error:  # this machine cannot hold the load
            if not self._levels:
                raise
            self._end_level(Level(load, "limit", f"{error}; {error.advice}", (None,) * len(self._rules)))
            return
        self._kept.add(f"{load:g}-{vary}", done)
        if done.was_interrupted:
            return
        if not self._levels and done.summary.verdict.outcome == "unreachable":
            raise TargetError(done.summary.verdict.reasons[0])
        self._end_level(_judged(load, done.summary, self._rules))

    async def _slice(self, bench: Bench, seed: int, load: float) -> Slice:
        """Run the level. Raises ``UsageError`` where this machine cannot hold it."""
        if self._options.vary == "users":
            return await bench.slice(seed, self._signals, self._progress.say, users=round(load))
        return await bench.slice(seed, self._signals, self._progress.say, rate=load)

    def _end_level(self, level: Level) -> None:
        self._levels.append(level)
        self._progress.say(level_text(self._options.vary, level), to=sys.stdout)
        self._progress.advance()


def _judged(load: float, summary: Summary, rules: tuple[Threshold, ...]) -> Level:
    """Return the level: it holds where the run passed and every rule is certainly kept.

    A load that loadws itself could not make tells nothing about the server. One that was not applied for another reason
    (earlier users left no room for arrivals, for example) did not hold; nor did one of which half or more failed.
    """
    verdict = summary.verdict
    values = tuple(observe(summary.metrics, rule).value for rule in rules)
    if verdict.outcome != "passed":
        is_ours = verdict.outcome == "invalid" or (verdict.outcome == "inconclusive" and was_short_of(summary))
        why = verdict.reasons[0] if verdict.reasons else verdict.outcome
        return Level(load, "limit" if is_ours else "failed", why, values)
    checks = judge_thresholds(rules, [summary])
    broken = [check for check in checks if check.outcome != "passed"]
    why = "; ".join(check.sentence for check in broken or checks)
    if not broken:
        return Level(load, "held", why, values)
    is_open = all(check.outcome == "too_close" for check in broken)
    return Level(load, "unsure" if is_open else "failed", why, values)


def _record(search: Search, levels: Sequence[Level], said: str) -> dict[str, object]:
    rules = [
        {
            "rule": rule.rule,
            "metric": rule.metric,
            "aggregate": rule.aggregate,
            "op": rule.op,
            "limit": rule.value,
            "unit": rule.unit,
        }
        for rule in search.rules
    ]
    return {
        "scenario": search.scenario,
        "vary": search.vary,
        "found": search.found,
        "answer": said,
        "interrupted": search.signal or None,
        "rules": rules,
        "levels": [level._asdict() for level in levels],
    }
