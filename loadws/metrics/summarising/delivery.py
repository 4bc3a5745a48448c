"""Join the parts of all processes: which receivers each probe should have had, which it had, and how long the delivery
took.

A connection that joined at ``j`` and left at ``l`` is a receiver of a probe made at ``m`` where j < m <= l. One that
left while the probe's deliveries still counted, l <= m + within, without having received it is **in doubt**: whether
the server or the leaving was quicker cannot be known, so the probe is not expected of it. So

    present(m)  = joined before m, and not left before m
    staying(m)  = those of them that had not left by m + within either
    expected    = staying + those that left, and had received it
    missing     = staying − those that stayed, and had received it
    in doubt    = present − expected

All of these are counts of moments, which processes can send without naming connections. Both ``present`` and
``staying`` change at fixed moments of m (at j + 1 and l + 1; at j + 1 and at max(j + 1, l − within)), so probes that
are handled in the order of m need only those moments in heaps.

A probe is settled when every process has reported its deliveries: its time is over, plus a second of grace. From then
on only sums of it are kept. So memory grows with the probes under way, the connections that listen, and those that came
or went lately.

What a process that dies did in its last second is not known. Its connections count as having left when its last frame
came, so a probe that they had not received by then is in doubt and not missing, as everywhere. A probe that it
published in that second is known only by its receivers: it was expected of these and of no others.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Protocol

from loadws.metrics.frame import (
    CounterPart,
    DeliveryPart,
    Frame,
    HistogramPart,
    Joined,
    Labels,
    Left,
    Published,
    Received,
)
from loadws.metrics.histograms.delivery_histogram import add_spread, median_ns
from loadws.metrics.histograms.histogram import TIME, LatencyHistogram
from loadws.metrics.recording.probe_id import EVERYONE
from loadws.metrics.recording.value_counts import Tally
from loadws.metrics.runinfo import ProbeInfo
from loadws.terms.metrics import TABLE

#: How long after its time a probe waits for processes that report late what they received in time.
GRACE_US = 1_000_000
#: A process is lost that has reported nothing while each of the others reported this many seconds. The clock does not count:
#: where the whole machine slept, all processes were silent.
SILENT_FRAMES = 30
#: How many probes of all names may be under way. With more, the oldest are settled early.
MOST_PENDING = 500_000
_US_PER_S = 1_000_000
_AT_ONCE = 200  # about 1 ms
_MOMENTS_TO_ADVANCE = 1_000
#: The counts of probes, made by the processes or here.
COUNTERS = tuple(metric.name for metric in TABLE.values() if metric.is_of_probes and metric.kind == "counter")
SPREADS = ("delivery_first", "delivery_median", "delivery_last")

_Key = tuple[int, int, int]  # process, publisher, number


class Sink(Protocol):
    """A receiver of the counters and histograms of settled probes."""

    def add_counter(self, part: CounterPart) -> None:
        """Add a count."""

    def add_histogram(self, part: HistogramPart, histogram: LatencyHistogram) -> None:
        """Add values; ``histogram`` is the part, decoded."""


class Course(Protocol):
    """A receiver of each settled probe, by the time at which it was made."""

    def add_probe(self, made_s: float, probe: str, expected: int, missing: int, waits_ns: Sequence[int]) -> None:
        """Add a probe: how many deliveries were expected and missing, and how long its first, median and last receiver
        waited; empty where there was none.
        """


class _Audience:
    """The number of connections that listen at a moment. Moments must be asked for in order."""

    __slots__ = ("_joined", "_left", "_settled_left", "present", "staying")

    def __init__(self) -> None:
        self._joined: list[int] = []
        self._left: list[int] = []
        self._settled_left: list[int] = []
        self.present = self.staying = 0

    def join(self, at_us: int) -> None:
        heappush(self._joined, at_us + 1)

    def leave(self, joined_us: int, at_us: int, within_us: int) -> None:
        heappush(self._left, at_us + 1)
        heappush(self._settled_left, max(joined_us + 1, at_us - within_us))

    def advance(self, made_us: float) -> None:
        joined = _passed(self._joined, made_us)
        self.present += joined - _passed(self._left, made_us)
        self.staying += joined - _passed(self._settled_left, made_us)

    @property
    def moments(self) -> int:
        return len(self._joined) + len(self._left) + len(self._settled_left)

    @property
    def is_empty(self) -> bool:
        return not (self.present or self.staying or self.moments)


def _passed(moments: list[int], made_us: float) -> int:
    count = 0
    while moments and moments[0] <= made_us:
        heappop(moments)
        count += 1
    return count


@dataclass(slots=True)
class _Pending:
    """A probe that is under way. ``published`` is None until its publisher's process has reported it.

    ``has_it`` maps each process to how many of its connections that have not left have received it.
    """

    made_us: int
    published: Published | None = None
    phase: int = 0
    has_it: Counter[int] = field(default_factory=Counter)
    received: int = 0
    left: int = 0
    first_ns: float = math.inf
    last_ns: int = 0
    times: Counter[int] = field(default_factory=Counter)

    def add(self, process: int, part: Received) -> None:
        self.phase = part.phase
        self.received += part.count
        self.left += part.left
        self.has_it[process] += part.count - part.left
        if part.times:
            self.first_ns = min(self.first_ns, part.first_ns)
            self.last_ns = max(self.last_ns, part.last_ns)
            add_spread(self.times, part.times)


class _Probe:
    """All probes of one name."""

    def __init__(self, within_us: int) -> None:
        self.within_us = within_us
        self.pending: dict[_Key, _Pending] = {}
        self._by_time: list[tuple[int, _Key]] = []
        self._settled_us = -1.0
        self._everyone = _Audience()  # all connections that listen, to whatever audience
        self._audiences: dict[int, _Audience] = {}  # those that listen to one; EVERYONE: to all
        self._members: dict[int, Counter[tuple[int, int]]] = {}  # of each process: audience, joined_us

    def join(self, process: int, joined: Joined) -> None:
        self._members.setdefault(process, Counter())[joined.audience, joined.at_us] += 1
        for audience in (self._everyone, self._audience(joined.audience)):
            audience.join(joined.at_us)
        self._tidy(joined.audience)

    def leave(self, process: int, left: Left) -> None:
        members, member = self._members.get(process, Counter()), (left.audience, left.joined_us)
        members[member] -= 1
        if members[member] <= 0:
            del members[member]
        self._leave(left)

    def _leave(self, left: Left) -> None:
        for audience in (self._everyone, self._audience(left.audience)):
            audience.leave(left.joined_us, left.at_us, self.within_us)
        self._tidy(left.audience)

    def lose(self, process: int, at_us: int) -> Iterator[None]:
        """Let all connections of a process leave at its last frame, with what they had received by then."""
        for number, ((audience, joined_us), count) in enumerate(self._members.pop(process, Counter()).items(), 1):
            for _ in range(count):
                self._leave(Left(0, audience, joined_us, max(at_us, joined_us)))
            if number % _AT_ONCE == 0:
                yield
        for pending in self.pending.values():
            if pending.made_us >= at_us - self.within_us:
                pending.left += pending.has_it.pop(process, 0)
        yield

    def publish(self, process: int, published: Published) -> None:
        key = (process, published.publisher, published.number)
        self._pending(key, published.made_us).published = published

    def receive(self, process: int, part: Received) -> None:
        self._pending((part.process, part.publisher, part.number), part.made_us).add(process, part)

    def due(self, until_us: float) -> Iterator[_Pending]:
        """Yield each probe made by then, in order, once; its audience's numbers are then known."""
        while self._by_time and self._by_time[0][0] <= until_us:
            made_us, key = heappop(self._by_time)
            self._settled_us = made_us
            yield self.pending.pop(key)
        self._settled_us = max(self._settled_us, until_us)

    def due_first(self) -> float:
        return self._by_time[0][0] if self._by_time else math.inf

    def receivers(self, published: Published) -> tuple[int, int]:
        """Return (present, staying)."""
        if published.audience == EVERYONE:
            wanted = [self._everyone]
        else:
            found = (self._audiences.get(audience) for audience in (EVERYONE, published.audience))
            wanted = [audience for audience in found if audience is not None]
        for audience in wanted:
            audience.advance(published.made_us)
        return sum(each.present for each in wanted), sum(each.staying for each in wanted)

    def _pending(self, key: _Key, made_us: int) -> _Pending:
        pending = self.pending.get(key)
        if pending is None:
            pending = self.pending[key] = _Pending(made_us)
            heappush(self._by_time, (made_us, key))
        return pending

    def _audience(self, number: int) -> _Audience:
        return self._audiences.setdefault(number, _Audience())

    def _tidy(self, number: int) -> None:
        """Let moments pass also where members come and go and nothing is published."""
        if self._everyone.moments > _MOMENTS_TO_ADVANCE:
            self._everyone.advance(self._settled_us)
        audience = self._audiences[number]
        if audience.moments > 3:
            audience.advance(self._settled_us)
        if audience.is_empty:
            del self._audiences[number]


