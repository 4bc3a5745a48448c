"""Frames of several processes become seconds: nothing is lost, nothing comes twice, and what is silent is not waited for."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from loadws.metrics.frame import DeliveryPart, Frame, Gauges, Health, Joined, Published, Received
from loadws.metrics.histograms.delivery_histogram import spread
from loadws.metrics.runinfo import ProbeInfo, RunInfo
from loadws.outputs.bounded_labels import LONGEST, OTHER, BoundedLabels
from loadws.outputs.second import Second, Seconds
from tests.metrics.made_up import counted, frame, info, times

STEADY = ("phase", "steady")


def told(index: int, process: int = 0, sent: int = 1, **changed: Any) -> Frame:
    """A frame with some messages, and with one answer after 5 ms."""
    parts: dict[str, Any] = {
        "counters": (counted("messages_sent", sent),),
        "histograms": (times("response_time", [5.0], step="join"),),
    }
    return frame(index, process=process, **{**parts, **changed})


def run(frames: list[Frame], of: RunInfo) -> list[list[Second]]:
    """Return what came of each frame, and at the end."""
    seconds = Seconds(of)
    return [*(seconds.add(each, 0) for each in frames), seconds.rest()]


def numbers(found: list[list[Second]]) -> list[list[int]]:
    return [[round(second.start_s) for second in seconds] for seconds in found]


def sent(second: Second) -> int:
    return second.counts["messages_sent", (STEADY,)].count


def test_a_second_is_whole_when_all_processes_have_told_of_it() -> None:
    found = run([told(0, 0), told(0, 1, sent=3), told(1, 1), told(1, 0)], info(processes=2))
    assert numbers(found) == [[], [0], [], [1], []]
    [second] = found[1]
    assert sent(second) == 4
    assert second.histograms["response_time", (STEADY, ("step", "join"))].count == 2


def test_a_process_that_is_silent_is_not_waited_for_and_may_tell_later() -> None:
    frames = [told(0, 0), told(0, 1), told(1, 0), told(2, 0), told(3, 0), told(4, 0), told(1, 1, sent=5)]
    found = run(frames, info(processes=2))
    assert numbers(found) == [[], [0], [], [], [1, 2, 3], [4], [1], []]
    assert sent(found[6][0]) == 5  # only what was late


def test_a_process_that_has_ended_is_not_waited_for() -> None:
    found = run([told(0, 0, last=True), told(0, 1), told(1, 1)], info(processes=2))
    assert numbers(found) == [[], [0], [1], []]


def test_gauges_are_the_sum_of_the_processes_and_health_that_of_the_worst() -> None:
    def gauged(process: int, users: int, cpu: float) -> Frame:
        return frame(0, process=process, gauges=Gauges(users * 2, users), health=Health(cpu_share=cpu))

    [_, [second], _] = run([gauged(0, 3, 0.9), gauged(1, 4, 0.2)], info(processes=2))
    assert second.gauges == {"users": 7, "open_connections": 14, "generator_cpu": 0.9, "generator_loop_lag": 0}


def test_what_the_scenario_does_not_declare_is_left_out() -> None:
    """A counter whose name is a template may be called as a server likes."""
    counters = (counted("greeted", 2), counted("said by the server", 1))
    [[second], _] = run([told(0, counters=counters)], info())
    assert set(second.counts) == {("greeted", (STEADY,))}


def test_a_label_has_a_bounded_number_of_values_of_a_bounded_length() -> None:
    labels = BoundedLabels(most=2)
    assert [labels.key({"step": name, "kind": "timeout"})[1] for name in ("a", "b", "c", "a")] == [
        ("step", "a"), ("step", "b"), ("step", OTHER), ("step", "a"),
    ]  # fmt: skip
    [(_, long)] = BoundedLabels().key({"step": "x" * 1000})
    assert long == "x" * (LONGEST - 1) + "…"


@pytest.mark.parametrize(
    ("frames", "numbers_of_settled"),
    [
        # their time is over while the run goes on
        (6, [3]),
        # it is not, and all seconds are whole: the last comes once more
        (2, [1]),
    ],
)
def test_deliveries_belong_to_the_second_in_which_they_are_settled(frames: int, numbers_of_settled: list[int]) -> None:
    """One probe, made in the first second, that counts for 2 s, with a second of grace."""
    parts = DeliveryPart(
        published=(Published(0, 0, 1, 100_000, 0, 0),),
        received=(Received(0, 0, 0, 1, 100_000, 1, 0, 5_000_000, 5_000_000, spread([5_000_000])),),
        joined=(Joined(0, 0, 10), Joined(0, 0, 20)),
    )
    told = [frame(0, delivery=parts), *(frame(index, last=index == frames - 1) for index in range(1, frames))]
    seconds = [second for each in run(told, info(probes=(ProbeInfo("talk", 2_000_000),))) for second in each]
    settled = [second for second in seconds if second.counts]
    assert [round(second.start_s) for second in settled] == numbers_of_settled
    key = (STEADY, ("probe", "talk"))
    assert {name: count.count for (name, at), count in settled[0].counts.items() if at == key} == {
        "probes_published": 1, "deliveries_expected": 2, "deliveries_missing": 1, "deliveries_in_doubt": 0,
    }  # fmt: skip
    assert settled[0].histograms["delivery", key].missing == 1
    assert settled[0].histograms["delivery_last", key].count == 1


def test_a_process_that_stops_for_a_while_loses_nothing() -> None:
    frames = [told(0), told(1, start_s=1.0, duration_s=7.0), told(2, start_s=8.0, duration_s=0.3, last=True)]
    found = [second for seconds in run(frames, info()) for second in seconds]
    assert [(second.start_s, round(second.duration_s, 3)) for second in found] == [(0.0, 1.0), (1.0, 7.0), (8.0, 0.3)]
    assert sum(Counter(sent=sent(second)).total() for second in found) == 3


@pytest.mark.parametrize("unix_ns", [0, 1_785_499_200_000_000_000])
def test_a_second_knows_its_time(unix_ns: int) -> None:
    [second] = Seconds(info()).add(told(4), unix_ns)
    assert second.unix_ns == unix_ns + 4_000_000_000
