"""``loadws search``: the largest number of users, or rate of arrivals, at which the rules hold."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import msgspec

from loadws.cli.comparing.rules import rules_from
from loadws.cli.comparing.slices import Bench, in_loop, load_side, open_benches
from loadws.cli.masked import masked_errors
from loadws.cli.options import RunOptions
from loadws.cli.places import clear_place, refuse_inputs, write_place
from loadws.cli.progress import Progress
from loadws.cli.running.ci import tell
from loadws.fleet.signals import Signals
from loadws.gate.applied import was_short_of
from loadws.gate.comparing.absolute import judge_thresholds
from loadws.gate.comparing.capacity import Level, largest, next_load
from loadws.metrics.summary import Summary
from loadws.report.comparing.search import search_page, search_text
from loadws.report.pipelines.compared import result_of_words
from loadws.report.pipelines.services import Ci
from loadws.scenario.build import Loaded
from loadws.terms.errors import ExitCode, UsageError, interruption
from loadws.terms.thresholds import Threshold

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
    run = replace(run, overrides=replace(run.overrides, settle_ns=options.settle_ns))
    loaded = load_side(run)
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
        with Signals() as signals:
            return _Search(loaded, run, options, tuple(thresholds), signals).run()


class _Search:
    """One search, level by level."""

    def __init__(
        self, loaded: Loaded, run: RunOptions, options: SearchOptions, rules: tuple[Threshold, ...], signals: Signals
    ) -> None:
        self._loaded = loaded
        self._run = run
        self._options = options
        self._rules = rules
        self._signals = signals
        self._levels: list[Level] = []
        self._progress = Progress("levels", None, is_long=True)

    def run(self) -> int:
        """Search, print and write; return the exit code."""
        with self._progress:
            in_loop(self._search)
        options, found = self._options, largest(self._levels)
        rules = [rule.rule for rule in self._rules]
        text = search_text(options.vary, rules, self._levels, found, options.most, self._signals.heard)
        print(text)
        record = {"vary": options.vary, "found": found, "levels": _rows(self._levels)}
        write_place(options.json, msgspec.json.encode(record))
        write_place(options.html, search_page(options.vary, rules, self._levels, found))
        code = self._code(found)
        title = f"{self._loaded.scenario.name or self._loaded.path.stem}: search by {options.vary}"
        tell(options.ci, result_of_words(title, code, _OUTCOMES.get(code, "interrupted"), text.splitlines()[-1:]))
        return int(code)

    def _code(self, found: float | None) -> ExitCode:
        if self._signals.heard:
            return interruption(self._signals.heard[0])
        if any(level.held == "limit" for level in self._levels):
            return ExitCode.INCONCLUSIVE
        return ExitCode.FAILED if found is None else ExitCode.PASSED

    async def _search(self) -> None:
        options = self._options
        async with open_benches([(self._loaded, self._run)], self._signals, self._progress.say) as [bench]:
            while len(self._levels) < _MOST_LEVELS and not self._signals.heard:
                load = next_load(self._levels, options.least, options.most, options.vary == "users")
                if load is None:
                    return
                await self._try(bench, load)

    async def _try(self, bench: Bench, load: float) -> None:
        seed = self._options.seed + len(self._levels)
        unit = "users" if self._options.vary == "users" else "arrivals per second"
        self._progress.advance(0, f"trying {load:g} {unit}")
        if self._options.vary == "users":
            done = await bench.slice(seed, self._signals, self._progress.say, users=round(load))
        else:
            done = await bench.slice(seed, self._signals, self._progress.say, rate=load)
        if done.was_interrupted:
            return
        level = _judged(load, done.summary, self._rules)
        self._levels.append(level)
        self._progress.say(f"{load:g} {unit}: {level.held} ({level.why})")
        self._progress.advance()


def _judged(load: float, summary: Summary, rules: tuple[Threshold, ...]) -> Level:
    """Return the level: it holds where the run passed and every rule is certainly kept.

    A load that loadws itself could not make tells nothing about the server. One that was not applied for another reason
    (earlier users left no room for arrivals, for example) did not hold; nor did one of which half or more failed.
    """
    verdict = summary.verdict
    if verdict.outcome != "passed":
        is_ours = verdict.outcome == "invalid" or (verdict.outcome == "inconclusive" and was_short_of(summary))
        return Level(load, "limit" if is_ours else "failed", verdict.reasons[0] if verdict.reasons else verdict.outcome)
    checks = judge_thresholds(rules, [summary])
    broken = [check.sentence for check in checks if check.outcome != "passed"]
    return Level(load, "failed" if broken else "held", "; ".join(broken or [check.sentence for check in checks]))


def _rows(levels: list[Level]) -> list[dict[str, object]]:
    return [level._asdict() for level in levels]
