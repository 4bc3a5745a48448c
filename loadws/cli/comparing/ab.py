"""``loadws ab``: two sides by turns, in short slices, and their comparison in pairs.

The course: a pilot of each side tells how long a slice has to be; the total time is printed; pairs are run until the
comparison is decided (``gate.comparing.compare.next_step``), the budget is spent, or the user stops it. The pairs so
far are then judged and kept: every slice is a folder, and the comparison is ``comparison.json``.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from loadws.cli.comparing.compare import now
from loadws.cli.comparing.comparison_files import write_comparison_page
from loadws.cli.comparing.kept import KeptSlices, kept_slices
from loadws.cli.comparing.pilot import needs_of, out_of_reach, slice_length_ns
from loadws.cli.comparing.rules import rules_from, with_rules
from loadws.cli.comparing.slices import Bench, Slice, in_loop, load_side, now_s, open_benches
from loadws.cli.masked import masked_errors
from loadws.cli.options import RunOptions
from loadws.cli.places import clear_place, refuse_inputs, refuse_same, write_place
from loadws.cli.progress import Progress
from loadws.cli.running.ci import tell
from loadws.fleet.signals import Signals
from loadws.gate.comparing.compare import least_of
from loadws.gate.comparing.measured import measure
from loadws.gate.comparing.order import Letter, orders
from loadws.gate.comparing.pairs import PairSet, conclude_slices, next_pairs
from loadws.gate.comparing.reach import pairs_lacking
from loadws.gate.comparing.rules import RuleSet
from loadws.gate.comparing.verdict import Finding
from loadws.gate.statistics.sequential import Design
from loadws.metrics import comparison
from loadws.metrics.comparison import ComparisonRecord
from loadws.metrics.summary import Summary
from loadws.report.comparing.comparison import render_comparison
from loadws.report.pipelines.compared import result_of_comparison
from loadws.report.pipelines.services import Ci
from loadws.report.terminal.own_console import OwnConsole
from loadws.scenario.build import Loaded
from loadws.terms.comparisons import default_rules
from loadws.terms.errors import ExitCode, LoadwsError, interruption
from loadws.terms.metrics import TABLE
from loadws.terms.units import NS_PER_S, format_duration

PILOT_NS = 2 * NS_PER_S
#: How often a pair is run again that is not usable, because loadws stood still or the load was not applied.
MOST_REPEATS = 6
COMPARISON, PAGE = "comparison.json", "comparison.html"
_SAME = "both sides are the same, so that this measures nothing but the noise of this machine"
_UNFIT = ("invalid", "inconclusive", "unreachable")


@dataclass(frozen=True, slots=True)
class AbOptions:
    """The options of ``loadws ab`` besides its two sides. Times in nanoseconds; ``budget_ns`` None: no limit."""

    rules: tuple[str, ...] = ()
    slices: int = 12
    longest_ns: int = 10 * NS_PER_S
    settle_ns: int = NS_PER_S
    budget_ns: int | None = None
    seed: int = 0
    json: Path | None = None
    html: Path | None = None
    ci: Ci = Ci()  # noqa: RUF009  # it never changes


class SideError(LoadwsError):
    """A side for which no slice can be run."""

    exit_code = ExitCode.UNREACHABLE


class Side(NamedTuple):
    """One side: its name, and its run."""

    letter: Letter
    name: str
    loaded: Loaded
    options: RunOptions


def ab_command(a: RunOptions, b: RunOptions, names: tuple[str, str], options: AbOptions) -> int:
    """Run the slices, print and write the comparison; return its exit code. Raises ``LoadwsError``."""
    settled = [
        with_rules(replace(each, overrides=replace(each.overrides, settle_ns=options.settle_ns)), options.rules)
        for each in (a, b)
    ]
    loaded = [load_side(each) for each in settled]
    with masked_errors(loaded[0].masker), masked_errors(loaded[1].masker):
        own = {**loaded[0].own_metrics, **loaded[1].own_metrics}
        texts = options.rules or loaded[0].scenario.compare
        rules = rules_from(texts, own) if texts else RuleSet()
        shown = [
            loaded[0].masker.text(loaded[1].masker.text(name)) for name in names
        ]  # a side may differ by a password
        sides = [
            Side("A", shown[0], loaded[0], settled[0]),
            Side("B", shown[1], loaded[1], settled[1]),
        ]
        if _are_same(*sides):
            print(f"warning: {_SAME}", file=sys.stderr)
        places = [("--json", options.json), ("--html", options.html)]
        for side in (a, b):
            refuse_inputs(places, side.scenario)
        refuse_same(places)
        for option, place in places:
            clear_place(option, place)
        scenario = loaded[0].scenario.name or loaded[0].path.stem
        with Signals() as signals, kept_slices(a.out, scenario, "ab") as kept:
            return _Ab(sides, rules, options, signals, kept).run()


@dataclass(slots=True)
class _Pairs:
    """The two sets of pairs, and the reasons why pairs had to be run again."""

    first: PairSet = field(default_factory=PairSet)
    second: PairSet = field(default_factory=PairSet)
    repeated: list[str] = field(default_factory=list)


class _Ab:
    """One comparison, from its pilots to its record."""

    def __init__(
        self, sides: Sequence[Side], rules: RuleSet, options: AbOptions, signals: Signals, kept: KeptSlices
    ) -> None:
        self._sides = sides
        self._rules = rules
        self._options = options
        self._signals = signals
        self._design = Design(pairs=options.slices, early=min(8, options.slices))
        self._orders = orders(options.seed)
        self._benches: dict[Letter, Bench] = {}
        self._length_ns: int | None = None
        self._pair_s = 0.0
        self._pairs = _Pairs()
        self._seeds: Iterator[int] = iter(range(options.seed, options.seed + 10_000))
        self._scenario = sides[0].loaded.scenario.name or sides[0].loaded.path.stem
        self._kept = kept
        self._findings: list[Finding] = []
        self._began_s = 0.0
        self._progress = Progress("slices", None, is_long=True)

    def run(self) -> int:
        """Return the exit code of the comparison."""
        with self._progress:
            in_loop(self._run)
        record = self._record()
        render_comparison(record, OwnConsole())
        write_place(self._kept.path / COMPARISON, comparison.to_json(record))
        print(f"Comparison  {self._kept.path / COMPARISON}")
        write_place(self._options.json, comparison.to_json(record))
        self._write_page(record)
        tell(self._options.ci, result_of_comparison(record, self._kept.path))
        return record.exit_code

    def _write_page(self, record: ComparisonRecord) -> None:
        """Write the comparison as a page, with the slices of both sets of pairs."""
        first, second = self._pairs.first, self._pairs.second
        place = self._kept.path / PAGE
        write_comparison_page([place, self._options.html], record, [*first.a, *second.a], [*first.b, *second.b])
        if place.exists():
            print(f"Page        {place}")

    def _record(self) -> ComparisonRecord:
        own = {**self._sides[0].loaded.own_metrics, **self._sides[1].loaded.own_metrics}
        names = (f"A: {self._sides[0].name}", f"B: {self._sides[1].name}")
        return conclude_slices(
            self._scenario, now(), names, self._rules, self._pairs.first, self._pairs.second, self._design, own,
            self._findings,
        )  # fmt: skip

    # -- the course ---------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        sides = [(side.loaded, side.options) for side in self._sides]
        async with open_benches(sides, self._signals, self._say) as benches:
            self._benches = {side.letter: bench for side, bench in zip(self._sides, benches, strict=True)}
            self._began_s = now_s()
            if await self._pilot():
                await self._all_pairs()
        if self._signals.heard:
            done = len(self._pairs.first.a) + len(self._pairs.second.a)
            name = self._signals.heard[0]
            self._findings.append((interruption(name), f"Interrupted by {name} after {_whole_pairs(done)}."))

    async def _pilot(self) -> bool:
        """Run a first slice of each side; return whether there is something to compare.

        Raises:
            SideError: The target of a side cannot be reached.
        """
        pilots = []
        for side in self._sides:
            done = await self._slice(side.letter, next(self._seeds), min(PILOT_NS, self._options.longest_ns))
            if done.was_interrupted:
                return False
            if done.summary.verdict.outcome == "unreachable":
                raise SideError(f"side {side.letter} ({side.name}): {done.summary.verdict.reasons[0]}")
            pilots.append(done)
        self._choose_rules(pilots)
        self._choose_length(pilots)
        if not self._rules.comparisons:
            self._findings.append((ExitCode.INCONCLUSIVE, "The pilots of both sides have no value in common."))
        return bool(self._rules.comparisons)

    def _choose_rules(self, pilots: Sequence[Slice]) -> None:
        """Use the headlines where no comparison rule was given: those for which slices can have enough samples."""
        if self._rules.comparisons:
            return
        runs = [done.summary for done in pilots]
        wanted = default_rules(set(TABLE))
        there = [
            rule for rule in wanted if rule.judges_share or all(need.seconds < 1e9 for need in needs_of([rule], runs))
        ]
        there = [rule for rule in there if not rule.judges_share or all(measure(run.metrics, rule) for run in runs)]
        longest_ns, how = self._longest_ns(runs), self._how_longer()
        missed = [need.rule for need in out_of_reach(needs_of(there, runs), longest_ns)]
        for rule in missed:
            lasting = format_duration(longest_ns)
            self._say(f"{rule.selection} is not compared: slices of {lasting} have too few samples ({how})")
        self._rules = RuleSet(tuple(rule for rule in there if rule not in missed), self._rules.thresholds)

    def _choose_length(self, pilots: Sequence[Slice]) -> None:
        """Fix the length of slices, and print how long everything will last at most."""
        needs = needs_of(self._rules.comparisons, [done.summary for done in pilots])
        if self._has_one_phase():
            self._length_ns = slice_length_ns(needs, self._options.longest_ns)
            pilot_ns = min(PILOT_NS, self._options.longest_ns)
            longer_s = (self._length_ns - pilot_ns) / NS_PER_S
        else:
            longer_s = 0.0
        lasts_ns = self._length_ns or self._longest_ns([done.summary for done in pilots])
        for need in out_of_reach(needs, lasts_ns):
            wanted = format_duration(need.seconds * NS_PER_S)
            self._say(
                f"warning: {need.rule.selection} needs slices of {wanted} for its samples, and they last "
                f"{format_duration(lasts_ns)} ({self._how_longer()})"
            )
        self._pair_s = sum(done.wall_s + longer_s for done in pilots)
        if lacking := pairs_lacking(self._design.pairs, self._rules.comparisons):
            self._say(f"warning: {lacking}")
        self._warn_of_budget()
        whole = format_duration(self._pair_s * self._design.pairs * NS_PER_S)
        twice = format_duration(self._pair_s * self._design.pairs * 2 * NS_PER_S)
        lasting = "" if self._length_ns is None else f" of {format_duration(self._length_ns)}"
        self._say(
            f"{self._design.pairs} slices a side{lasting}: {whole} in all, less where both are clearly equal, "
            f"{twice} where a failure has to be confirmed{self._budget_text()}"
        )
        self._say(self._processes_text(pilots[0]))

    def _warn_of_budget(self) -> None:
        """Say where the budget has room for too few pairs to decide anything."""
        if self._options.budget_ns is None or not self._pair_s:
            return
        spent_s = now_s() - self._began_s
        room = max(0, int((self._options.budget_ns / NS_PER_S - spent_s) / self._pair_s))
        if room < self._design.pairs and pairs_lacking(room, self._rules.comparisons):
            least = least_of("pairs", self._design.alpha)
            enough = format_duration(math.ceil(spent_s + least * self._pair_s) * NS_PER_S)
            self._say(
                f"warning: the budget has room for {_whole_pairs(room)}, and to find both sides equal takes {least}, "
                f"which need about {enough}"
            )

    def _budget_text(self) -> str:
        budget = self._options.budget_ns
        return "" if budget is None else f"; at most {format_duration(budget)} (--budget)"

    def _processes_text(self, pilot: Slice) -> str:
        count = pilot.info.processes
        return f"all slices run in {'this one process' if count == 1 else f'the same {count} processes'}"

    def _has_one_phase(self) -> bool:
        return all(_has_one_timed_phase(side.loaded) for side in self._sides)

    def _longest_ns(self, pilots: Sequence[Summary]) -> int:
        """Return the longest that a slice is judged, in nanoseconds: as long as the pilots, where it is a whole load."""
        if self._has_one_phase():
            return self._options.longest_ns
        return round(min(pilot.run.judged_s for pilot in pilots) * NS_PER_S)

    def _how_longer(self) -> str:
        return "--slice" if self._has_one_phase() else "a slice is the scenario's whole load: lengthen its phases"

    async def _all_pairs(self) -> None:
        while True:
            step = next_pairs(self._rules, self._pairs.first, self._pairs.second, self._design)
            if step.stage == "done":
                return
            into = self._pairs.first if step.stage == "first" else self._pairs.second
            pairs = self._design.pairs * (1 if step.stage == "first" else 2)
            self._progress.total = 2 * pairs + len(self._sides)  # with the pilots
            for _ in range(step.pairs):
                if not await self._pair(into, step.stage):
                    return

    async def _pair(self, into: PairSet, stage: str) -> bool:
        """Run a pair, again where it is not usable; return whether the comparison may go on."""
        for order in self._orders:
            if self._signals.heard or not self._may_begin():
                return False
            seed = next(self._seeds)
            done: dict[Letter, Slice] = {}
            for letter in order:
                done[letter] = await self._slice(letter, seed, self._length_ns)
                if done[letter].was_interrupted:
                    return False
            why = _no_sample(done)
            if finding := _failed(done):
                self._findings.append(finding)
                return False
            if not why:
                into.add(done["A"].summary, done["B"].summary)
                self._say(f"{stage} set, pair {len(into.a)} of {self._design.pairs}")
                return True
            self._pairs.repeated.append(why)
            self._say(f"a pair is run again: {why}")
            if len(self._pairs.repeated) > MOST_REPEATS:
                self._findings.append(
                    (ExitCode.INVALID, f"More than {MOST_REPEATS} pairs were no samples; the last: {why}")
                )
                return False
        return False

    def _may_begin(self) -> bool:
        """Return whether a pair fits into the budget; note it where it does not."""
        budget = self._options.budget_ns
        if budget is None or now_s() - self._began_s + self._pair_s <= budget / NS_PER_S:
            return True
        self._findings.append(
            (ExitCode.PASSED, f"The budget of {format_duration(budget)} was spent; what was undecided is inconclusive.")
        )
        return False

    async def _slice(self, letter: Letter, seed: int, length_ns: int | None) -> Slice:
        length_ns = length_ns if self._has_one_phase() else None
        done = await self._benches[letter].slice(seed, self._signals, self._say, length_ns)
        self._kept.add(letter.lower(), done)
        self._progress.advance(note=f"side {letter} was the last")
        return done

    def _say(self, text: str) -> None:
        self._progress.say(text)


def _whole_pairs(count: int) -> str:
    return f"{count} whole pair{'' if count == 1 else 's'}"


def _are_same(a: Side, b: Side) -> bool:
    """Return whether both sides make the same load of the same target."""
    return a.loaded.scenario == b.loaded.scenario and a.options.transport == b.options.transport


def _has_one_timed_phase(loaded: Loaded) -> bool:
    judged = [phase for phase in loaded.scenario.load if not phase.warmup]
    return len(judged) == 1 and judged[0].for_ is not None


def _failed(done: dict[Letter, Slice]) -> Finding | None:
    """Return the finding that ends the comparison: half or more of a side failed, whatever its latencies are."""
    for letter, code in (("A", ExitCode.INCONCLUSIVE), ("B", ExitCode.FAILED)):
        verdict = done[letter].summary.verdict  # type: ignore[index]
        if verdict.outcome == "failed":
            return code, f"Side {letter}: {verdict.reasons[0]}"
    return None


def _no_sample(done: dict[Letter, Slice]) -> str:
    """Return why one of a pair's slices is not usable; empty where both are."""
    for letter, each in done.items():
        verdict = each.summary.verdict
        if verdict.outcome in _UNFIT:
            return f"side {letter}: {verdict.reasons[0] if verdict.reasons else verdict.outcome}"
    return ""
