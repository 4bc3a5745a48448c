"""Probes: what a token says, what one process makes of deliveries, and what all of them come to."""

from __future__ import annotations

from collections import Counter
from statistics import median_low

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadws.metrics.frame import CounterPart, DeliveryPart, Frame, Gauges, Health
from loadws.metrics.histograms.delivery_histogram import add_spread, median_ns, spread
from loadws.metrics.histograms.histogram import LatencyHistogram
from loadws.metrics.ledger import Ledger
from loadws.metrics.recording.interval import Interval, Phases
from loadws.metrics.recording.probe_id import EVERYONE, LENGTH, ProbeId, audience_of, key_of, read, write
from loadws.metrics.recording.probes import Membership, ProbeLog, Probes, ProbeSpec, Publisher, fold
from loadws.metrics.runinfo import ProbeInfo
from loadws.metrics.summarising.delivery import Deliveries
from loadws.metrics.summarising.totals import Totals
from loadws.terms.units import NS_PER_MS, NS_PER_S

KEY = key_of(7)
ids = st.builds(
    ProbeId,
    *(st.integers(0, 2**16 - 1),) * 2,
    *(st.integers(0, 2**32 - 1),) * 2,
    st.integers(0, 2**48 - 1),
    *(st.integers(0, 2**32 - 1),) * 2,
)

# -- tokens -----------------------------------------------------------------------------------------------------------


@given(ids)
def test_a_token_gives_its_probe_back(probe: ProbeId) -> None:
    token = write(probe, KEY)
    assert (len(token), token.isascii(), read(token, KEY)) == (LENGTH, True, probe)


@pytest.mark.slow
@given(ids, st.integers(0, LENGTH - 1), st.characters())
def test_a_token_that_was_changed_is_none(probe: ProbeId, at: int, character: str) -> None:
    token = write(probe, KEY)
    changed = token[:at] + character + token[at + 1 :]
    assert changed == token or read(changed, KEY) is None


@given(ids)
def test_a_token_has_one_spelling(probe: ProbeId) -> None:
    token = write(probe, KEY)
    for ours, other in (("-", "+"), ("_", "/")):
        assert ours not in token or read(token.replace(ours, other), KEY) is None


@pytest.mark.slow
@given(st.text() | st.text(min_size=LENGTH, max_size=LENGTH) | st.binary() | st.none() | st.integers())
def test_anything_else_is_none(token: object) -> None:
    assert read(token, KEY) is None


def test_another_run_s_token_is_none() -> None:
    assert read(write(ProbeId(0, 0, 1, 1, 5, 0, EVERYONE), key_of(8)), KEY) is None


# -- spreads ----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@given(st.lists(st.integers(0, 600 * NS_PER_S), min_size=1), st.integers(0, 50))
def test_a_median_of_parts_is_within_a_hundredth(times: list[int], cut: int) -> None:
    counts: Counter[int] = Counter()
    for part in (times[:cut], times[cut:]):
        add_spread(counts, spread(part))
    found, exact = median_ns(counts, min(times), max(times)), median_low(times)
    assert abs(found - exact) <= exact / 100 + 1_000


# -- one run ----------------------------------------------------------------------------------------------------------

WITHIN_NS = 100 * NS_PER_MS


