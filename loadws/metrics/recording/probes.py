"""One process's knowledge of the probes that its connections publish and receive. Synchronous, no I/O.

A delivery is classified by its probe alone (``probe_id``): how long it took, whether it is the connection's first of
that probe, and whether a later one of the same publisher came before it. For that, a bit is kept for each connection
and probe, and a number for each connection and publisher, both only for as long as a delivery counts (``within``). So
memory does not grow with the run.

Which connections should have received a probe is not known here, because its receivers are in all processes: see
``delivery``. A process reports joins, leaves, publications, and how many received each probe.

A connection is a receiver of probes made after it joined and before it left. Any other delivery to it is
``unexpected``: made before it joined, for another audience, or its own where that is excluded. Each delivery is counted
as exactly one of received, duplicate, late, unexpected, unrecognised and let go; one that is received may be out of
order as well.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass

import msgspec

from loadws.metrics.frame import DeliveryPart, Joined, Left, Published, Received
from loadws.metrics.histograms.delivery_histogram import spread
from loadws.metrics.histograms.histogram import TIME
from loadws.metrics.recording.interval import Interval, Phases
from loadws.metrics.recording.probe_id import EVERYONE, ProbeId, key_of, read, since_us, write
from loadws.terms.units import NS_PER_US

#: How many probes of one name a process follows at once.
MOST_LIVE = 100_000
#: How long after its deadline a probe is still known, for a delivery that was read in time and handled late.
SLACK_US = 1_000_000
_TIMES_A_SLICE = 500  # about 0.1 ms


class ProbeSpec(msgspec.Struct, frozen=True):
    """A probe of the scenario. A delivery that takes longer than ``within_ns`` is late, and its receiver misses it."""

    name: str
    within_ns: int


class _Publisher:
    """A publisher that this process has heard of. ``highest`` is the last number that each receiver got from it, by the
    receiver's place.
    """

    __slots__ = ("highest", "live")

    def __init__(self) -> None:
        self.highest = array("I")
        self.live = 0

    def is_after_a_later_one(self, place: int, number: int) -> bool:
        highest = self.highest
        if place >= len(highest):
            highest.extend([0] * (place + 16 - len(highest)))
        if number < highest[place]:
            return True
        highest[place] = number
        return False


class _Live:
    """A probe whose deliveries still count. ``received``: a bit for each receiver, by place; the rest is this second's."""

    __slots__ = ("count", "excluded", "heard", "id", "is_told", "left", "made_ns", "received", "times")

    def __init__(self, probe: ProbeId, made_ns: int, heard: _Publisher) -> None:
        self.id = probe
        self.made_ns = made_ns
        self.heard = heard
        self.received = bytearray()
        self.excluded = -1  # the place of its publisher's own connection, where that is not a receiver
        self.is_told = True
        self.count = 0
        self.left = 0
        self.times: list[int] = []

    def has(self, place: int) -> bool:
        at = place >> 3
        return at < len(self.received) and bool(self.received[at] & 1 << (place & 7))

    def take(self, place: int) -> bool:
        """Count a delivery; return False if that receiver had it already."""
        at, bit = place >> 3, 1 << (place & 7)
        received = self.received
        if at >= len(received):
            received.extend(bytes(at + 8 - len(received)))
        elif received[at] & bit:
            return False
        received[at] |= bit
        return True


@dataclass(slots=True, eq=False)
class Membership:
    """A connection that listens for a probe. ``place`` is its number among those of its process, used again after it."""

    place: int
    audience: int
    joined_us: int
    is_ordered: bool

    def is_in(self, audience: int) -> bool:
        return self.audience == audience or EVERYONE in (self.audience, audience)


class Publisher:
    """One connection that publishes a probe; it numbers what it sends."""

    __slots__ = ("last", "number")

    def __init__(self, number: int) -> None:
        self.number = number
        self.last = 0


