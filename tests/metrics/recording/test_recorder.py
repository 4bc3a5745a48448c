"""Every call is in exactly one frame, with its phase, and nothing is kept from one interval to the next."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Generator
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadws.metrics.frame import CounterPart, Frame, Gauges, Health, HistogramPart
from loadws.metrics.histograms.histogram import LatencyHistogram
from loadws.metrics.recording.interval import Phases
from loadws.metrics.recording.recorder import DISTINCT_NAMES, NO_MORE_LOGS, OTHER, Recorder
from loadws.transport.base import ConnectTimings
from tests.kit.plain import S
from tests.metrics.driven import driven

PHASES = [("warm up", True), ("steady", False), ("peak", False)]
Key = tuple[str, tuple[tuple[str, str], ...]]


def recorder_at(start_ns: int = 0, **options: Any) -> Recorder:
    recorder = Recorder(PHASES, **options)
    recorder.begin(start_ns)
    recorder.begin_phase(0, start_ns)
    return recorder


def frame_at(recorder: Recorder, now_ns: int, last: bool = False) -> Frame:
    return driven(recorder.rotate(now_ns, Health(), last))[0]


def key_of(part: HistogramPart | CounterPart) -> Key:
    return part.name, tuple(sorted(part.labels.items()))


def key(name: str, **labels: str) -> Key:
    return name, tuple(sorted(labels.items()))


def histograms(frame: Frame) -> dict[Key, HistogramPart]:
    return {key_of(part): part for part in frame.histograms}


def counters(frame: Frame) -> dict[Key, tuple[int, int]]:
    return {key_of(part): (part.count, part.failed) for part in frame.counters}


# -- the messages of a step -------------------------------------------------------------------------------------------


def test_an_answer_has_five_times_and_is_one_request() -> None:
    recorder = recorder_at()
    recorder.step("hello").answered(
        intended_ns=1_000_000, due_ns=1_500_000, sent_ns=1_520_000, written_ns=1_530_000, received_ns=4_000_000
    )
    frame = frame_at(recorder, S)
    labels = {"step": "hello", "phase": "warm up"}
    assert {
        key("response_time", **labels): 3_000_000,
        key("service_time", **labels): 2_480_000,
        key("unlagged_time", **labels): 2_980_000,
        key("schedule_lag", **labels): 500_000,
        key("send_lag", **labels): 20_000,
        key("write_wait", **labels): 10_000,
    } == {name: part.sum for name, part in histograms(frame).items()}
    assert {1} == {part.count for part in frame.histograms}
    assert {key("error_rate", kind="request", **labels): (1, 0)} == counters(frame)


def test_a_request_without_an_answer_is_missing_and_failed() -> None:
    recorder = recorder_at()
    recorder.step("hello").silent(1_000, 3_000, 6_000, 10_000)
    frame = frame_at(recorder, S)
    labels = {"step": "hello", "phase": "warm up"}
    assert {
        key("response_time", **labels): (0, 1),
        key("service_time", **labels): (0, 1),
        key("unlagged_time", **labels): (0, 1),
        key("schedule_lag", **labels): (1, 0),
        key("send_lag", **labels): (1, 0),
        key("write_wait", **labels): (1, 0),
    } == {name: (part.count, part.missing) for name, part in histograms(frame).items()}
    assert {key("error_rate", kind="request", **labels): (1, 1)} == counters(frame)


def test_a_one_way_message_has_lags_but_no_answer_and_is_no_request() -> None:
    recorder = recorder_at()
    recorder.step("shout").sent(1_000, 3_000, 6_000, 10_000)
    frame = frame_at(recorder, S)
    assert {part.name: part.sum for part in frame.histograms} == {
        "schedule_lag": 2_000,
        "send_lag": 3_000,
        "write_wait": 4_000,
    }
    assert counters(frame) == {}


def test_what_each_step_sent_is_in_the_ledger_once() -> None:
    recorder = recorder_at()
    recorder.step("quiet")
    recorder.step("ask").messages, recorder.step("ask").bytes = 2, 30
    first = frame_at(recorder, S).ledger
    recorder.step("ask").messages += 1
    recorder.step("tell").messages, recorder.step("tell").bytes = 1, 7
    second = frame_at(recorder, 2 * S).ledger
    assert (first.sent_by_step, first.bytes_by_step) == ({"ask": 2}, {"ask": 30})
    assert (second.sent_by_step, second.bytes_by_step) == ({"ask": 3, "tell": 1}, {"ask": 30, "tell": 7})
    assert (second.messages.sent, second.bytes.sent) == (4, 37)


def test_a_step_has_one_meter() -> None:
    recorder = recorder_at()
    assert recorder.step("a") is recorder.step("a")
    assert recorder.step("a") is not recorder.step("b")


def test_what_a_stall_of_the_loop_adds_to_its_own_stamps_is_no_time_of_the_server_s() -> None:
    """Asked at 1 s, answered while the loop stood still from 2 s to 5 s, and read at 5 s."""
    recorder = recorder_at()
    recorder.step("hello").answered(1 * S, 1 * S, 1 * S, 1 * S, 5 * S)
    recorder.step("hello").answered(5 * S, 5 * S, 5 * S, 5 * S, 6 * S)
    frame, _ = driven(recorder.rotate(7 * S, Health(), stalls=[(2 * S, 5 * S)]))
    found = {part.name: part for part in frame.histograms}

    assert found["response_time"].sum == 5 * S
    assert found["unlagged_time"].sum == 2 * S


def test_turns_that_never_began_are_counted_where_they_were_due() -> None:
    recorder = recorder_at()
    recorder.begin_phase(1, 2 * S)
    recorder.ledger.turns.due = recorder.ledger.turns.done = 4
    recorder.turns_cut_off(1 * S + 1, S // 2, 6)
    recorder.never_tried([("request", "ask"), ("http", "login")], 1 * S + 1, S // 2, 5)
    frame = frame_at(recorder, 5 * S)

    assert (frame.ledger.turns.due, frame.ledger.turns.cut_off) == (10, 6)
    turns = {part.labels["phase"]: part.count for part in frame.counters if part.name == "turns"}
    assert turns == {"warm up": 2, "steady": 4 + 4}
    missing = {(part.name, part.labels["phase"]): part.missing for part in frame.histograms}
    assert missing == {
        (name, phase): count
        for name in ("response_time", "service_time", "unlagged_time", "http_time")
        for phase, count in (("warm up", 2), ("steady", 3))
    }
    not_begun = {(part.name, *part.labels.values()): part.count for part in frame.counters if "not_begun" in part.name}
    assert not_begun == {
        (*name, phase): count
        for name in (
            ("turns_not_begun", "500 ms"), ("tries_not_begun", "request", "ask"), ("tries_not_begun", "http", "login"),
        )
        for phase, count in (("warm up", 2), ("steady", 3))
    }  # fmt: skip
    failed = {part.labels["kind"]: 0 for part in frame.counters if part.name == "error_rate"}
    for part in frame.counters:
        if part.name == "error_rate":
            assert part.count == part.failed
            failed[part.labels["kind"]] += part.failed
    assert failed == {"request": 5, "http": 5}


@given(
    starts=st.lists(st.integers(0, 100), min_size=0, max_size=2),
    first=st.integers(0, 120),
    interval=st.integers(1, 50),
    count=st.integers(0, 60),
)
def test_moments_at_an_interval_fall_into_the_phases_that_each_of_them_would(
    starts: list[int], first: int, interval: int, count: int
) -> None:
    phases = Phases(PHASES)
    for index, start in enumerate(sorted(starts), 1):
        phases.begin(index, start)
    apart = Counter(phases.at(first + n * interval) for n in range(count))
    together: Counter[int] = Counter()
    for phase, some in phases.spread(first, interval, count):
        together[phase] += some
    assert together == apart


def test_a_run_may_begin_at_zero_on_the_clock() -> None:
    recorder = recorder_at()
    recorder.step("hello").answered(0, 0, 0, 0, 0)
    assert [part.max for part in frame_at(recorder, S).histograms] == [0, 0, 0, 0, 0, 0]


def test_a_stamp_that_goes_backwards_is_counted_as_out_of_range() -> None:
    recorder = recorder_at()
    recorder.step("hello").answered(5_000, 5_000, 5_000, 4_000, 9_000)
    part = histograms(frame_at(recorder, S))[key("write_wait", step="hello", phase="warm up")]
    assert (part.count, part.out_of_range) == (0, 1)


# -- phases -----------------------------------------------------------------------------------------------------------


def test_a_sample_belongs_to_the_phase_of_its_intended_time() -> None:
    recorder = recorder_at()
    recorder.begin_phase(1, 2 * S)
    recorder.begin_phase(2, 4 * S)
    hello = recorder.step("hello")
    for intended_ns in (2 * S - 1, 2 * S, 4 * S - 1, 4 * S, 9 * S):
        hello.answered(intended_ns, intended_ns, intended_ns, intended_ns, 10 * S)
    recorder.duration("wait_time", "hear", 3 * S, 5)
    recorder.outcome("check", "hear", 1 * S, failed=True)
    frame = frame_at(recorder, 10 * S)
    answers = {part.labels["phase"]: part.count for part in frame.histograms if part.name == "response_time"}
    assert answers == {"warm up": 1, "steady": 2, "peak": 2}
    assert key("wait_time", step="hear", phase="steady") in histograms(frame)
    assert counters(frame)[key("error_rate", kind="check", step="hear", phase="warm up")] == (1, 1)


def test_messages_belong_to_the_phase_in_which_they_were_counted() -> None:
    recorder = recorder_at()
    recorder.ledger.messages.sent = 10
    recorder.ledger.bytes.sent = 640
    recorder.begin_phase(1, S // 4)
    recorder.ledger.messages.sent += 3
    recorder.iterations += 1
    first = frame_at(recorder, S)
    recorder.ledger.messages.received += 2
    recorder.ledger.bytes.received += 20
    second = frame_at(recorder, 2 * S)
    assert {
        key("messages_sent", phase="warm up"): (10, 0),
        key("bytes_sent", phase="warm up"): (640, 0),
        key("messages_sent", phase="steady"): (3, 0),
        key("iterations", phase="steady"): (1, 0),
    } == counters(first)
    assert {
        key("messages_received", phase="steady"): (2, 0),
        key("bytes_received", phase="steady"): (20, 0),
    } == counters(second)


def test_a_frame_has_the_phase_of_its_middle_and_says_which_began() -> None:
    recorder = recorder_at(100 * S)
    recorder.begin_phase(1, 101 * S - 1)
    first = frame_at(recorder, 101 * S)
    recorder.begin_phase(2, 101 * S + S // 4)
    second = frame_at(recorder, 102 * S)
    third = frame_at(recorder, 103 * S, last=True)
    assert (first.phase, first.warmup, first.phases) == ("warm up", True, ((0, 0.0), (1, 0.999999999)))
    assert (second.phase, second.warmup, second.phases) == ("peak", False, ((2, 1.25),))
    assert (third.phase, third.warmup, third.phases) == ("peak", False, ())
    assert [frame.last for frame in (first, second, third)] == [False, False, True]


# -- frames -----------------------------------------------------------------------------------------------------------


def test_frames_follow_one_another_without_a_gap() -> None:
    recorder = recorder_at(5 * S, process=3)
    frames = [frame_at(recorder, now_ns) for now_ns in (6 * S, 7 * S + S // 10, 8 * S)]
    assert [(frame.process, frame.index, frame.start_s, frame.duration_s) for frame in frames] == [
        (3, 0, 0.0, 1.0),
        (3, 1, 1.0, 1.1),
        (3, 2, 2.1, 0.9),
    ]


def test_a_frame_carries_the_whole_ledger_as_it_was() -> None:
    recorder = recorder_at()
    recorder.ledger.messages.sent = 3
    recorder.ledger.close_codes["us.1000"] = 1
    for _ in range(7):
        recorder.open_connections.rise()
    recorder.users.rise()
    rotation = recorder.rotate(S, Health(cpu_share=0.5))
    recorder.ledger.messages.sent = 4
    recorder.ledger.close_codes["us.1000"] = 2
    recorder.open_connections.fall()
    recorder.open_connections.fall()
    recorder.open_connections.rise()
    first, second = driven(rotation)[0], frame_at(recorder, 2 * S)
    assert (first.ledger.messages.sent, first.ledger.close_codes) == (3, {"us.1000": 1})
    assert (second.ledger.messages.sent, second.ledger.close_codes) == (4, {"us.1000": 2})
    up_from_nothing = {"open_connections": (0, 7), "users": (0, 1)}
    assert (first.gauges, first.health) == (Gauges(7, 1, up_from_nothing), Health(cpu_share=0.5))
    assert second.gauges == Gauges(6, 1, {"open_connections": (5, 7)})


def test_an_idle_second_has_no_parts() -> None:
    recorder = recorder_at()
    recorder.step("hello").answered(0, 0, 0, 0, 0)
    frame_at(recorder, S)
    idle = frame_at(recorder, 2 * S)
    assert (idle.histograms, idle.counters, idle.errors, idle.logs, idle.phases) == ((), (), (), (), ())


def test_a_call_during_a_rotation_goes_to_the_next_frame() -> None:
    recorder = recorder_at()
    hello = recorder.step("hello")

    def one_of_each(at_ns: int) -> None:
        hello.answered(at_ns, at_ns, at_ns, at_ns, at_ns)
        recorder.duration("ping_time", "keepalive", at_ns, 1)
        recorder.count("greeted", at_ns)
        recorder.error("timeout", "hello", "", at_ns)
        recorder.log(0, "hi", at_ns)

    one_of_each(1)
    rotation = recorder.rotate(S, Health())
    one_of_each(S)  # before its first slice
    next(rotation)
    one_of_each(S + 1)  # in between
    first, second = driven(rotation)[0], frame_at(recorder, 2 * S)
    for frame, times in ((first, 1), (second, 2)):
        assert {times} == {part.count for part in frame.histograms} | {part.count for part in frame.counters}
        assert (7, times, times) == (len(frame.histograms), len(frame.errors), len(frame.logs))


@pytest.mark.parametrize("mixed", ["alike", "one late", "one silent", "one stalled"])
def test_times_that_are_alike_are_counted_once_and_told_as_two(mixed: str) -> None:
    recorder = recorder_at()
    hello = recorder.step("hello")
    for n in range(1_000):
        hello.answered(n, n, n + 5_000, n + 6_000, n + 5_000 + n * 1_000)
    if mixed == "one late":
        hello.answered(0, 7_000, 8_000, 9_000, 10_000)
    if mixed == "one silent":
        hello.silent(0, 7_000, 8_000, 9_000)
    stalls = [(5_000 + 999, 6_000 + 999)] if mixed == "one stalled" else []
    frame = driven(recorder.rotate(S, Health(), stalls=stalls))[0]
    found = {part.name: part for part in frame.histograms}
    service, unlagged = found["service_time"], found["unlagged_time"]
    expected = [n * 1_000 for n in range(1_000)] + ([2_000] if mixed == "one late" else [])
    assert (service.sum, service.count, service.min, service.max) == (sum(expected), len(expected), 0, 999_000)
    assert service.missing == unlagged.missing == (mixed == "one silent")
    if mixed == "alike":
        assert unlagged == msgspec.structs.replace(service, name="unlagged_time")
    more = {"alike": 0, "one late": 7_000, "one silent": 0, "one stalled": unlagged.sum - service.sum}[mixed]
    assert unlagged.sum == service.sum + more
    assert (more < 0) == (mixed == "one stalled")
    assert LatencyHistogram.decode(unlagged).percentiles((50.0,))[0] == pytest.approx(500_000, rel=0.01)


def test_a_rotation_works_in_slices() -> None:
    recorder = recorder_at()
    hello = recorder.step("hello")
    for n in range(10_000):
        hello.answered(n, n, n, n, n * 2_000)
    slices = sum(1 for _ in recorder.rotate(S, Health()))
    # 34 slices of rows for each of six metrics, of which two are one; then of two metrics 20 of distinct values, of three
    # one; four encoded by themselves, the 4,320 buckets of the two in nine slices.
    assert slices == 34 * 5 + 2 * 20 + 3 + 4 + 2 * 8


# -- other calls ------------------------------------------------------------------------------------------------------


def test_a_connection_that_opened_has_the_parts_that_it_had() -> None:
    recorder = recorder_at()
    timings = ConnectTimings(total_ns=9_000, dns_ns=None, tcp_ns=2_000, tls_ns=None, upgrade_ns=6_000)
    recorder.connected("connect", intended_ns=1_000, due_ns=4_000, timings=timings)
    recorder.outcome("connect", "connect", 2_000, failed=True)
    frame = frame_at(recorder, S)
    assert {part.name: part.sum for part in frame.histograms} == {
        "schedule_lag": 3_000,
        "connect_time": 9_000,
        "tcp_time": 2_000,
        "upgrade_time": 6_000,
    }
    assert {key("error_rate", kind="connect", step="connect", phase="warm up"): (2, 1)} == counters(frame)


def test_a_session_may_last_a_day_and_has_no_step() -> None:
    recorder = recorder_at()
    recorder.duration("session_time", None, 0, 24 * 3600 * S)
    recorder.duration("wait_time", "hear", 0, 24 * 3600 * S)
    parts = histograms(frame_at(recorder, S))
    assert parts[key("session_time", phase="warm up")].max == 24 * 3600 * S
    assert parts[key("wait_time", step="hear", phase="warm up")].out_of_range == 1


def test_read_lags_are_the_process_s_and_belong_to_the_phase_in_which_they_came() -> None:
    recorder = recorder_at(100 * S)
    recorder.begin_phase(1, 101 * S)
    recorder.read_lags([100 * S + 1, 5_000, 101 * S, 7_000, 101 * S + 1, 9_000])
    recorder.read_lags([])
    parts = histograms(frame_at(recorder, 102 * S))
    assert {name: (part.count, part.sum) for name, part in parts.items()} == {
        key("read_lag", phase="warm up"): (1, 5_000),
        key("read_lag", phase="steady"): (2, 16_000),
    }


def test_an_own_trend_keeps_its_unit() -> None:
    recorder = recorder_at()
    recorder.trend("feed_age", "hear", "ns", 1_500_000, 1)
    for value in (0.25, 3, float("nan"), -1):
        recorder.trend("queue", "hear", "messages", value, 1)
    parts = histograms(frame_at(recorder, S))
    age = parts[key("feed_age", step="hear", phase="warm up")]
    queue = parts[key("queue", step="hear", phase="warm up")]
    assert LatencyHistogram.decode(age).percentiles([50]) == [1_500_000]
    assert (queue.min, queue.max, queue.sum, queue.count, queue.out_of_range) == (0.25, 3, 3.25, 2, 2)


def test_a_count_may_be_of_several() -> None:
    recorder = recorder_at()
    recorder.count("greeted", 1)
    recorder.count("greeted", 2, n=4)
    assert {key("greeted", phase="warm up"): (5, 0)} == counters(frame_at(recorder, S))


def test_names_past_the_limit_share_one() -> None:
    recorder = recorder_at()
    for _ in range(2):
        for n in range(DISTINCT_NAMES + 5):
            recorder.count(f"count {n}", 1)
            recorder.error(f"kind {n}", "say", "", 1)
    counted = counters(frame_at(recorder, S))
    assert len(counted) == 2 * (DISTINCT_NAMES + 1)
    assert counted[key(OTHER, phase="warm up")] == (10, 0)
    assert counted[key("errors", kind=OTHER, step=OTHER, phase="warm up")] == (10, 0)
    assert counted[key("count 0", phase="warm up")] == (2, 0)


def test_a_name_that_a_server_thought_up_is_made_fit_to_show() -> None:
    recorder = recorder_at()
    recorder.count("a\nb\ud800" + "x" * 5_000, 1)
    recorder.error("odd\x1b", "say", "", 1)
    counted = counters(frame_at(recorder, S))
    assert counted[key("errors", kind="odd\ufffd", step="say", phase="warm up")] == (1, 0)
    assert {"a b\ufffd" + "x" * 2_042} == {name for name, _ in counted if name != "errors"}


def test_an_error_is_kept_whole_and_fit_to_show() -> None:
    recorder = recorder_at(10 * S)
    recorder.error(
        "http.503",
        "connect",
        "no\r\nroom\x1b[2J",
        12 * S,
        user=4,
        status=503,
        headers=(("Server", "x"), ("Set-Cookie", "secret")),
        body=b"<h1>busy</h1>\n\xff",
    )
    [error] = frame_at(recorder, 13 * S).errors
    assert (
        error.kind,
        error.step,
        error.at_s,
        error.detail,
        error.user,
        error.status,
    ) == ("http.503", "connect", 2.0, "no  room\ufffd[2J", 4, 503)
    assert (error.headers, error.body) == ({"Server": "x", "Set-Cookie": "***"}, "<h1>busy</h1> \ufffd")


def test_only_the_first_errors_are_kept_and_all_are_counted() -> None:
    recorder = recorder_at(max_errors=3)
    details, counted = [], 0
    for second in range(1, 4):
        for n in range(2):
            recorder.error("timeout", "say", f"{second}.{n}", second)
        frame = frame_at(recorder, second * S)
        details += [error.detail for error in frame.errors]
        counted += counters(frame)[key("errors", kind="timeout", step="say", phase="warm up")][0]
    assert (details, counted) == (["1.0", "1.1", "2.0"], 6)


def test_the_last_log_line_that_is_kept_says_so() -> None:
    recorder = recorder_at(max_logs=3)
    for n in range(10):
        recorder.log(n, f"line\n{n}", n * S)
    assert [(line.at_s, line.user, line.text) for line in frame_at(recorder, 20 * S).logs] == [
        (0.0, 0, "line 0"),
        (1.0, 1, "line 1"),
        (2.0, 2, NO_MORE_LOGS),
    ]


# -- whatever is called, and whenever a frame is made -----------------------------------------------------------------

steps = st.sampled_from(["say", "hear"])
spans_ns = st.integers(0, 10**10)
ago_ns = st.integers(1, 200)  # how long before the call something was intended: the clock goes 10 ns a call
calls = st.one_of(
    st.tuples(st.just("answered"), steps, ago_ns, st.lists(spans_ns, min_size=4, max_size=4)),
    st.tuples(st.just("silent"), steps, ago_ns, st.lists(spans_ns, min_size=3, max_size=3)),
    st.tuples(st.just("sent"), steps, ago_ns, st.lists(spans_ns, min_size=3, max_size=3)),
    st.tuples(st.just("duration"), steps, ago_ns, spans_ns),
    st.tuples(st.just("outcome"), steps, ago_ns, st.booleans()),
    st.tuples(st.just("count"), steps, ago_ns, st.integers(1, 5)),
    st.tuples(st.just("message"), steps, ago_ns, st.integers(1, 5)),
    st.just(("phase", "", 1, None)),
    st.just(("rotate", "", 1, None)),
    st.just(("slice", "", 1, None)),
)


class Model:
    """The same calls in the plainest way: every value kept with its phase."""

    def __init__(self) -> None:
        self.starts_ns = [0]
        self.values: defaultdict[Key, list[int]] = defaultdict(list)
        self.missing: Counter[Key] = Counter()
        self.counts: Counter[Key] = Counter()
        self.failed: Counter[Key] = Counter()

    def phase(self, at_ns: int) -> str:
        return PHASES[max([n for n, start_ns in enumerate(self.starts_ns) if start_ns <= at_ns], default=0)][0]

    def message(self, what: str, step: str, intended_ns: int, spans: list[int]) -> None:
        labels = {"step": step, "phase": self.phase(intended_ns)}
        for name, span in zip(("schedule_lag", "send_lag", "write_wait"), spans, strict=False):
            self.values[key(name, **labels)].append(span)
        if what == "sent":
            return
        response, service = key("response_time", **labels), key("service_time", **labels)
        self.tried(key("error_rate", kind="request", **labels), what == "silent")
        unlagged = key("unlagged_time", **labels)
        if what == "silent":
            self.missing.update([response, service, unlagged])
        else:
            self.values[response].append(sum(spans))
            self.values[service].append(sum(spans[2:]))
            self.values[unlagged].append(sum(spans) - spans[1])

    def tried(self, name: Key, failed: bool) -> None:
        self.counts[name] += 1
        self.failed[name] += failed


class Driver:
    """Makes the calls on a recorder and a model, and rotates in between, slice by slice."""

    def __init__(self) -> None:
        self.recorder, self.model, self.now_ns = recorder_at(), Model(), 0
        self.frames: list[Frame] = []
        self.rotation: Generator[None, None, Frame] | None = None

    def call(self, what: str, step: str, ago: int, detail: Any) -> None:
        self.now_ns += 10
        at_ns = max(0, self.now_ns - ago)
        labels = {"step": step, "phase": self.model.phase(at_ns)}
        match what:
            case "answered" | "silent" | "sent":
                stamps = [at_ns]
                for span in detail:
                    stamps.append(stamps[-1] + span)
                getattr(self.recorder.step(step), what)(*stamps)
                self.model.message(what, step, at_ns, detail)
            case "duration":
                self.recorder.duration("wait_time", step, at_ns, detail)
                self.model.values[key("wait_time", **labels)].append(detail)
            case "outcome":
                self.recorder.outcome("check", step, at_ns, detail)
                self.model.tried(key("error_rate", kind="check", **labels), detail)
            case "count":
                self.recorder.count(step, at_ns, detail)
                self.model.counts[key(step, phase=labels["phase"])] += detail
            case "message":
                self.recorder.ledger.messages.received += detail
                self.model.counts[key("messages_received", phase=self.model.phase(self.now_ns))] += detail
            case "phase" if len(self.model.starts_ns) < len(PHASES):
                self.recorder.begin_phase(len(self.model.starts_ns), self.now_ns)
                self.model.starts_ns.append(self.now_ns)
            case "rotate":
                self.finish()
                self.rotation = self.recorder.rotate(self.now_ns, Health())
            case "slice":
                self.slice()

    def slice(self) -> None:
        try:
            next(self.rotation or iter(()))
        except StopIteration as done:
            self.frames += [done.value] if done.value else []
            self.rotation = None

    def finish(self) -> None:
        while self.rotation is not None:
            self.slice()


@pytest.mark.slow
@given(st.lists(calls, max_size=60))
@settings(max_examples=150, deadline=None)
def test_all_frames_together_are_all_calls(some: list[tuple[str, str, int, Any]]) -> None:
    driver = Driver()
    for call in some:
        driver.call(*call)
    driver.call("rotate", "", 1, None)
    driver.finish()
    parts = [part for frame in driver.frames for part in frame.histograms]
    merged: dict[Key, LatencyHistogram] = {}
    for part in parts:
        merged.setdefault(key_of(part), LatencyHistogram()).add(LatencyHistogram.decode(part))
    model = driver.model
    assert {name: (len(values), min(values), max(values), sum(values)) for name, values in model.values.items()} == {
        name: (one.count, one.min, one.max, one.sum) for name, one in merged.items() if one.count
    }
    assert model.missing == {name: one.missing for name, one in merged.items() if one.missing}
    counted, failed = Counter[Key](), Counter[Key]()
    for frame in driver.frames:
        for counter in frame.counters:
            counted[key_of(counter)] += counter.count
            failed[key_of(counter)] += counter.failed
    assert (model.counts, +model.failed) == (counted, +failed)


def test_a_recorder_does_not_grow_with_its_run() -> None:
    recorder = recorder_at()
    hello = recorder.step("hello")
    for second in range(3):
        for n in range(1_000):
            hello.answered(n, n, n, n, n)
            recorder.duration("wait_time", "hear", n, n)
        frame_at(recorder, (second + 1) * S)
    assert hello.take() == []
    assert not recorder._interval.samples
    assert not recorder._interval.messages