class _Run:
    """Some processes, and a parent that takes their frames."""

    def __init__(self, processes: int = 1, machines: int = 1) -> None:
        self.processes = [
            Probes([ProbeSpec("talk", WITHIN_NS)], number, 7, Phases([("steady", False)]), machines)
            for number in range(processes)
        ]
        for probes in self.processes:
            probes.begin(0)
        self.deliveries = Deliveries((ProbeInfo("talk", WITHIN_NS // 1000),), ("steady",), range(processes))
        self.totals = Totals({})
        self.frames = 0

    def log(self, process: int = 0) -> ProbeLog:
        return self.processes[process].named("talk")

    def join(self, at_ms: int, audience: int = EVERYONE, process: int = 0) -> Membership:
        return self.log(process).join(audience, at_ms * NS_PER_MS, is_ordered=True)

    def publish(
        self,
        at_ms: int,
        audience: int = EVERYONE,
        publisher: Publisher | None = None,
        excluded: Membership | None = None,
        process: int = 0,
    ) -> str:
        log = self.log(process)
        at_ns = at_ms * NS_PER_MS
        publication = log.publish(publisher or log.publisher(), audience, at_ns, at_ns, excluded)
        publication.sent()
        return publication.token

    def receive(self, token: object, member: Membership | None, at_ms: int, process: int = 0) -> None:
        self.log(process).received(token, member, at_ms * NS_PER_MS)

    def counts(self) -> dict[str, int]:
        """What the run comes to, of what is not 0."""
        for number, probes in enumerate(self.processes):
            self._tell(number, probes, last=True)
        return self.settled()

    def settled(self) -> dict[str, int]:
        for _ in self.deliveries.settling_all(self.totals):
            pass
        found = self.totals.entries({"steady"}, 1.0)
        counts = {entry.name: entry.count for entry in found if entry.count and entry.labels == {"probe": "talk"}}
        delivered = counts.pop("delivery", 0)
        # What was delivered and what is missing is what was expected: the report shows the three side by side.
        assert delivered + counts.get("deliveries_missing", 0) == counts.get("deliveries_expected", 0)
        return counts

    def tell(self, until_s: int, *numbers: int) -> None:
        """These processes say what they have measured until then."""
        for number in numbers:
            self._tell(number, self.processes[number], until_s)

    def _tell(self, number: int, probes: Probes, until_s: int = 1, *, last: bool = False) -> None:
        interval = Interval()
        generator = fold(probes.take(until_s * NS_PER_S, interval), interval)
        part: DeliveryPart | None = None
        while True:
            try:
                next(generator)
            except StopIteration as stop:
                part = stop.value
                break
        frame = Frame(
            number, 0, until_s - 1.0, 1.0, "steady", False, Ledger(), Gauges(), Health(), last=last, delivery=part
        )
        for _ in self.deliveries.adding(frame, self.totals):
            pass
        for (metric, name, _), count in interval.labelled.items():
            self.totals.add_counter(CounterPart(metric, {"probe": name, "phase": "steady"}, count))
        for (metric, _, _), times in interval.samples.items():
            delivered = LatencyHistogram()
            for took_ns in times[1::2]:
                delivered.record(took_ns)
            self.totals.add_histogram(delivered.part(metric, {"probe": "talk", "phase": "steady"}), delivered)


def _published(expected: int = 0, **more: int) -> dict[str, int]:
    spreads = {f"delivery_{which}": 1 for which in ("first", "median", "last")} if more.pop("spread", 1) else {}
    counts = {f"deliveries_{name}": count for name, count in {"expected": expected, **more}.items() if count}
    return {"probes_published": 1, **counts, **spreads}


def test_everyone_who_listens_is_expected_to_receive() -> None:
    run = _Run()
    members = [run.join(0) for _ in range(3)]
    token = run.publish(10)
    for member in members[:2]:
        run.receive(token, member, 11)
    assert run.counts() == _published(3, missing=1)


def test_receivers_are_in_all_processes() -> None:
    run = _Run(3)
    members = [(process, run.join(0, process=process)) for process in range(3)]
    token = run.publish(10, process=1)
    for process, member in members:
        run.receive(token, member, 11 + process, process)
    assert run.counts() == _published(3)


@pytest.mark.parametrize(
    ("joined_ms", "left_ms", "received_ms", "expected"),
    [
        (20, None, 30, _published(0, unexpected=1, spread=0)),  # joined after it was made
        (0, 5, None, _published(0, spread=0)),  # left before
        (0, 50, None, _published(0, in_doubt=1, spread=0)),  # left while it could still come
        (0, 50, 40, _published(1)),  # left, but had it
        (0, 200, None, _published(1, missing=1, spread=0)),  # left long after
        (0, None, 150, _published(1, missing=1, late=1, spread=0)),
    ],
    ids=["joined late", "left before", "left midway", "left with it", "left after", "late"],
)
def test_who_comes_and_goes(
    joined_ms: int, left_ms: int | None, received_ms: int | None, expected: dict[str, int]
) -> None:
    run = _Run()
    early = run.join(0) if joined_ms == 0 else None
    if left_ms == 5 and early is not None:
        run.log().leave(early, 5 * NS_PER_MS)
    token = run.publish(10)
    member = early or run.join(joined_ms)
    if received_ms is not None:
        run.receive(token, member, received_ms)
    if left_ms is not None and left_ms != 5:
        run.log().leave(member, left_ms * NS_PER_MS)
    assert run.counts() == expected


def test_an_audience_is_those_who_are_in_it_and_those_who_are_in_all() -> None:
    run = _Run()
    lobby, hall = audience_of("lobby"), audience_of("hall")
    in_lobby, in_hall, in_all = run.join(0, lobby), run.join(0, hall), run.join(0)
    token = run.publish(10, lobby)
    for member in (in_lobby, in_hall, in_all):
        run.receive(token, member, 11)
    assert run.counts() == _published(2, unexpected=1)


def test_its_publisher_can_be_excluded_whatever_the_server_does() -> None:
    run = _Run()
    own, other = run.join(0), run.join(0)
    silent, echoed = run.publish(10, excluded=own), run.publish(10, excluded=own)
    for token in (silent, echoed):
        run.receive(token, other, 11)
    run.receive(echoed, own, 11)
    run.log().leave(own, 12 * NS_PER_MS)
    counts = run.counts()
    assert (counts["deliveries_expected"], counts["deliveries_unexpected"]) == (2, 1)
    assert "deliveries_missing" not in counts and "deliveries_in_doubt" not in counts


def test_twice_and_out_of_order() -> None:
    run = _Run()
    member, publisher = run.join(0), run.log().publisher()
    first, second = run.publish(10, publisher=publisher), run.publish(11, publisher=publisher)
    for token in (second, first, second, first):
        run.receive(token, member, 20)
    counts = run.counts()
    assert (counts["deliveries_duplicate"], counts["deliveries_out_of_order"]) == (2, 1)


@pytest.mark.slow
@given(st.lists(st.text() | st.none() | st.integers() | st.binary(), max_size=20))
def test_what_nobody_published_is_counted_and_not_kept(tokens: list[object]) -> None:
    run = _Run()
    member = run.join(0)
    for token in tokens:
        run.receive(token, member, 10)
    foreign = write(ProbeId(0, 0, 1, 1, 5, 0, EVERYONE), key_of(8))
    run.receive(foreign, member, 10)
    assert not run.log()._live
    assert run.counts() == {"deliveries_unrecognised": len(tokens) + 1}


def test_what_no_longer_counts_is_forgotten() -> None:
    run = _Run()
    member = run.join(0)
    for at_ms in range(10, 60):
        run.receive(run.publish(at_ms), member, at_ms + 1)
    run.log().take(3 * NS_PER_S)
    assert (run.log()._live, run.log()._heard, run.log()._of_audience) == ({}, {}, {})


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 400), st.integers(1, 400)), min_size=1, max_size=8),
    st.lists(st.integers(0, 500), min_size=1, max_size=8),
    st.data(),
)
def test_the_counts_are_those_of_looking_at_each_pair(
    lives: list[tuple[int, int]], made: list[int], data: st.DataObject
) -> None:
    """Connections that come and go at any time, in two processes, against the definition of each count."""
    run = _Run(2)
    within_ms = WITHIN_NS // NS_PER_MS
    expected: Counter[str] = Counter()
    events: list[tuple[int, int, int, int]] = []  # when, kind (publish, receive, leave), member, probe
    members = [(number % 2, run.join(joined, process=number % 2)) for number, (joined, _) in enumerate(lives)]
    events += [(joined + lasts, 2, number, 0) for number, (joined, lasts) in enumerate(lives)]
    events += [(at_ms, 0, 0, probe) for probe, at_ms in enumerate(made)]
    for probe, made_ms in enumerate(made):
        for number, (joined, lasts) in enumerate(lives):
            left = joined + lasts
            if not joined < made_ms <= left:
                continue
            takes = data.draw(st.none() | st.integers(0, within_ms))
            if takes is not None and made_ms + takes <= left:
                expected["expected"] += 1
                events.append((made_ms + takes, 1, number, probe))
            elif left > made_ms + within_ms:
                expected["expected"] += 1
                expected["missing"] += 1
            else:
                expected["in_doubt"] += 1
    tokens: dict[int, str] = {}
    for at_ms, kind, number, probe in sorted(events):
        process, member = members[number]
        if kind == 0:
            tokens[probe] = run.publish(at_ms)
        elif kind == 1:
            run.receive(tokens[probe], member, at_ms, process)
        else:
            run.log(process).leave(member, at_ms * NS_PER_MS)
    counts = run.counts()
    assert counts["probes_published"] == len(made)
    assert {name: counts.get(f"deliveries_{name}", 0) for name in ("expected", "missing", "in_doubt")} == {
        name: expected[name] for name in ("expected", "missing", "in_doubt")
    }
    assert counts.get("deliveries_unexpected", 0) == 0


