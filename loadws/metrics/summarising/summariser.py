"""Make a ``Summary`` of frames: the only way to make one, live, of many processes, or of a killed run's folder.

The order in which the processes' frames come does not matter. Memory grows with the numbers of metrics, steps, phases
and processes, and not with time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from loadws.metrics.frame import Frame
from loadws.metrics.histograms.histogram import LatencyHistogram
from loadws.metrics.ledger import Ledger
from loadws.metrics.live import LiveView
from loadws.metrics.runinfo import Ending, MachineInfo, RunInfo, excused_processes
from loadws.metrics.summarising.accumulator import supported_percentiles
from loadws.metrics.summarising.delivery import Deliveries
from loadws.metrics.summarising.generator import HELD_UP, Demands, ProcessWatch, assess
from loadws.metrics.summarising.recent import RECENT_S, Recent, RecentFrame, answers_of, generator_now, spread_of
from loadws.metrics.summarising.rough import RoughRule, RoughRules
from loadws.metrics.summarising.timeline import GAUGES, Timeline
from loadws.metrics.summarising.totals import Totals
from loadws.metrics.summarising.windows import Windows
from loadws.metrics.summary import (
    SCHEMA_VERSION,
    Applied,
    ErrorCount,
    Generator,
    MetricEntry,
    PhaseSpan,
    Run,
    Summary,
    Verdict,
)
from loadws.terms.errors import ExitCode
from loadws.terms.metrics import TABLE
from loadws.terms.thresholds import Threshold, parse_threshold

_COUNTERS_A_SLICE = 50

_KILLED = "The run was killed: its last second is missing, and what was under way is counted as cut off."
NOT_JUDGED = Verdict("inconclusive", ExitCode.INCONCLUSIVE.value, reasons=("This run is not judged yet.",))


class Summariser:
    """The sum of all frames so far, which can be read at any time."""

    def __init__(self, info: RunInfo) -> None:
        self._info = info
        self._own = info.own()
        self._warmups = {phase.name: phase.warmup for phase in info.phases}
        self._judged = {name for name, warmup in self._warmups.items() if not warmup}
        self._totals = Totals(self._own)
        self._timeline = Timeline()
        self._thresholds = [parse_threshold(rule.rule, self._own) for rule in info.rules]
        self._windows = Windows(self._thresholds, self._judged)
        self._rough = RoughRules(self._thresholds, [*TABLE.values(), *self._own.values()], self._judged)
        phases = tuple(phase.name for phase in info.phases)
        self._deliveries = Deliveries(info.probes, phases, info.process_numbers, self._timeline)
        for zero in self._deliveries.zeros():
            self._totals.add_counter(zero)
        self._processes = {number: ProcessWatch(number) for number in info.process_numbers}
        self._newest: dict[int, Frame] = {}
        self._recent = Recent()
        self._begun: dict[int, float] = {0: 0.0}  # phase -> s; the recorder takes the first as begun, too
        self._end_s = 0.0
        self._examples: dict[tuple[str, str], tuple[float, str]] = {}

    def add(self, frame: Frame) -> None:
        """Add one second of one process. Raises ``HistogramError`` where it cannot be added."""
        for _ in self.adding(frame):
            pass

    def adding(self, frame: Frame) -> Iterator[None]:
        """Add in slices of about 0.1 ms, for a caller whose load must not wait; run this to its end."""
        self._note(frame)
        recent = self._recent.note(frame, _bare(frame))
        yield from self._totals.beginning_phase(frame.phase)
        watch = self._processes.setdefault(frame.process, ProcessWatch(frame.process))
        watch.add(frame)
        for number, counter in enumerate(frame.counters, 1):
            self._totals.add_counter(counter)
            if number % _COUNTERS_A_SLICE == 0:
                yield
        yield from self._deliveries.adding(frame, self._totals)
        self._timeline.begin(frame)
        for part in frame.histograms:
            histogram = yield from LatencyHistogram.decoding(part)
            self._totals.add_histogram(part, histogram)
            yield from self._totals.tidying()
            self._timeline.add_histogram(part, histogram)
            self._windows.add(frame, part, histogram)
            if part.labels.get("phase") in self._judged:
                watch.add_lag(part.name, histogram)
            yield
            takers: list[LatencyHistogram | RoughRule] = [*recent.takers(part), *self._rough.covering(part)]
            if takers:
                rough = histogram.rough()
                for taker in takers:
                    taker.add(rough)
                yield
        yield from self._timeline.tidying()

    def entries(self, names: Collection[str] | None = None) -> tuple[MetricEntry, ...]:
        """Return entries for the judged time, then for each phase that began (labelled ``phase``); of some metrics, or
        of all.
        """
        spans = self._spans(None)
        return tuple(self._entries(spans, names))

    def entries_for(self, threshold: Threshold) -> tuple[MetricEntry, ...]:
        """Return the entries that one threshold needs, in about a millisecond: for rules that are evaluated during the
        run.
        """
        having = {label: value for label, value in threshold.labels.items() if label != "phase"}
        phase = threshold.labels.get("phase")
        spans = [span for span in self._spans(None) if phase is None or span.name == phase]
        if phase is None:
            return tuple(self._scope(self._judged, _judged_s(spans), {threshold.metric}, having))
        seconds = sum(span.end_s - span.start_s for span in spans)
        return tuple(self._scope({phase}, seconds, {threshold.metric}, having, phase=phase))

    def rough_entries_for(self, threshold: Threshold) -> tuple[MetricEntry, ...]:
        """Return the same with times within 1.6 %, in a tenth of the time: for those that look at the run every second."""
        if (rule := self._rough.of(threshold)) is None:
            return self.entries_for(threshold)
        phase = threshold.labels.get("phase")
        spans = self._spans(None)
        if phase is None:
            return rule.entries(_judged_s(spans))
        return rule.entries(sum(span.end_s - span.start_s for span in spans if span.name == phase))

    def summary(self, ending: Ending | None, verdict: Verdict = NOT_JUDGED) -> Summary:
        """Return the summary. ``ending`` None: the run was killed before it could report its end, and lasted until its
        last frame.
        """
        spans = self._spans(ending)
        for _ in self._deliveries.settling_all(self._totals):
            pass
        generator = self._generator(ending)
        ledger = self._ledger_at_the_end()
        return Summary(
            schema_version=SCHEMA_VERSION,
            run=self._run(ending, spans),
            verdict=verdict,
            ledger=ledger,
            metrics=tuple(self._entries(spans)),
            series=self._timeline.series(),
            generator=generator,
            errors=self._errors(),
            applied=self._applied(ledger, generator),
            windows=self._windows.counted(),
        )

    def keep_machines(self, machines: tuple[MachineInfo, ...]) -> None:
        """Keep what became known about the machines during the load."""
        self._info = msgspec.structs.replace(self._info, machines=machines)

    def live(self, seconds: int = 5) -> LiveView:
        """Return the run at this moment; rates and percentiles are of the last ``seconds``, at most ``RECENT_S``.

        Times are within 1.6 %. It needs one or two milliseconds.
        """
        recent = self._recent.last(seconds)
        newest = max(self._newest.values(), key=lambda frame: frame.start_s, default=None)
        answers = answers_of(recent)
        p50, p99 = supported_percentiles(answers, (50, 99))
        return LiveView(
            at_s=self._end_s,
            phase=newest.phase if newest else "",
            warmup=newest.warmup if newest else False,
            users=sum(frame.gauges.users for frame in self._present()),
            open_connections=sum(frame.gauges.open_connections for frame in self._present()),
            sent_per_s=_per_s(recent, sum(each.sent for each in recent)),
            received_per_s=_per_s(recent, sum(each.received for each in recent)),
            response_p50_ns=p50,
            response_p99_ns=p99,
            response_max_ns=answers.max if answers.count else None,
            errors=sum(self._totals.counts_of("errors").values()),
            ledger=self._ledger(),
            recent_s=_seconds_of(recent),
            spread=spread_of(answers),
            seconds=self._recent.seconds(),
            begun=tuple((self._info.phases[index].name, at_s) for index, at_s in sorted(self._begun.items())),
            kinds=self._errors(),
            generator=generator_now(recent),
        )

    def _note(self, frame: Frame) -> None:
        """Keep what is not a metric: the last frame of each process, the phases that began, examples of errors."""
        before = self._newest.get(frame.process)
        if before is None or frame.index >= before.index:
            self._newest[frame.process] = _bare(frame)
        self._end_s = max(self._end_s, frame.start_s + frame.duration_s)
        for index, at_s in frame.phases:
            self._begun[index] = min(at_s, self._begun.get(index, at_s))
        for error in frame.errors:
            seen = (error.at_s, error.detail)
            self._examples[error.kind, error.step] = min(seen, self._examples.get((error.kind, error.step), seen))

    def _spans(self, ending: Ending | None) -> tuple[PhaseSpan, ...]:
        """Return the phases' spans by the ending, or without one by the frames."""
        if ending and ending.phases:
            return tuple(PhaseSpan(name, start, end, self._warmups[name]) for name, start, end in ending.phases)
        begun = [(self._info.phases[index], at_s) for index, at_s in sorted(self._begun.items())]
        ends = [at_s for _, at_s in begun[1:]] + [self._end_s]
        return tuple(
            PhaseSpan(phase.name, at_s, end_s, phase.warmup) for (phase, at_s), end_s in zip(begun, ends, strict=True)
        )

    def _run(self, ending: Ending | None, spans: tuple[PhaseSpan, ...]) -> Run:
        info = self._info
        return Run(
            scenario=info.scenario,
            started_at=info.started_at,
            duration_s=ending.ended_at_s if ending else self._end_s,
            judged_s=_judged_s(spans),
            seed=info.seed,
            transport=info.transport,
            processes=info.processes,
            loadws_version=info.loadws_version,
            model=info.model,
            target=info.target,
            phases=spans,
            interrupted=ending.interrupted if ending else "killed",
            notes=(*info.notes, *self._notes(ending)),
            stamps=info.stamps,
            means=info.means,
            machine_name=info.machine_name,
            plan_hash=info.plan_hash,
            canary_ns=info.canary_ns,
            share=info.share.name if info.share else "",
            clock_bound_ns=info.clock_bound_ns,
        )

    def _notes(self, ending: Ending | None) -> tuple[str, ...]:
        imbalances = self._ledger_at_the_end().imbalances()
        wrong = tuple(f"The ledger does not add up: {imbalance}." for imbalance in imbalances)
        return (*ending.notes, *wrong) if ending else (_KILLED, *wrong)

    def _ledger(self) -> Ledger:
        """Return the sum of the newest ledgers of all processes; the expected arrivals come from the plan."""
        return self._added_up(frame.ledger for frame in self._newest.values())

    def _ledger_at_the_end(self) -> Ledger:
        """Return the ledger, in which everything under way in processes without a last frame is counted as cut off."""
        return self._added_up(_closed(frame) for frame in self._newest.values())

    def _added_up(self, ledgers: Iterable[Ledger]) -> Ledger:
        whole = Ledger()
        for ledger in ledgers:
            whole.add(ledger)
        whole.arrivals.expected = self._info.expected_arrivals
        return whole

    def _present(self) -> list[Frame]:
        """Return the newest frames of the processes that have reported lately."""
        since_s = self._end_s - RECENT_S
        return [frame for frame in self._newest.values() if frame.start_s + frame.duration_s > since_s]

    def _entries(self, spans: tuple[PhaseSpan, ...], names: Collection[str] | None = None) -> Iterator[MetricEntry]:
        yield from self._scope(self._judged, _judged_s(spans), names)
        for span in spans:
            yield from self._scope({span.name}, span.end_s - span.start_s, names, phase=span.name)

    def _scope(
        self,
        phases: set[str],
        seconds: float,
        names: Collection[str] | None,
        having: Mapping[str, str] | None = None,
        **labels: str,
    ) -> Iterator[MetricEntry]:
        yield from self._totals.entries(phases, seconds, names, having, **labels)
        yield from self._timeline.gauge_entries(phases, GAUGES if names is None else names, **labels)

    def _generator(self, ending: Ending | None) -> Generator:
        why = {lost.process: lost.why for lost in ending.lost} if ending else {}
        processes = [watch.health(why.get(number)) for number, watch in sorted(self._processes.items())]
        demands = Demands.of(self._thresholds, stamps=self._info.stamps, send_lag_limit_ns=self._info.send_lag_limit_ns)
        machines = {number: machine.name for machine in self._info.machines for number in machine.numbers}
        processes = [msgspec.structs.replace(health, machine=machines.get(health.process, "")) for health in processes]
        held_up_by: Counter[str] = Counter()
        for error in self._errors():
            if error.kind == HELD_UP and error.example:
                held_up_by[error.example] += error.count
        return assess(processes, demands, held_up_by, excused_processes(self._info, ending))

    def _applied(self, ledger: Ledger, generator: Generator) -> Applied:
        judged = self._totals.counts_of
        arrivals, dropped = (_whole(judged(name, self._judged)) for name in ("arrivals", "arrivals_dropped"))
        turns, skipped = (_whole(judged(name, self._judged)) for name in ("turns", "turns_skipped"))
        failures = _whole(judged("generator_failures", self._judged))
        connects = sum(n for key, n in judged("error_rate", self._judged).items() if ("kind", "connect") in key)
        stalled = max(generator.processes, key=lambda process: process.stalled_share, default=None)
        return Applied(
            arrivals_planned=arrivals,
            arrivals_started=arrivals - dropped,
            users_planned=ledger.users.planned,
            users_connected=ledger.users.connected,
            turns_due=turns,
            turns_kept=turns - skipped,
            attempts=connects + failures,
            generator_failures=failures,
            stalled_process=stalled.process if stalled else 0,
            stalled_share=stalled.stalled_share if stalled else 0.0,
            longest_stall_ns=max((process.stall_max_ns for process in generator.processes), default=0.0),
            turns_not_begun=_whole(judged("turns_not_begun", self._judged)),
        )

    def _errors(self) -> tuple[ErrorCount, ...]:
        judged = self._totals.counts_of("errors", self._judged)
        counted = [
            ErrorCount(
                kind := labels.get("kind", ""),
                step := labels.get("step", ""),
                count,
                self._example(kind, step),
                unjudged,
            )
            for labels, count, unjudged in (
                (dict(key), count, count - judged.get(key, 0))
                for key, count in self._totals.counts_of("errors").items()
            )
        ]
        return tuple(sorted(counted, key=lambda error: (-error.count, error.kind, error.step)))

    def _example(self, kind: str, step: str) -> str:
        return self._examples.get((kind, step), (0.0, ""))[1]


def _whole(counts: Mapping[Any, int]) -> int:
    return sum(counts.values())


def _closed(frame: Frame) -> Ledger:
    ledger = Ledger()
    ledger.add(frame.ledger)
    if not frame.last:
        ledger.close()
    return ledger


def _judged_s(spans: Collection[PhaseSpan]) -> float:
    return sum((span.end_s - span.start_s for span in spans if not span.warmup), 0.0)


def _bare(frame: Frame) -> Frame:
    """Return a frame without what was measured in it, which may be large."""
    return msgspec.structs.replace(frame, histograms=(), counters=(), delivery=None)


def _seconds_of(recent: Collection[RecentFrame]) -> float:
    """Return the time from the first frame's start to the last one's end."""
    if not recent:
        return 0.0
    return max(each.end_s for each in recent) - min(each.start_s for each in recent)


def _per_s(recent: Collection[RecentFrame], count: int) -> float:
    """Return a count per second of the time of some frames."""
    seconds = _seconds_of(recent)
    return count / seconds if seconds > 0 else 0.0
