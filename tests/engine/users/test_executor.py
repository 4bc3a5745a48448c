"""Phases, held users, arrivals, and the end: minutes of load in virtual time."""

from __future__ import annotations

import pytest
import trio
from msgspec.structs import replace

from loadws.engine.lifecycle import Lifecycle
from loadws.metrics.runinfo import EarlyEnd
from tests.engine.drive import drive
from tests.kit.behaviour import echo, refuses, silent
from tests.kit.plain import MS, S

HELLO = {"request": "hello"}


def asking(for_: str) -> dict[str, object]:
    """Four users that wait for an answer which never comes."""
    load = [{"users": 4, "for": for_}]
    return {"load": load, "graceful_stop": "1s", "flow": [{"request": {"send": "x", "reply": {"within": "1h"}}}]}


def users_at(outcome: object, second: int) -> int:
    return outcome.frames[second].gauges.users  # type: ignore[attr-defined, no-any-return]


def test_held_users_are_there_for_the_whole_phase_and_leave_after_it() -> None:
    outcome = drive({"load": [{"users": 10, "for": "5s"}], "flow": [HELLO, {"think": "100ms"}]}, echo(2 * MS))

    assert [frame.gauges.users for frame in outcome.frames] == [10, 10, 10, 10, 10, 0]
    sessions = outcome.ledger.sessions
    assert (sessions.started, sessions.completed, sessions.failed, sessions.cut_off) == (10, 10, 0, 0)
    assert outcome.seen.closes == {1000: 10}


def test_equal_numbers_carry_over_with_the_same_users() -> None:
    phases = [{"name": "a", "users": 5, "for": "2s"}, {"name": "b", "users": 5, "for": "2s"}]
    outcome = drive({"load": phases, "flow": [HELLO, {"think": "500ms"}]}, echo())

    assert outcome.ledger.connections.attempted == 5
    assert outcome.ending.phases == (("a", 0.0, 2.0), ("b", 2.0, 4.0))


def test_a_surplus_leaves_newest_first() -> None:
    flow = [{"log": "user {{ user.index }}"}, {"think": "300ms"}]
    phases = [{"users": 4, "for": "1s"}, {"users": 2, "for": "1s"}]
    outcome = drive({"load": phases, "flow": flow}, echo())

    late = {line.user for line in outcome.logs if line.at_s > 1.0}
    assert late == {0, 1}


def test_a_think_goes_on_across_a_phase_s_end() -> None:
    phases = [{"users": 3, "for": "2s"}, {"users": 3, "for": "10s"}]
    outcome = drive({"load": phases, "flow": [{"count": "flows"}, {"think": "5s"}]}, echo())

    assert outcome.count("flows") == 3 * 3


def test_a_ramp_down_ends_with_the_users_it_says() -> None:
    phases = [{"users": {"from": 10, "to": 2}, "for": "8s"}, {"users": 2, "for": "2s"}]
    outcome = drive({"load": phases, "flow": [HELLO, {"think": "50ms"}]}, echo())

    assert users_at(outcome, 8) == 2
    assert outcome.ledger.connections.attempted == 10


def test_arrivals_begin_at_their_intended_times_however_slow_the_server_is() -> None:
    document = {"load": [{"arrivals": "10/s", "for": "10s", "spacing": "uniform"}], "flow": ["connect", HELLO]}
    outcome = drive({**document, "graceful_stop": "30s"}, replace(echo(5 * S), connect_ns=3 * S))

    arrivals = outcome.ledger.arrivals
    assert (arrivals.planned, arrivals.completed, arrivals.dropped) == (100, 100, 0)
    assert outcome.values("schedule_lag", step="connect").greatest == 0


def test_above_max_users_an_arrival_is_dropped_and_counted() -> None:
    load = [{"arrivals": "10/s", "for": "10s", "max_users": 5, "spacing": "uniform"}]
    outcome = drive({"load": load, "flow": ["connect", {"think": "1s"}]}, echo())

    arrivals = outcome.ledger.arrivals
    assert arrivals.planned == 100
    assert arrivals.dropped > 0
    assert arrivals.completed + arrivals.dropped == arrivals.planned
    assert max(frame.gauges.users for frame in outcome.frames) <= 5