# -- a process that dies ----------------------------------------------------------------------------------------------


def test_what_a_process_had_received_before_it_died_counts_and_the_rest_is_in_doubt() -> None:
    run = _Run(2)
    stays, dies = run.join(0), run.join(0, process=1)
    first, second = run.publish(950), run.publish(960)
    for token, member, process in ((first, stays, 0), (second, stays, 0), (first, dies, 1)):
        run.receive(token, member, 970, process)
    run.tell(1, 0, 1)
    run.receive(run.publish(1_500), stays, 1_510)  # the other is gone, and not expected to have this one
    run.tell(2, 0)
    assert run.settled() == {
        "probes_published": 3,
        "deliveries_expected": 4,
        "deliveries_in_doubt": 1,
        **dict.fromkeys(("delivery_first", "delivery_median", "delivery_last"), 3),
    }


def test_a_probe_of_a_process_that_died_before_it_told_of_it_is_known_by_those_that_have_it() -> None:
    run = _Run(2)
    members = [run.join(0), run.join(0), run.join(0, process=1)]
    run.tell(1, 0, 1)
    token = run.publish(1_500, process=1)
    run.receive(token, members[0], 1_510)
    run.tell(2, 0)
    assert run.settled() == _published(1)


def test_a_process_that_is_silent_for_long_is_not_waited_for() -> None:
    run = _Run(2)
    stays = run.join(0)
    run.join(0, process=1)
    run.tell(1, 0, 1)
    for second in range(2, 40):
        run.receive(run.publish(second * 1_000 - 500), stays, second * 1_000 - 499)
        run.tell(second, 0)
    told = {entry.name: entry.count for entry in run.totals.entries({"steady"}, 1.0)}
    assert told["probes_published"] > 30  # settled, while the run goes on
    assert run.settled()["deliveries_expected"] == 38