class Deliveries:
    """Deliveries from the frames' parts, added to the totals once settled. ``phases`` are the phases' names, by index,
    and ``processes`` the numbers of those that will report.
    """

    def __init__(
        self,
        probes: tuple[ProbeInfo, ...],
        phases: tuple[str, ...],
        processes: Iterable[int],
        course: Course | None = None,
    ) -> None:
        self._course = course
        self._names = [probe.name for probe in probes]
        self._phases = phases
        self._probes = [_Probe(probe.within_us) for probe in probes]
        self._told_s = dict.fromkeys(processes, 0.0)  # until when a process has reported what it received
        self._silence: Counter[int] = Counter()  # frames of others since a process was heard
        self._lost: set[int] = set()
        self._counts: Counter[tuple[str, str, str]] = Counter()  # metric, probe, phase
        self._missing: Counter[tuple[str, str]] = Counter()
        self._spreads: dict[tuple[str, str, str], Tally] = {}

    def zeros(self) -> Iterator[CounterPart]:
        """Yield a counter of 0 for everything that was watched and never counted."""
        for probe in self._names:
            for phase in self._phases:
                for metric in COUNTERS:
                    yield CounterPart(metric, {"probe": probe, "phase": phase}, 0)

    def adding(self, frame: Frame, totals: Sink) -> Iterator[None]:
        """Add a frame's part, in slices; run this to its end."""
        if not self._names:
            return
        if frame.process in self._lost:
            return
        until_s = math.inf if frame.last else frame.start_s + frame.duration_s
        self._told_s[frame.process] = max(until_s, self._told_s.get(frame.process, 0.0))
        if frame.delivery is not None:
            yield from self._take(frame.process, frame.delivery)
        now_s = frame.start_s + frame.duration_s
        yield from self._lose(self._silent(frame.process))
        yield from self._settle(self._told_us(now_s), totals)

    def settling_all(self, totals: Sink) -> Iterator[None]:
        """Settle every probe at the end of the run: a delivery that has not come is missing."""
        if self._names:
            yield from self._lose(list(self._told_s))
            yield from self._settle(math.inf, totals)

    def _silent(self, heard: int) -> list[int]:
        """Return the processes that count as lost, after a report of another one."""
        self._silence[heard] = 0
        others = self._told_s.keys() - self._lost - {heard}
        self._silence.update(others)
        return [process for process in others if self._silence[process] >= SILENT_FRAMES * len(others)]

    def _lose(self, processes: Iterable[int]) -> Iterator[None]:
        """Give up processes that have not sent their last frame."""
        for process in processes:
            told_s = self._told_s[process]
            if told_s < math.inf and process not in self._lost:
                self._lost.add(process)
                for probe in self._probes:
                    yield from probe.lose(process, round(told_s * _US_PER_S))

    def _take(self, process: int, part: DeliveryPart) -> Iterator[None]:
        for start in range(0, len(part.joined), _AT_ONCE):
            for joined in part.joined[start : start + _AT_ONCE]:
                self._probes[joined.probe].join(process, joined)
            yield
        for start in range(0, len(part.left), _AT_ONCE):
            for left in part.left[start : start + _AT_ONCE]:
                self._probes[left.probe].leave(process, left)
            yield
        for start in range(0, len(part.published), _AT_ONCE):
            for published in part.published[start : start + _AT_ONCE]:
                self._probes[published.probe].publish(process, published)
            yield
        for start in range(0, len(part.received), _AT_ONCE):
            for received in part.received[start : start + _AT_ONCE]:
                self._probes[received.probe].receive(process, received)
            yield

    def _told_us(self, now_s: float) -> float:
        """Return until when all processes have reported what they received, without those that were silent for long."""
        told = [told_s for process, told_s in self._told_s.items() if process not in self._lost]
        return min((*told, now_s)) * _US_PER_S

    def _settle(self, told_us: float, totals: Sink) -> Iterator[None]:
        for name, probe in zip(self._names, self._probes, strict=True):
            until_us = told_us - probe.within_us - GRACE_US
            if len(probe.pending) > MOST_PENDING:
                until_us = max(until_us, probe.due_first())
            for number, pending in enumerate(probe.due(until_us)):
                if pending.published is None:
                    self._count_unknown(name, pending)
                else:
                    self._count(name, probe, pending, pending.published)
                if number % _AT_ONCE == _AT_ONCE - 1:
                    yield
        yield from self._flush(totals)

    def _count_unknown(self, name: str, pending: _Pending) -> None:
        """Count a probe whose publication was not reported: its process was lost, or did not know whether it was sent."""
        received = pending.times.total()
        if received:
            phase = self._phases[pending.phase]
            self._counts["probes_published", name, phase] += 1
            self._counts["deliveries_expected", name, phase] += received
            waits_ns = self._spread(name, phase, pending)
            self._tell_course(name, pending, received, 0, waits_ns)

    def _count(self, name: str, probe: _Probe, pending: _Pending, published: Published) -> None:
        """Count one probe. Its publisher's own connection is removed from both sides where it does not count."""
        phase = self._phases[published.phase]
        present, staying = probe.receivers(published)
        expected = staying + pending.left
        missing = max(0, staying - (pending.received - pending.left))
        counts = {
            "probes_published": 1,
            "deliveries_expected": expected - published.excluded,
            "deliveries_missing": missing,
            "deliveries_in_doubt": max(0, present - expected),
        }
        for metric, count in counts.items():
            self._counts[metric, name, phase] += count
        self._missing[name, phase] += missing
        waits_ns = self._spread(name, phase, pending) if pending.times else ()
        self._tell_course(name, pending, expected - published.excluded, missing, waits_ns)

    def _tell_course(self, name: str, pending: _Pending, expected: int, missing: int, waits_ns: Sequence[int]) -> None:
        if self._course is not None:
            self._course.add_probe(pending.made_us / _US_PER_S, name, expected, missing, waits_ns)

    def _spread(self, name: str, phase: str, pending: _Pending) -> tuple[int, int, int]:
        """Add how long a probe's first, median and last receiver waited, and return it."""
        first_ns, last_ns = int(pending.first_ns), pending.last_ns
        median = median_ns(pending.times, first_ns, last_ns)
        for metric, value_ns in zip(SPREADS, (first_ns, median, last_ns), strict=True):
            self._spreads.setdefault((metric, name, phase), Tally(TIME)).add([value_ns])
        return first_ns, median, last_ns

    def _flush(self, totals: Sink) -> Iterator[None]:
        for (metric, name, phase), count in self._counts.items():
            totals.add_counter(CounterPart(metric, _labels(name, phase), count))
        for (name, phase), missing in self._missing.items():
            if missing:
                tally = self._spreads.setdefault(("delivery", name, phase), Tally(TIME))
                tally.missing += missing
        spreads, self._spreads = self._spreads, {}
        self._counts.clear()
        self._missing.clear()
        for (metric, name, phase), tally in spreads.items():
            part = yield from tally.part(metric, _labels(name, phase))
            totals.add_histogram(part, LatencyHistogram.decode(part))
            yield


def _labels(probe: str, phase: str) -> Labels:
    return {"probe": probe, "phase": phase}
