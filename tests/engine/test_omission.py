"""What a run must not leave out: turns that were due and never begun, tries that never got an answer, and our own stalls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from loadws.metrics.frame import STALL_NS
from tests.engine.drive import drive
from tests.kit.behaviour import Action, Behaviour, Say, echo, silent
from tests.kit.plain import MS, S

EVERY = {"every": "100ms", "align": True}


def answers_until(last: int, then: Behaviour | None = None) -> Behaviour:
    """Return a peer that answers so many messages on each connection, and keeps it open."""

    def on_message(payload: Any, number: int) -> Sequence[Action]:
        return (Say(payload, MS),) if number <= last else ()

    return replace(then or silent(), on_message=on_message)


def held(turn: list[Any], users: int = 3, for_: str = "4s", **document: Any) -> dict[str, Any]:
    return {"load": [{"users": users, "for": for_}], "graceful_stop": "1s", **document, "flow": turn}


@pytest.mark.parametrize("late", ["catch-up", "skip"])
def test_turns_behind_a_server_that_died_are_failed_tries_without_an_answer(late: str) -> None:
    """3 users, 40 turns each in 4 s; the server answers 20 of each and then nothing."""
    every = {**EVERY, "late": late, "do": [{"request": {"send": "x", "reply": {"within": "1h"}}, "name": "ask"}]}
    outcome = drive(held([every]), answers_until(20))

    turns = outcome.ledger.turns
    assert (turns.due, turns.done, turns.cut_off) == (3 * 40, 3 * 20, 3 * 20)  # nothing is due after the load's end
    assert outcome.count("turns") == 120
    # One request a user is under way, 18 turns were due for longer than an interval, and one has just become due.
    assert outcome.failed("request") == (3 * 19, 3 * 39)
    for metric in ("response_time", "service_time", "unlagged_time"):
        assert outcome.values(metric, step="ask").missing == 3 * 19


def test_every_try_of_a_turn_that_never_began_is_failed() -> None:
    branches = {"parallel": [[{"wait_for": {}, "name": "news"}], [{"request": {"send": "b"}, "name": "b"}]]}
    ask = {"request": {"send": "a", "reply": {"within": "1h"}}, "name": "a"}
    maybe = {"if": "{{ 1 == 2 }}", "then": [{"request": {"send": "c"}, "name": "never"}]}
    outcome = drive(held([{**EVERY, "do": [ask, branches, maybe]}], users=1), silent())

    assert outcome.values("response_time", step="a").missing == 39
    assert outcome.values("response_time", step="b").missing == 38
    assert outcome.values("wait_time", step="news").missing == 38
    assert outcome.values("response_time", step="never").missing == 0
    assert outcome.failed("wait_for") == (38, 38)


def test_turns_are_counted_in_the_phase_of_their_intended_time() -> None:
    phases = [{"name": "warm", "users": 1, "for": "2s", "warmup": True}, {"name": "main", "users": 1, "for": "2s"}]
    ask = {"request": {"send": "a", "reply": {"within": "1h"}}, "name": "a"}
    outcome = drive(held([{**EVERY, "do": [ask]}], load=phases), silent())

    assert [outcome.values("response_time", phase=name).missing for name in ("warm", "main")] == [20, 19]


@pytest.mark.slow
def test_a_healthy_server_loses_nothing_at_the_end() -> None:
    """Each turn takes nearly as long as the interval, so the next one is often due when the load ends."""
    every = {"every": "100ms", "do": [{"request": "x"}, {"think": "60ms..99ms"}]}
    outcome = drive(held([every], users=50, for_="5s"), echo(MS))

    assert outcome.errors == {}
    failed, tried = outcome.failed("request")
    assert failed == 0
    assert tried > 2_400


def test_turns_that_their_own_for_ends_are_not_due_after_it() -> None:
    every = {**EVERY, "for": "1s", "do": [{"request": {"send": "x", "reply": {"within": "1h"}}}]}
    outcome = drive(held([every]), silent())

    assert outcome.ledger.turns.due == 3 * 10


def test_arrived_sessions_keep_their_graceful_stop() -> None:
    document = {
        "load": [{"arrivals": "10/s", "spacing": "uniform", "for": "1s"}],
        "graceful_stop": "10s",
        "flow": [{**EVERY, "for": "2s", "do": [{"request": "x"}]}],
    }
    outcome = drive(document, echo(MS))

    arrivals, turns = outcome.ledger.arrivals, outcome.ledger.turns
    assert arrivals.completed == arrivals.planned > 8
    assert (turns.due, turns.cut_off) == (20 * arrivals.planned, 0)


# -- what only waits ends with the load -------------------------------------------------------------------------------

WAITS = {
    "wait_for": {"wait_for": {"within": "1h"}},
    "wait_for close": {"wait_for": {"close": "any", "within": "1h"}},
    "expect_none": {"expect_none": {"for": "1h"}},
    "barrier": {"barrier": {"users": 99, "within": "1h"}},
    "think": {"think": "1h"},
    "stall": {"stall": "1h"},
}


@pytest.mark.parametrize("step", WAITS.values(), ids=list(WAITS))
def test_what_only_waits_ends_with_the_load(step: dict[str, Any]) -> None:
    outcome = drive(held(["connect", step], for_="2s", graceful_stop="10s"), silent())

    assert outcome.ending.ended_at_s == pytest.approx(2, abs=0.1)
    assert outcome.ledger.sessions.failed == 0
    assert outcome.ledger.connections.closed_by_us == 3
    assert outcome.errors == {}
    assert outcome.count("errors") == 0
    assert outcome.failed("wait_for") == (0, 0)


def test_an_arrived_session_waits_for_its_message_until_the_graceful_stop() -> None:
    document = {
        "load": [{"arrivals": "2/s", "spacing": "uniform", "for": "1s"}],
        "graceful_stop": "5s",
        "flow": ["connect", {"wait_for": {"within": "1h"}}],
    }
    behaviour = replace(silent(), on_open=lambda connection: (Say("late", 3 * S),))
    outcome = drive(document, behaviour)

    assert outcome.ledger.arrivals.completed == outcome.ledger.arrivals.planned > 0


# -- a try fails once -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reply",
    [
        {"check": {"$.ok": True}},
        {"capture": {"token": "$.token"}},
        {"check": {"$.ok": True}, "capture": {"token": "$.token"}},
        {"check": {"$.ok": True, "$.id": 7}},
        {"within": "1ms"},
    ],
)
def test_every_answer_wrong_is_an_error_rate_of_one(reply: dict[str, Any]) -> None:
    request = {"request": {"send": "x", "reply": reply}, "on_failure": "continue"}
    behaviour = replace(silent(), on_message=lambda payload, number: (Say('{"ok": false}', 5 * MS),))
    outcome = drive(held([request, {"think": "100ms"}], for_="2s"), behaviour)

    failed, tried = outcome.failed("request")
    assert failed == tried > 30
    assert outcome.failed("check") == (0, 0)
    assert outcome.failed("capture") == (0, 0)


def test_a_wait_for_several_messages_fails_once() -> None:
    wait = {"wait_for": {"count": 3, "check": {"text": "right"}}, "on_failure": "continue"}
    behaviour = replace(silent(), on_open=lambda connection: tuple(Say("wrong", MS) for _ in range(3)))
    outcome = drive({"load": [{"users": 1, "iterations": 1}], "flow": ["connect", wait]}, behaviour)

    assert outcome.failed("wait_for") == (1, 1)
    assert outcome.errors == {"check": 3}


def test_a_free_check_is_a_try_of_its_own() -> None:
    outcome = drive(held([{"request": "x"}, {"check": "{{ 1 == 2 }}"}, {"think": "1s"}], users=1, for_="4s"), echo(MS))

    failed, tried = outcome.failed("check")
    assert failed == tried == 4
    assert outcome.failed("request") == (0, 4)


# -- messages that may be another's -----------------------------------------------------------------------------------


def test_pushes_beside_a_request_without_where_are_counted_for_its_step() -> None:
    behaviour = replace(silent(), on_message=lambda payload, number: (Say("ack", MS), Say("result", 6 * MS)))
    outcome = drive(held([{"request": {"send": "x"}, "name": "job"}, {"think": "50ms"}], users=1), behaviour)

    assert outcome.count("stray_messages") >= outcome.ledger.messages.answered - 1 > 50


def test_pushes_beside_a_request_with_where_are_nobody_else_s_answer() -> None:
    behaviour = replace(silent(), on_message=lambda payload, number: (Say("push", MS), Say(payload, 6 * MS)))
    request = {"request": {"send": "x", "reply": {"where": {"text": "{{ sent }}"}}}}
    outcome = drive(held([request, {"think": "50ms"}], users=1), behaviour)

    assert outcome.ledger.messages.unclaimed > 50
    assert outcome.count("stray_messages") == 0


# -- our own stalls ---------------------------------------------------------------------------------------------------


def test_the_backlog_behind_a_stall_of_the_loop_is_lag_of_loadws() -> None:
    """The clock jumps by 2 s between two looks of the loop, as it does when the process is stopped."""
    from loadws.engine.runtime.strand import Strand

    assert STALL_NS == 100 * MS
    strand = Strand.__new__(Strand)
    strand.free_ns, strand.intended_ns, strand.late_ns = 50 * MS, 100 * MS, 0

    assert strand.due() == (100 * MS, 100 * MS)
    strand.note_stall(100 * MS, 2100 * MS)  # sent 2 s late
    strand.free_ns = 2101 * MS  # answered 1 ms later

    for turn in range(2, 20):  # each is due at its own time: the server would have been asked then
        strand.intended_ns = turn * 100 * MS
        intended_ns, due_ns = strand.due()
        assert (intended_ns, due_ns) == (turn * 100 * MS, turn * 100 * MS)
        strand.note_stall(due_ns, strand.free_ns)
        strand.free_ns += MS

    strand.intended_ns = 2200 * MS  # caught up
    assert strand.due() == (2200 * MS, 2200 * MS)
    assert strand.late_ns == 0


def test_a_backlog_of_the_server_s_stays_its_own_behind_a_stall() -> None:
    from loadws.engine.runtime.strand import Strand

    strand = Strand.__new__(Strand)
    strand.free_ns, strand.late_ns = 500 * MS, 0  # the server took 400 ms, the next turn was due at 200 ms
    strand.intended_ns = 200 * MS
    assert strand.due() == (200 * MS, 500 * MS)  # schedule lag 300 ms, the server's
    strand.note_stall(500 * MS, 1500 * MS)  # a stall of 1 s
    strand.free_ns = 1510 * MS
    strand.intended_ns = 300 * MS
    assert strand.due() == (300 * MS, 510 * MS)  # without the stall: free at 510 ms
