"""Frames into summaries: whatever their order, their number and the way the run ended."""

import random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadws.gate.check import observe
from loadws.metrics.frame import ErrorSample, Frame, Gauges, Health
from loadws.metrics.ledger import Ledger
from loadws.metrics.live import LiveView
from loadws.metrics.runinfo import Ending, RunInfo
from loadws.metrics.summarising.summariser import Summariser
from loadws.metrics.summary import ErrorCount, PhaseSpan, Summary, from_json, to_json
from loadws.terms.metrics import TABLE
from loadws.terms.thresholds import parse_threshold
from tests.kit.plain import MS
from tests.metrics.made_up import counted, frame, info, ledger, times

PHASES = (("warm-up", True), ("steady", False), ("rush", False))


def summariser(known: RunInfo, *frames: Frame) -> Summariser:
    made = Summariser(known)
    for each in frames:
        made.add(each)
    return made


def summary(known: RunInfo, *frames: Frame, ending: Ending | None = None) -> Summary:
    return summariser(known, *frames).summary(ending)


def observed(made: Summary, name: str, **labels: str) -> list[tuple[dict[str, str], int]]:
    return [(entry.labels, entry.count) for entry in made.entries(name, **labels)]


def test_warm_up_is_recorded_and_not_judged() -> None:
    made = summary(
        info(phases=PHASES),
        frame(
            0,
            "warm-up",
            warmup=True,
            phases=((0, 0.0),),
            histograms=(times("response_time", [9], "warm-up", step="a"),),
        ),
        frame(1, "warm-up", warmup=True, phases=((1, 1.5),), histograms=(times("response_time", [5], step="a"),)),
        frame(2, histograms=(times("response_time", [1, 2], step="a"),), last=True),
        ending=Ending(3.0),
    )
    assert made.run.phases == (PhaseSpan("warm-up", 0.0, 1.5, True), PhaseSpan("steady", 1.5, 3.0))
    assert (made.run.duration_s, made.run.judged_s) == (3.0, 1.5)
    assert observed(made, "response_time") == [({"step": "a"}, 3)]
    assert observed(made, "response_time", phase="warm-up") == [({"step": "a", "phase": "warm-up"}, 1)]
    (judged,) = made.entries("response_time")
    assert (judged.per_s, judged.max) == (2.0, 5 * MS)


def test_the_ending_knows_best_when_phases_were() -> None:
    ending = Ending(7.0, phases=(("warm-up", 0.0, 1.25), ("steady", 1.25, 6.0)))
    made = summary(info(phases=PHASES), frame(0, "warm-up", warmup=True, last=True), ending=ending)
    assert made.run.phases == (PhaseSpan("warm-up", 0.0, 1.25, True), PhaseSpan("steady", 1.25, 6.0))
    assert (made.run.duration_s, made.run.judged_s, made.run.interrupted) == (7.0, 4.75, None)


def test_a_killed_run_lasts_until_its_last_frame() -> None:
    made = summary(info(), frame(0), frame(1, duration_s=0.5))
    assert (made.run.duration_s, made.run.judged_s, made.run.interrupted) == (1.5, 1.5, "killed")
    assert made.run.notes == (
        "The run was killed: its last second is missing, and what was under way is counted as cut off.",
    )
    assert not made.generator.healthy


def test_a_run_without_frames_is_a_summary_too() -> None:
    made = summary(info(processes=2))
    assert (made.run.duration_s, made.series.start_s, made.metrics, made.errors) == (0.0, (), (), ())
    assert [process.complete for process in made.generator.processes] == [False, False]
    assert from_json(to_json(made)) == made


def test_the_ledger_is_the_sum_of_the_newest() -> None:
    made = summary(
        info(processes=2, expected_arrivals=9),
        frame(0, ledger=ledger(messages={"sent": 1, "one_way": 1}, arrivals={"expected": 5})),
        frame(1, ledger=ledger(messages={"sent": 3, "one_way": 3}, refusals={"503": 2}), last=True),
        frame(0, process=1, ledger=ledger(messages={"sent": 10, "one_way": 10}, refusals={"503": 1}), last=True),
        ending=Ending(2.0),
    )
    assert (made.ledger.messages.sent, made.ledger.refusals) == (13, {"503": 3})
    assert made.ledger.arrivals.expected == 9
    assert made.run.notes == ("The ledger does not add up: refusals is 0, its parts are 3.",)


def test_a_summary_does_not_change_the_frames_that_it_was_made_of() -> None:
    only = frame(0, ledger=ledger(messages={"sent": 1}))
    before = msgspec.msgpack.encode(only)
    made = summariser(info(), only)
    made.summary(None)
    made.summary(None)
    assert msgspec.msgpack.encode(only) == before


def test_errors_are_counted_by_kind_and_step_with_their_first_example() -> None:
    def sample(at_s: float, detail: str) -> ErrorSample:
        return ErrorSample("timeout", "a", at_s, detail)

    made = summary(
        info(phases=PHASES),
        frame(0, "warm-up", warmup=True, counters=(counted("errors", 2, "warm-up", kind="timeout", step="a"),),
              errors=(sample(0.4, "later"), sample(0.3, "first"))),
        frame(1, counters=(counted("errors", 3, kind="timeout", step="a"), counted("errors", 9, kind="http.503", step="b"))),
    )  # fmt: skip
    assert made.errors == (ErrorCount("http.503", "b", 9), ErrorCount("timeout", "a", 5, "first", in_warmup=2))