class Publication:
    """A probe that is about to be sent: read its ``token`` first, and call ``sent`` or ``unsent`` once that is known."""

    __slots__ = ("_log", "_place", "id", "token")

    def __init__(self, log: ProbeLog, probe: ProbeId, token: str, place: int) -> None:
        self._log = log
        self._place = place
        self.id = probe
        self.token = token

    def sent(self) -> None:
        self._log.note_sent(self.id, excluded=self._place >= 0)

    def unsent(self) -> None:
        if self._place >= 0:
            self._log.forget(self.token)


class ProbeLog:
    """One probe, by its name. ``counts`` maps (metric, phase) to this second's count.

    Processes are numbered in turn over so many ``machines``: two are on one where their numbers are equal modulo these.
    """

    def __init__(
        self, index: int, spec: ProbeSpec, process: int, key: bytes, phases: Phases, machines: int = 1
    ) -> None:
        self.machines = machines
        self.index = index
        self.name = spec.name
        self._within_ns = spec.within_ns
        self._within_us = spec.within_ns // NS_PER_US
        self._process = process
        self._key = key
        self._phases = phases
        self._start_ns = 0
        self._live: dict[str, _Live] = {}
        self._of_audience: dict[int, dict[str, _Live]] = {}
        self._heard: dict[tuple[int, int], _Publisher] = {}
        self._publishers = 0
        self._places = 0
        self._free: list[int] = []
        self._begin_second()

    def _begin_second(self) -> None:
        self.untold: list[_Live] = []
        self.published: list[Published] = []
        self.joined: list[Joined] = []
        self.left: list[Left] = []
        self.counts: Counter[tuple[str, int]] = Counter()

    def begin(self, start_ns: int) -> None:
        self._start_ns = start_ns

    # -- receivers ----------------------------------------------------------------------------------------------------

    def join(self, audience: int, at_ns: int, *, is_ordered: bool) -> Membership:
        """Expect, from now on, that a connection receives what is sent to ``audience``; ``EVERYONE``: to any audience."""
        if self._free:
            place = self._free.pop()
        else:
            place = self._places
            self._places += 1
        at_us = since_us(self._start_ns, at_ns)
        self.joined.append(Joined(self.index, audience, at_us))
        return Membership(place, audience, at_us, is_ordered)

    def leave(self, member: Membership, at_ns: int) -> None:
        """Stop expecting probes of a receiver, and count its recent deliveries as ``left``; undelivered ones are not
        expected of it.

        Its place is free at once: the next receiver there counts only probes made after it joined.
        """
        at_us = since_us(self._start_ns, at_ns)
        self.left.append(Left(self.index, member.audience, member.joined_us, at_us))
        self._free.append(member.place)
        earliest_us = max(member.joined_us + 1, at_us - self._within_us)
        for live in self._sent_to(member.audience):
            if earliest_us <= live.id.made_us <= at_us and live.has(member.place):
                live.left += 1
                self._tell(live)

    def _sent_to(self, audience: int) -> Iterable[_Live]:
        if audience == EVERYONE:
            yield from self._live.values()
            return
        for wanted in (EVERYONE, audience):
            yield from self._of_audience.get(wanted, {}).values()

    def received(self, token: object, member: Membership | None, received_ns: int) -> None:
        """Count a message that carries a probe's token. ``member`` None: on a connection that has not joined."""
        live = self._live.get(token) if type(token) is str else None
        if live is None and (live := self._recognise(token, received_ns)) is None:
            return
        probe = live.id
        took_ns = received_ns - live.made_ns
        if took_ns > self._within_ns:
            self._count("deliveries_late", probe)
        elif member is None or probe.made_us <= member.joined_us or not member.is_in(probe.audience):
            self._count("deliveries_unexpected", probe)
        elif not live.take(member.place):
            excluded = live.excluded == member.place
            self._count("deliveries_unexpected" if excluded else "deliveries_duplicate", probe)
        else:
            live.count += 1
            live.times.append(max(took_ns, 0))  # processes agree on the time to some microseconds
            self._tell(live)
            if member.is_ordered and live.heard.is_after_a_later_one(member.place, probe.number):
                self._count("deliveries_out_of_order", probe)

    def _recognise(self, token: object, received_ns: int) -> _Live | None:
        """Return the probe of a token that is not followed yet. Return None, and count it, if it is foreign or too
        late.
        """
        probe = read(token, self._key)
        if probe is None or probe.probe != self.index:
            self.counts["deliveries_unrecognised", self._phases.at(received_ns)] += 1
            return None
        made_ns = self._start_ns + probe.made_us * NS_PER_US
        if received_ns - made_ns > self._within_ns:
            self._count("deliveries_late", probe)
            return None
        if len(self._live) >= MOST_LIVE:
            self._count("deliveries_let_go", probe)
            return None
        assert type(token) is str
        return self._follow(token, probe, made_ns)

    def _follow(self, token: str, probe: ProbeId, made_ns: int) -> _Live:
        heard = self._heard.setdefault((probe.process, probe.publisher), _Publisher())
        heard.live += 1
        live = self._live[token] = _Live(probe, made_ns, heard)
        self._of_audience.setdefault(probe.audience, {})[token] = live
        return live

    def forget(self, token: str) -> None:
        live = self._live.pop(token, None)
        if live is None:
            return
        probe = live.id
        of_audience = self._of_audience[probe.audience]
        del of_audience[token]
        if not of_audience:
            del self._of_audience[probe.audience]
        live.heard.live -= 1
        if not live.heard.live:
            del self._heard[probe.process, probe.publisher]

    def _count(self, metric: str, probe: ProbeId) -> None:
        self.counts[metric, self.phase_of(probe)] += 1

    def is_near(self, probe: ProbeId) -> bool:
        """Return whether a probe was made on this machine."""
        return probe.process % self.machines == self._process % self.machines

    def phase_of(self, probe: ProbeId) -> int:
        """Return the index of the phase that a probe belongs to: that of its intended time."""
        return self._phases.at(self._intended_ns(probe))

    def _intended_ns(self, probe: ProbeId) -> int:
        return self._start_ns + (probe.made_us - probe.lag_us) * NS_PER_US

    def _tell(self, live: _Live) -> None:
        if live.is_told:
            live.is_told = False
            self.untold.append(live)

    # -- publishers ---------------------------------------------------------------------------------------------------

    def publisher(self) -> Publisher:
        self._publishers += 1
        return Publisher(self._publishers)

    def publish(
        self, publisher: Publisher, audience: int, now_ns: int, intended_ns: int, excluded: Membership | None
    ) -> Publication:
        """Return a publication to send. ``excluded``: the publisher's own connection, where it listens and is not among
        the receivers.
        """
        publisher.last += 1
        made_us, intended_us = since_us(self._start_ns, now_ns), since_us(self._start_ns, intended_ns)
        probe = ProbeId(
            self._process, self.index, publisher.number, publisher.last, made_us,
            max(0, made_us - intended_us), audience,
        )  # fmt: skip
        token = write(probe, self._key)
        place = -1
        if excluded is not None and excluded.is_in(audience) and excluded.joined_us < made_us:
            place = excluded.place
            self._exclude(token, probe, place)
        return Publication(self, probe, token, place)

    def _exclude(self, token: str, probe: ProbeId, place: int) -> None:
        """Treat a connection as if it had received the probe: it then counts on both sides, and ``Published.excluded``
        removes it from both.
        """
        live = self._follow(token, probe, self._start_ns + probe.made_us * NS_PER_US)
        live.excluded = place
        live.take(place)
        live.count += 1
        self._tell(live)

    def note_sent(self, probe: ProbeId, *, excluded: bool) -> None:
        self.published.append(
            Published(
                self.index, probe.publisher, probe.number, probe.made_us, probe.audience,
                self.phase_of(probe), int(excluded),
            )
        )  # fmt: skip

    # -- a second -----------------------------------------------------------------------------------------------------

    def take(self, now_ns: int) -> Second:
        """Return this second's counts and begin new ones; probes that no longer count are forgotten."""
        rows = []
        for live in self.untold:
            rows.append((live.id, live.count, live.left, live.times))
            live.is_told, live.count, live.left, live.times = True, 0, 0, []
        second = Second(self, rows, self.published, self.joined, self.left)
        self._begin_second()
        self._forget_old(since_us(self._start_ns, now_ns) - self._within_us - SLACK_US)
        return second

    def _forget_old(self, before_us: int) -> None:
        """Forget probes in the order in which they came, which is nearly that in which they were made."""
        while self._live:
            token, live = next(iter(self._live.items()))
            if live.id.made_us >= before_us:
                return
            self.forget(token)

    def samples(self, rows: list[_Row]) -> Generator[None, None, list[float]]:
        """Return the probe's intended time and the duration of each delivery, in turn."""
        samples: list[float] = []
        done = 0
        for probe, _, _, times in rows:
            intended_ns = self._intended_ns(probe)
            for took_ns in times:
                samples += (intended_ns, took_ns)
            done += len(times) + 1
            if done > _TIMES_A_SLICE:
                done = 0
                yield
        return samples