def test_sessions_that_arrived_live_across_phases() -> None:
    load = [{"arrivals": "1/s", "for": "3s", "spacing": "uniform"}, {"users": 1, "for": "5s"}]
    outcome = drive({"load": load, "flow": ["connect", {"think": "4s"}, HELLO]}, echo())

    assert outcome.ledger.arrivals.completed == outcome.ledger.arrivals.planned == 3


def test_an_iterations_phase_runs_exactly_so_many_flows() -> None:
    outcome = drive({"load": [{"users": 7, "iterations": 100}], "flow": [HELLO]}, echo(10 * MS))

    assert outcome.ledger.messages.answered == 100
    assert outcome.count("iterations") == 100


def test_iterations_end_also_where_nothing_opens() -> None:
    outcome = drive({"load": [{"users": 3, "iterations": 9}], "flow": [HELLO]}, refuses(503))

    assert outcome.ledger.sessions.failed == 9


def test_users_without_a_flow_left_go_on_in_the_next_phase() -> None:
    load = [{"users": 5, "iterations": 3}, {"users": 5, "for": "2s"}]
    outcome = drive({"load": load, "flow": [HELLO, {"think": "1s"}]}, echo(10 * MS))

    assert outcome.ledger.messages.answered > 3 + 5


def test_who_is_not_done_after_the_graceful_stop_is_cut_off() -> None:
    document = {"graceful_stop": "2s", "load": [{"users": 4, "for": "1s"}]}
    outcome = drive({**document, "flow": [{"request": {"send": "x", "reply": {"within": "1m"}}}]}, silent())

    assert outcome.ending.ended_at_s == pytest.approx(3.0, abs=1e-6)
    assert outcome.ledger.sessions.cut_off == 4
    assert outcome.ledger.messages.unanswered == 4
    assert outcome.ledger.close_codes == {"us.1001": 4}  # their connections got a close frame all the same


def test_an_end_that_comes_after_its_user_was_cut_off_is_still_told() -> None:
    """The user is gone, its connection not yet: the connector ends it."""
    document = {"graceful_stop": "1s", "load": [{"users": 1, "for": "1s"}], "on": {"close": [{"count": "closed"}]}}
    outcome = drive({**document, "flow": [{"request": {"send": "x", "reply": {"within": "1m"}}}]}, silent())

    assert outcome.ledger.sessions.cut_off == 1
    assert outcome.count("closed") == 1


def test_a_user_that_leaves_finishes_its_step_and_skips_its_think() -> None:
    document = {"load": [{"users": 1, "for": "1s"}], "flow": [{"request": "slow"}, {"think": "1h"}]}
    outcome = drive(document, echo(1_500 * MS))

    assert outcome.ledger.messages.answered == 1
    assert outcome.ending.ended_at_s == pytest.approx(1.5, abs=1e-3)


@pytest.mark.slow
def test_nobody_begins_another_turn_after_the_last_phase() -> None:
    every = {"every": "10ms", "align": True, "do": [{"send": "x"}]}
    outcome = drive({"load": [{"users": 100, "for": "1s"}], "flow": [every]}, silent())

    assert outcome.ledger.messages.sent == 100 * 101  # the one at the very end was due
    assert outcome.ending.ended_at_s == pytest.approx(1, abs=1e-6)
    assert [frame.over for frame in outcome.frames] == [False, True]


def test_one_signal_ends_gracefully() -> None:
    async def ctrl_c(lifecycle: Lifecycle) -> None:
        await trio.sleep(2.5)
        lifecycle.signal("Ctrl-C")

    document = {"load": [{"users": 3, "for": "1h"}], "flow": [HELLO, {"think": "1s"}]}
    outcome = drive(document, echo(10 * MS), meanwhile=ctrl_c)

    assert outcome.ending.interrupted == "Ctrl-C"
    assert outcome.ending.ended_at_s < 3
    assert outcome.ledger.sessions.completed == 3
    assert outcome.frames[-1].last