def test_gauges_are_entries() -> None:
    made = summary(info(), frame(0, gauges=Gauges(3, 4)), frame(1, gauges=Gauges(5, 6)))
    (users,) = made.entries("users")
    assert (users.min, users.mean, users.max) == (4.0, 5.0, 6.0)
    (users,) = made.entries("users", phase="steady")
    assert users.max == 6.0


def test_some_entries_can_be_had_in_the_middle_of_a_run() -> None:
    made = summariser(
        info(),
        frame(0, histograms=(times("response_time", [1], step="a"), times("service_time", [1], step="a"))),
    )
    entries = made.entries({"response_time", "users"})
    assert [(entry.name, entry.labels) for entry in entries] == [
        ("response_time", {"step": "a"}),
        ("users", {}),
        ("response_time", {"step": "a", "phase": "steady"}),
        ("users", {"phase": "steady"}),
    ]


def test_thresholds_on_the_scenarios_own_metrics_are_understood() -> None:
    made = summary(info("feed_age.p99 < 5s", "greeted > 0"), frame(0, last=True), ending=Ending(1.0))
    assert made.generator.healthy


def test_the_live_view_shows_the_last_seconds() -> None:
    made = summariser(
        info(),
        *(
            frame(
                second,
                gauges=Gauges(open_connections=second, users=second + 1),
                counters=(counted("messages_sent", second), counted("errors", 1, kind="timeout", step="a")),
                histograms=(times("response_time", [second] * 10, step="a"),),
                ledger=ledger(messages={"sent": second}),
            )
            for second in range(10)
        ),
    )
    view = made.live(4)
    assert view.response_p50_ns == pytest.approx(7 * MS, rel=1 / 64)
    seconds = view.seconds
    assert msgspec.structs.replace(view, response_p50_ns=None) == LiveView(
        at_s=10.0,
        phase="steady",
        warmup=False,
        users=10,
        open_connections=9,
        sent_per_s=7.5,
        received_per_s=0.0,
        response_p50_ns=None,
        response_p99_ns=None,
        response_max_ns=9 * MS,
        errors=10,
        ledger=ledger(messages={"sent": 9}),
        recent_s=4.0,
        spread=((10 * MS, 40),),
        seconds=seconds,
        begun=(("steady", 0.0),),
        kinds=(ErrorCount("timeout", "a", 10),),
    )
    newest = seconds[-1]
    assert (newest.second, newest.sent, newest.received, newest.errors) == (9, 9, 0, 1)
    assert newest.response_p99_ns == 9 * MS  # too few for a percentile: the slowest


def test_the_live_view_of_a_run_that_has_said_nothing() -> None:
    view = Summariser(info()).live()
    assert view == LiveView(0.0, "", False, 0, 0, 0.0, 0.0, None, None, None, 0, Ledger(), begun=(("steady", 0.0),))


def test_adding_in_slices_is_adding() -> None:
    one = frame(0, histograms=(times("response_time", [1], step="a"), times("send_lag", [0.1], step="a")))
    sliced = Summariser(info())
    slices = sum(1 for _ in sliced.adding(one))
    assert slices >= 2
    assert sliced.summary(None) == summary(info(), one)


def _run(seed: int, processes: int, seconds: int) -> list[Frame]:
    """The frames of a run that never was, each process's in order."""
    chance = random.Random(seed)
    frames = []
    for process in range(processes):
        so_far = Ledger()
        for second in range(seconds):
            phase, warmup = PHASES[min(second * 3 // seconds, 2)]
            count = chance.randrange(20)
            so_far.messages.sent += count
            so_far.messages.one_way += count
            so_far.arrivals.dropped += (dropped := chance.randrange(2))
            so_far.arrivals.planned += dropped
            frames.append(
                frame(
                    second,
                    phase,
                    process=process,
                    warmup=warmup,
                    phases=tuple((index, float(second)) for index in range(3) if seconds * index // 3 == second),
                    ledger=msgspec.convert(msgspec.to_builtins(so_far), Ledger),
                    gauges=Gauges(chance.randrange(9), chance.randrange(9)),
                    health=Health(cpu_share=chance.randrange(64) / 64, loop_lag_max_ns=chance.randrange(10**6)),
                    histograms=tuple(
                        times(name, [chance.randrange(1, 900) for _ in range(chance.randrange(12))], phase,
                              missing=chance.randrange(3), step=step)
                        for name in ("response_time", "send_lag") for step in ("a", "b")
                    ),
                    counters=(
                        counted("messages_sent", count, phase),
                        counted("error_rate", count, phase, chance.randrange(count + 1), kind="request", step="a"),
                        counted("errors", chance.randrange(3), phase, kind="timeout", step="a"),
                    ),
                    errors=(ErrorSample("timeout", "a", second + chance.random(), str(chance.random())),),
                    last=second == seconds - 1,
                )
            )  # fmt: skip
    return frames


@pytest.mark.slow
@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 3), st.integers(3, 12), st.randoms(use_true_random=False))
def test_the_order_of_frames_never_matters(seed: int, processes: int, seconds: int, chance: random.Random) -> None:
    known = info("response_time.p99 < 1s", phases=PHASES, processes=processes)
    frames = _run(seed, processes, seconds)
    in_order = summary(known, *frames, ending=Ending(float(seconds)))
    chance.shuffle(frames)
    assert summary(known, *frames, ending=Ending(float(seconds))) == in_order


@pytest.mark.slow
@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 3), st.integers(3, 12))
def test_a_summary_survives_json_and_its_counts_add_up(seed: int, processes: int, seconds: int) -> None:
    frames = _run(seed, processes, seconds)
    made = summary(info(phases=PHASES, processes=processes), *frames, ending=Ending(float(seconds)))
    assert from_json(to_json(made)) == made
    newest = [each.ledger for each in frames if each.last]
    assert made.ledger.messages.sent == sum(each.messages.sent for each in newest)
    whole = sum(part.count for each in frames for part in each.histograms if part.name == "response_time")
    of_phases = [made.entries("response_time", phase=name, step=step) for name, _ in PHASES for step in "ab"]
    assert sum(entry.count for entries in of_phases for entry in entries) == whole
    assert made.run.notes == ()