def test_processes_that_slept_together_wait_for_each_other() -> None:
    """A laptop that was closed for an hour: the frames of that hour come one after another."""
    run = _Run(2)
    members = [run.join(0), run.join(0, process=1)]
    run.tell(1, 0, 1)
    token = run.publish(3_599_500)
    for process, member in enumerate(members):
        run.receive(token, member, 3_599_510, process)
    run.tell(3_600, 0)
    run.tell(3_600, 1)
    assert run.counts() == _published(2)


@pytest.mark.slow
@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(0, 2_500), st.integers(1, 3_000)), min_size=1, max_size=8),
    st.lists(st.integers(0, 2_900), min_size=1, max_size=8),
    st.integers(0, 3),
    st.data(),
)
def test_deliveries_add_up_whenever_a_process_dies(
    lives: list[tuple[int, int]], made: list[int], told_s: int, data: st.DataObject
) -> None:
    """Connections and publishers in two processes, of which the second is not heard any more after ``told_s`` seconds."""
    run = _Run(2)
    events: list[tuple[int, int, int, int]] = []  # when, kind (join, publish, receive, leave), process, member or probe
    expected: Counter[str] = Counter()
    for number, (joined, lasts) in enumerate(lives):
        events += [(joined, 0, number % 2, number), (joined + lasts, 3, number % 2, number)]
    received: dict[tuple[int, int], int] = {}
    for probe, made_ms in enumerate(made):
        events.append((made_ms, 1, probe % 2, probe))
        is_known = probe % 2 == 0 or made_ms < told_s * 1_000
        for number, (joined, lasts) in enumerate(lives):
            heard_until = told_s * 1_000 if number % 2 else 4_000
            left = min(joined + lasts, heard_until) if joined < heard_until else joined
            if not joined < made_ms <= left:
                continue
            takes = data.draw(st.none() | st.integers(0, 90))
            has_it = takes is not None and made_ms + takes <= min(left, heard_until - 1)
            if has_it and takes is not None:
                received[probe, number] = made_ms + takes
                expected["expected"] += 1
            elif is_known:
                is_missing = left > made_ms + 100
                expected.update({"expected": is_missing, "missing": is_missing, "in_doubt": not is_missing})
        expected["published"] += is_known or any((probe, number) in received for number in range(len(lives)))
    events += [(at_ms, 2, number % 2, probe * 100 + number) for (probe, number), at_ms in received.items()]
    members: dict[int, Membership] = {}
    tokens: dict[int, str] = {}
    second = 1
    for at_ms, kind, process, which in [*sorted(events), (4_000, 4, 0, 0)]:
        while at_ms >= second * 1_000:
            run.tell(second, *((0, 1) if second <= told_s else (0,)))
            second += 1
        if kind == 0:
            members[which] = run.join(at_ms, process=process)
        elif kind == 1:
            tokens[which] = run.publish(at_ms, process=process)
        elif kind == 2:
            run.receive(tokens[which // 100], members[which % 100], at_ms, process)
        elif kind == 3:
            run.log(process).leave(members[which], at_ms * NS_PER_MS)
    counts = run.settled()
    found = {name: counts.get(f"deliveries_{name}", 0) for name in ("expected", "missing", "in_doubt")}
    assert found == {name: expected[name] for name in ("expected", "missing", "in_doubt")}
    assert counts.get("probes_published", 0) == expected["published"]


def test_deliveries_on_the_publisher_s_own_machine_are_a_second_figure() -> None:
    """Four processes on two machines: 0 and 2 are on one, 1 and 3 on the other."""
    run = _Run(processes=4, machines=2)
    members = [run.join(1, process=process) for process in range(4)]
    for publisher in (0, 1, 3):
        token = run.publish(5, process=publisher)
        for process, member in enumerate(members):
            run.receive(token, member, 9, process)
    counts = run.counts()
    assert (counts["deliveries_expected"], counts["delivery_same_machine"]) == (12, 6)


def test_one_machine_has_no_second_figure() -> None:
    run = _Run(processes=2)
    member = run.join(1, process=1)
    run.receive(run.publish(5), member, 9, 1)
    assert "delivery_same_machine" not in run.counts()
