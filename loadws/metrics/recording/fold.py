"""Turn an interval into the parts of its frame: subtract stamps, count equal differences, put counts into buckets.

Every generator here yields after about 0.1 ms of work, so that the engine's loop can run in between.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from itertools import compress
from operator import add, sub

import msgspec

from loadws.metrics.frame import CounterPart, HistogramPart, Labels
from loadws.metrics.histograms.histogram import Span, span_of
from loadws.metrics.recording.interval import Interval, OfPhase, Phases
from loadws.metrics.recording.value_counts import Tally
from loadws.terms.metrics import TABLE

INTENDED, DUE, SENT, WRITTEN, RECEIVED = range(5)  # the columns of a meter's rows
SILENT, ONE_WAY = -1, -2  # in place of a received time: the run's clock is never below zero

_WIDTH = 5
_OF_EVERY_SEND = (("schedule_lag", DUE, INTENDED), ("send_lag", SENT, DUE), ("write_wait", WRITTEN, SENT))
_RESPONSE, _SERVICE = ("response_time", RECEIVED, INTENDED), ("service_time", RECEIVED, SENT)
#: The time of a request's answer without its send lag: service time + schedule lag (measurement.md, "What makes a
#: run invalid").
UNLAGGED = "unlagged_time"
#: The metrics in which a request without an answer counts as missing.
OF_AN_ANSWER = (_RESPONSE[0], _SERVICE[0], UNLAGGED)
_ROWS_A_SLICE = 300  # about 0.1 ms a metric
_PARTS_A_SLICE = 50


class Fold:
    """The parts of one interval's frame, made in slices."""

    def __init__(self, phases: Phases, interval: Interval) -> None:
        self._phases = phases
        self._interval = interval
        self._tallies: dict[tuple[str, str | None, int], Tally] = {}
        self._alike: dict[tuple[str, int], Tally] = {}  # by step and phase: service times that are unlagged times too

    def histograms(self) -> Generator[None, None, tuple[HistogramPart, ...]]:
        """Return the parts. Run this to its end before ``counters``.

        Tallies are freed as soon as they are used: thousands of them, freed together at the end, would hold up the loop
        for milliseconds.
        """
        for step, rows in self._interval.messages:
            yield from self._messages(step, rows)
        for (metric, step_or_none, span), samples in self._interval.samples.items():
            yield from self._samples(metric, step_or_none, span, samples)
        for (metric, step, phase), count in self._interval.missing.items():
            self._tally(metric, step, phase, span_of(metric)).missing += count
        parts: list[HistogramPart] = []
        for step, phase in list(self._alike):
            parts += yield from self._parts_alike(step, phase)
        for key in list(self._tallies):
            metric, step_or_none, phase = key
            tally = self._tallies.pop(key)
            labels = {} if step_or_none is None else {_label_of(metric): step_or_none}
            part = yield from tally.part(metric, labels | self._phase(phase))
            parts.append(part)
            yield
        return tuple(parts)

    def _parts_alike(self, step: str, phase: int) -> Generator[None, None, tuple[HistogramPart, ...]]:
        """Return the parts of both metrics; none where either has values or missing ones of its own, which then get
        these too.
        """
        tally = self._alike.pop((step, phase))
        both = (_SERVICE[0], UNLAGGED)
        if not any((metric, step, phase) in self._tallies for metric in both):
            part = yield from tally.part(_SERVICE[0], {_label_of(_SERVICE[0]): step, **self._phase(phase)})
            return part, msgspec.structs.replace(part, name=UNLAGGED)
        for metric in both:
            yield from self._tally(metric, step, phase, tally.span).adding(tally)
        return ()

    def counters(self) -> Generator[None, None, tuple[CounterPart, ...]]:
        """Return the parts of all counts."""
        parts = []
        for number, part in enumerate(self._counter_parts(), 1):
            parts.append(part)
            if number % _PARTS_A_SLICE == 0:
                yield
        return tuple(parts)

    def _counter_parts(self) -> Iterator[CounterPart]:
        interval = self._interval
        for (name, phase), count in interval.counts.items():
            yield CounterPart(name, self._phase(phase), count)
        for (name, value, phase), count in interval.labelled.items():
            yield CounterPart(name, {_label_of(name): value, **self._phase(phase)}, count)
        for key, count in interval.wrong.items():
            yield CounterPart("errors", self._kind_step_phase(key), count)
        for key, count in interval.not_begun.items():
            yield CounterPart("tries_not_begun", self._kind_step_phase(key), count)
        for key, count in interval.tried.items():
            yield CounterPart("error_rate", self._kind_step_phase(key), count, interval.failed[key])

    def _messages(self, step: str, rows: list[int]) -> Generator[None, None, None]:
        for start in range(0, len(rows), _WIDTH * _ROWS_A_SLICE):
            for phase, some in self._phases.split(rows[start : start + _WIDTH * _ROWS_A_SLICE], _WIDTH):
                columns = [some[column::_WIDTH] for column in range(_WIDTH)]
                yield from self._differences(_OF_EVERY_SEND, step, phase, columns)
                yield from self._answers(step, phase, columns)

    def _answers(self, step: str, phase: int, columns: list[list[int]]) -> Iterator[None]:
        received = columns[RECEIVED]
        silent = received.count(SILENT)
        if min(received) < 0:
            answered = [received_ns >= 0 for received_ns in received]
            columns = [list(compress(column, answered)) for column in columns]
        requests = len(columns[RECEIVED]) + silent
        if not requests:
            return
        yield from self._differences((_RESPONSE,), step, phase, columns)
        if columns[INTENDED] == columns[DUE] and not self._interval.stalls:  # both times are the same: counted once
            alike = self._alike.setdefault((step, phase), Tally(span_of(UNLAGGED)))
            alike.add(list(map(sub, columns[RECEIVED], columns[SENT])))
            yield
        else:
            yield from self._differences((_SERVICE,), step, phase, columns)
            yield from self._unlagged(step, phase, columns)
        for metric in OF_AN_ANSWER if silent else ():
            self._tally(metric, step, phase, span_of(metric)).missing += silent
        self._interval.tried["request", step, phase] += requests
        self._interval.failed["request", step, phase] += silent

    def _differences(
        self, moments: tuple[tuple[str, int, int], ...], step: str, phase: int, columns: list[list[int]]
    ) -> Iterator[None]:
        for metric, end, start in moments:
            tally = self._tally(metric, step, phase, span_of(metric))
            # Without a schedule they are the very same numbers, and compared in no time.
            if columns[end] == columns[start]:
                tally.add_zeros(len(columns[end]))
            else:
                tally.add(list(map(sub, columns[end], columns[start])))
            yield

    def _unlagged(self, step: str, phase: int, columns: list[list[int]]) -> Iterator[None]:
        """Record received − intended − (sent − due) of each answer, also without the time that a stall of the loop
        added.
        """
        intended, due, sent, _, received = columns
        tally = self._tally(UNLAGGED, step, phase, span_of(UNLAGGED))
        if self._interval.stalls:
            late = [_within(self._interval.stalls, start, end) for start, end in zip(sent, received, strict=True)]
            received = list(map(sub, received, late))
        service = map(sub, received, sent)
        tally.add(list(service) if intended == due else list(map(add, service, map(sub, due, intended))))
        yield

    def _samples(self, metric: str, step: str | None, span: Span, samples: list[float]) -> Generator[None, None, None]:
        for start in range(0, len(samples), 2 * _ROWS_A_SLICE):
            for phase, some in self._phases.split(samples[start : start + 2 * _ROWS_A_SLICE], 2):
                self._tally(metric, step, phase, span).add(some[1::2])
            yield

    def _tally(self, metric: str, step: str | None, phase: int, span: Span) -> Tally:
        key = (metric, step, phase)
        tally = self._tallies.get(key)
        if tally is None:
            tally = self._tallies[key] = Tally(span)
        return tally

    def _phase(self, phase: int) -> Labels:
        return {"phase": self._phases.names[phase]}

    def _kind_step_phase(self, key: OfPhase) -> Labels:
        kind, step, phase = key
        return {"kind": kind, "step": step, **self._phase(phase)}


def _within(stalls: list[tuple[int, int]], start_ns: int, end_ns: int) -> int:
    """Return how much of the time from ``start_ns`` to ``end_ns`` is in stalls, in ns."""
    return sum(max(0, min(end_ns, until_ns) - max(start_ns, from_ns)) for from_ns, until_ns in stalls)


def _label_of(metric: str) -> str:
    """Return the label's name of the second part of a metric's key; for a scenario's own metric it is the step."""
    return TABLE[metric].labels[0] if metric in TABLE else "step"