_Row = tuple[ProbeId, int, int, list[int]]


class Second(msgspec.Struct, frozen=True):
    """The counts of one probe in one second."""

    log: ProbeLog
    rows: list[_Row]
    published: list[Published]
    joined: list[Joined]
    left: list[Left]

    def figures(self) -> Iterator[tuple[str, list[_Row]]]:
        """Yield each metric with the rows that it is of."""
        yield "delivery", self.rows
        if self.log.machines > 1:
            yield "delivery_same_machine", [row for row in self.rows if self.log.is_near(row[0])]

    def received(self) -> Generator[None, None, list[Received]]:
        received = []
        done = 0
        for probe, count, left, times in self.rows:
            extremes = (min(times), max(times)) if times else (0, 0)
            received.append(
                Received(
                    probe.probe, probe.process, probe.publisher, probe.number, probe.made_us,
                    count, left, *extremes, spread(times), self.log.phase_of(probe),
                )
            )  # fmt: skip
            done += len(times) + 10
            if done > _TIMES_A_SLICE:
                done = 0
                yield
        return received


class Probes:
    """All probes of a scenario, in one process. ``nonce`` belongs to the run, so that probes of another run are
    foreign.
    """

    def __init__(self, specs: Iterable[ProbeSpec], process: int, nonce: int, phases: Phases, machines: int = 1) -> None:
        key = key_of(nonce)
        self._logs = {
            spec.name: ProbeLog(index, spec, process, key, phases, machines) for index, spec in enumerate(specs)
        }

    def named(self, name: str) -> ProbeLog:
        return self._logs[name]

    def begin(self, start_ns: int) -> None:
        for log in self._logs.values():
            log.begin(start_ns)

    def take(self, now_ns: int, interval: Interval) -> list[Second]:
        """End the second at once and return it; its arithmetic is left to ``fold``."""
        for log in self._logs.values():
            for (metric, phase), count in log.counts.items():
                interval.labelled[metric, log.name, phase] += count
        return [log.take(now_ns) for log in self._logs.values()]


def fold(seconds: Sequence[Second], interval: Interval) -> Generator[None, None, DeliveryPart | None]:
    """Yield the part of the frame, in slices. The times of the deliveries go to the interval's samples."""
    published: list[Published] = []
    received: list[Received] = []
    joined: list[Joined] = []
    left: list[Left] = []
    for second in seconds:
        received += yield from second.received()
        for metric, rows in second.figures():
            samples = yield from second.log.samples(rows)
            if samples:
                interval.samples[metric, second.log.name, TIME] += samples
        published += second.published
        joined += second.joined
        left += second.left
    if not (published or received or joined or left):
        return None
    return DeliveryPart(tuple(published), tuple(received), tuple(joined), tuple(left))