@pytest.mark.slow
def test_a_long_run_of_doublings_does_not_depend_on_the_order_of_processes() -> None:
    frames = [
        frame(second, process=process, histograms=(times("response_time", [process + 1], step="a"),))
        for process in range(2)
        for second in range(700)
    ]
    known = info(processes=2)
    by_process = summary(known, *frames)
    by_time = summary(known, *sorted(frames, key=lambda each: each.index))
    assert by_process == by_time
    assert len(by_process.series.start_s) == 350


def test_every_metric_of_an_entry_is_in_the_table() -> None:
    made = summary(info(phases=PHASES), *_run(1, 1, 6), ending=Ending(6.0))
    assert {entry.name for entry in made.metrics} <= TABLE.keys() | {"greeted"}


def test_the_send_lag_of_a_process_is_that_of_judged_sends() -> None:
    """A send belongs to the phase of its intended time, whatever second it was told in."""
    made = summary(
        info(phases=PHASES, processes=2),
        frame(0, "warm-up", warmup=True, histograms=(times("send_lag", [90], "warm-up", step="a"),)),
        frame(
            1, histograms=(times("send_lag", [80], "warm-up", step="a"), times("send_lag", [2], step="a")), last=True
        ),
        frame(1, process=1, histograms=(times("send_lag", [3], step="a"), times("send_lag", [4], step="b")), last=True),
        ending=Ending(2.0),
    )
    assert [process.send_lag_p99_ns for process in made.generator.processes] == pytest.approx(
        [2 * MS, 4 * MS], rel=1e-3
    )


def test_one_threshold_takes_few_entries() -> None:
    made = summariser(
        info(phases=PHASES),
        frame(
            0,
            phases=((1, 0.0),),
            histograms=(times("response_time", [1], step="a"), times("response_time", [1], step="b")),
        ),
    )

    def labels(rule: str) -> list[dict[str, str]]:
        return [entry.labels for entry in made.entries_for(parse_threshold(rule))]

    assert labels("response_time.p99 < 1s") == [{}]
    assert labels("response_time{step=b}.p99 < 1s") == [{"step": "b"}]
    assert labels("response_time{step=b,phase=steady}.p99 < 1s") == [{"step": "b", "phase": "steady"}]
    assert labels("response_time{phase=rush}.p99 < 1s") == []
    assert labels("users < 1") == [{}]


@pytest.mark.parametrize(
    "rule",
    ["response_time.p95 < 1s", "response_time{step=a}.max < 1s", "response_time{phase=warm}.p50 < 1s", "error_rate < 1%",
     "feed_age.mean < 1s", "response_time{step=none}.p95 < 1s"],
)  # fmt: skip
def test_rough_entries_are_those_of_a_rule_within_two_percent(rule: str) -> None:
    about = info(rule, phases=(("warm", True), ("steady", False)))
    made = summariser(
        about,
        *(
            frame(
                second,
                phase,
                histograms=(
                    *(
                        times("response_time", [second + 1 + tenth for tenth in range(300)], phase, step=step)
                        for step in "ab"
                    ),
                    times("feed_age", [3], phase),
                ),
                counters=(counted("error_rate", 50, phase, failed=second, kind="request", step="a"),),
            )
            for second, phase in enumerate(["warm", "warm", "steady", "steady"])
        ),
    )
    threshold = parse_threshold(rule, about.own())
    rough, exact = (
        observe(made.rough_entries_for(threshold), threshold),
        observe(made.entries_for(threshold), threshold),
    )
    assert rough.samples == exact.samples
    assert rough.value == (exact.value if exact.value is None else pytest.approx(exact.value, rel=1 / 64))