def test_a_second_signal_ends_at_once() -> None:
    async def twice(lifecycle: Lifecycle) -> None:
        await trio.sleep(2)
        lifecycle.signal("SIGTERM")
        await trio.sleep(1)
        lifecycle.signal("SIGTERM")

    request = {"request": {"send": "x", "reply": {"within": "1h"}}}
    document = {"graceful_stop": "1h", "load": [{"users": 3, "for": "1h"}], "flow": [request]}
    outcome = drive(document, silent(), meanwhile=twice)

    assert outcome.ending.ended_at_s == pytest.approx(3, abs=0.1)
    assert outcome.ledger.sessions.cut_off == 3


def test_an_abort_says_which_rule() -> None:
    async def abort(lifecycle: Lifecycle) -> None:
        await trio.sleep(2)
        lifecycle.end_early(EarlyEnd(rule="response_time.p99 < 1ms"))

    document = {"load": [{"users": 1, "for": "1h"}], "flow": [HELLO, {"think": "1s"}]}
    outcome = drive(document, echo(10 * MS), meanwhile=abort)

    assert outcome.ending.aborted_by == "response_time.p99 < 1ms"
    assert outcome.ending.interrupted == "the rule response_time.p99 < 1ms"


@pytest.mark.slow
def test_the_same_seed_gives_the_same_run() -> None:
    load = [{"users": {"from": 0, "to": 5}, "arrivals": "5/s", "for": "5s"}]
    flow = ["connect", {"think": "100ms..2s"}, {"send": "{{ random_int(1, 1000000) }}"}]
    first, second = (drive({"load": load, "flow": flow}, silent(), seed=3) for _ in range(2))
    other = drive({"load": load, "flow": flow}, silent(), seed=4)

    assert list(first.seen.payloads) == list(second.seen.payloads)
    assert list(first.seen.payloads) != list(other.seen.payloads)


@pytest.mark.slow
def test_at_most_256_handshakes_of_held_users_are_under_way() -> None:
    """600 users, 900 ms a handshake: the last of them open in the third second."""
    outcome = drive(
        {"load": [{"users": 600, "for": "4s"}], "flow": [{"think": "1h"}]}, replace(silent(), connect_ns=900 * MS)
    )

    assert [frame.gauges.open_connections for frame in outcome.frames[:4]] == [256, 512, 600, 600]
    assert outcome.values("connect_time").greatest == 900 * MS


def test_a_held_user_that_cannot_connect_waits_longer_each_time() -> None:
    """100, 200, 400, 800, 1600, 3200, then 5000 ms: 7 attempts in 8 s."""
    outcome = drive({"load": [{"users": 1, "for": "8s"}], "flow": [HELLO]}, refuses(503))

    assert outcome.ledger.connections.refused == 7


def test_warm_up_samples_bear_their_phase() -> None:
    load = [{"name": "warm", "users": 2, "for": "2s", "warmup": True}, {"name": "steady", "users": 2, "for": "2s"}]
    outcome = drive({"load": load, "flow": [HELLO, {"think": "100ms"}]}, echo(10 * MS))

    warm, steady = outcome.values("response_time", phase="warm"), outcome.values("response_time", phase="steady")
    assert warm.count + steady.count == outcome.ledger.messages.answered
    assert warm.count > 0 < steady.count


def test_connections_of_cut_off_users_get_a_close_frame_unless_the_server_does_not_answer_it() -> None:
    document = asking("1s")
    polite, deaf = drive(document, silent()), drive(document, replace(silent(), answers_close=False))

    assert polite.ledger.close_codes == {"us.1001": 4}
    assert deaf.ledger.connections.open_at_end == 4
    assert deaf.ending.ended_at_s == pytest.approx(
        3, abs=0.1
    )  # the load, the graceful stop, and one second for closing


def test_a_second_signal_waits_for_no_close_handshake() -> None:
    async def impatient(lifecycle: Lifecycle) -> None:
        await trio.sleep(0.5)
        lifecycle.signal("Ctrl-C")
        lifecycle.signal("Ctrl-C")

    document = asking("1h")
    outcome = drive(document, replace(silent(), answers_close=False), meanwhile=impatient)

    assert outcome.ending.ended_at_s == pytest.approx(0.5, abs=0.1)
