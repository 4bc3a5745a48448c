"""Connections that end unasked: what they end, at once, whatever step is running; and which ends a scenario asks for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.engine.drive import Outcome, drive
from tests.kit.behaviour import Action, Behaviour, Leave, Say, Vanish, echo, silent
from tests.kit.plain import MS, S, once

EVERYONE_LEAVES = (Leave(1000), Leave(4000), Leave(None), Vanish("eof"), Vanish("reset"))


def each(action: Action, base: Behaviour | None = None) -> Behaviour:
    """Return a peer that ends every connection 1 s after it opened."""
    return replace(base or silent(), on_open=lambda connection: (replace(action, after_ns=S),))


def first(action: Action, base: Behaviour | None = None) -> Behaviour:
    """Return a peer that ends its first connection 1 s after it opened."""

    def on_open(connection: int) -> Sequence[Action]:
        return (replace(action, after_ns=S),) if connection == 0 else ()

    return replace(base or echo(), on_open=on_open)


def all_but_the_first(connection: int) -> Sequence[Action]:
    return (Leave(1000, "", S),) if connection else ()


def second(action: Action) -> Behaviour:
    """Return a peer that ends its second connection 1 s after it opened."""
    return replace(echo(), on_open=lambda connection: (replace(action, after_ns=S),) if connection == 1 else ())


MAIN = {"connect": {"as": "main"}}


def lasted_s(outcome: Outcome) -> float:
    return outcome.ending.ended_at_s


@pytest.mark.parametrize("action", EVERYONE_LEAVES)
def test_held_users_that_lose_their_connection_begin_a_new_session(action: Action) -> None:
    """The load must not shrink unseen: 5 users, closed after each second of 3.5."""
    document = {"load": [{"users": 5, "for": "3500ms"}], "flow": ["connect", {"think": "1h"}]}
    outcome = drive(document, each(action))

    assert outcome.ledger.sessions.failed == 15
    assert outcome.ledger.connections.opened == 20
    assert outcome.errors.total() == 15
    [kind] = outcome.errors
    assert outcome.failed(kind) == (15, 15)  # each loss is a failed try of its own
    assert outcome.failed("connect") == (0, 20)


WAITING = {
    "think": {"think": "1h"},
    "barrier": {"barrier": {"users": 2, "within": "1h"}},
    "every": {"every": "1h", "align": False, "do": [{"count": "x"}]},
    "a request on another connection": {"request": {"send": "x", "on": "other", "reply": {"within": "1h"}}},
    "a wait on another connection": {"wait_for": {"on": "other", "within": "1h"}},
    "expect_none on another connection": {"expect_none": {"on": "other", "for": "1h"}},
    "a ping on another connection": {"ping": {"on": "other", "within": "1h"}},
    "stall on another connection": {"stall": {"on": "other", "for": "1h"}},
    "a close of another": {"wait_for": {"on": "other", "close": "any", "within": "1h"}},
    "parallel": {"parallel": [[{"think": "1h"}], [{"think": "2h"}]]},
    "overlapping turns": {"every": "10ms", "overlap": True, "do": [{"think": "1h"}]},
    "a turn inside a turn": {"repeat": 3, "do": [{"every": "1s", "for": "1h", "do": [{"think": "1h"}]}]},
    "many instant steps": {"while": "true", "do": [{"count": "x"}, {"think": "1ms"}]},
}


@pytest.mark.parametrize("step", WAITING.values(), ids=list(WAITING))
def test_the_session_ends_at_once_whatever_step_is_running(step: dict[str, Any]) -> None:
    behaviour = replace(first(Leave(1000), silent()), answers_pings=False)
    outcome = drive(once("connect", {"connect": {"as": "other"}}, step, {"count": "after"}), behaviour)

    assert lasted_s(outcome) == pytest.approx(1, abs=0.1)
    assert outcome.ledger.sessions.failed == 1
    assert outcome.errors["closed.1000"] == 1
    assert outcome.count("after") == 0


def test_a_python_function_ends_at_once(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text("import trio\n\n\nasync def wait(user):\n    await trio.sleep(3600)\n")
    outcome = drive(once("connect", {"call": "slow:wait"}), first(Leave(1000)), base=tmp_path)

    assert lasted_s(outcome) == pytest.approx(1, abs=0.1)
    assert outcome.errors == {"closed.1000": 1}
    assert outcome.failed("call") == (0, 0)  # it was cut short, which is no failure of its own


def test_a_connect_to_another_server_ends_at_once() -> None:
    behaviour = replace(first(Leave(1000)), connect_ns=1 * MS)

    def slow_second(connection: int) -> Sequence[Action]:
        return (Leave(1000, "", 10 * MS),) if connection == 0 else ()

    behaviour = replace(behaviour, on_open=slow_second, connect_ns=100 * MS)
    outcome = drive(once("connect", {"connect": {"as": "other"}}, {"think": "1h"}), behaviour)

    assert outcome.ledger.failures == {"cut_off": 1}
    assert outcome.ledger.sessions.failed == 1


def test_it_ends_the_innermost_turn_in_which_it_was_opened() -> None:
    turn = [{"connect": {"as": "b"}}, {"think": "2s"}, {"count": "whole turn"}, {"close": {"on": "b"}}]
    outcome = drive(once(MAIN, {"repeat": 3, "do": turn}, {"count": "after"}), second(Leave(1000)))

    assert outcome.count("whole turn") == 2
    assert outcome.count("after") == 1
    assert outcome.ledger.sessions.completed == 1


def test_it_ends_that_turn_from_inside_another() -> None:
    inner = {"every": "10ms", "for": "2s", "do": [{"request": {"send": "x", "on": "b"}}]}
    turn = [{"connect": {"as": "b"}}, inner, {"close": {"on": "b"}}, {"count": "outer"}]
    outcome = drive(once(MAIN, {"repeat": 2, "do": turn}), second(Leave(1000)))

    assert outcome.count("outer") == 1
    assert outcome.ledger.sessions.completed == 1
    assert outcome.ledger.connections.opened == 3


def test_it_ends_overlapping_turns_that_have_a_connection_each() -> None:
    turn = [{"connect": {"as": "b"}}, {"think": "1h"}]
    every = {"every": "3s", "for": "5s", "overlap": True, "do": turn}
    outcome = drive(once(MAIN, every, {"count": "after"}), replace(silent(), on_open=all_but_the_first))

    assert (outcome.ledger.turns.due, outcome.ledger.turns.failed) == (2, 2)
    assert outcome.ledger.sessions.completed == 1


def test_a_connection_whose_turn_is_over_belongs_to_the_session() -> None:
    steps = [{"repeat": 1, "do": [{"connect": {"as": "b"}}]}, {"think": "1h"}, {"count": "after"}]
    outcome = drive(once(MAIN, *steps), second(Leave(1000)))

    assert outcome.count("after") == 0
    assert outcome.ledger.sessions.failed == 1


# -- ends that a scenario asks for ------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [1000, 1011, 4000])
def test_a_close_that_is_waited_for_is_no_failure(code: int) -> None:
    outcome = drive(once("connect", {"wait_for": {"close": code, "within": "2s"}}), first(Leave(code)))

    assert outcome.errors == {}
    assert outcome.ledger.sessions.completed == 1


@pytest.mark.parametrize(
    "before",
    [{"think": "2s"}, {"request": "bye"}, {"if": "true", "then": [{"think": "2s"}]}, {"parallel": [[{"think": "2s"}]]}],
)
def test_a_close_that_the_next_waiting_step_waits_for_is_no_failure(before: dict[str, Any]) -> None:
    def bye(payload: Any, number: int) -> Sequence[Action]:
        return (Say("bye"), Leave(1000))

    behaviour = replace(first(Leave(1000)), on_message=bye)
    outcome = drive(once("connect", before, {"count": "x"}, {"wait_for": {"close": 1000}}), behaviour)

    is_loop = "parallel" in before  # its own steps come next, not the one behind it
    assert outcome.ledger.sessions.completed == (not is_loop)
    assert outcome.errors.total() == is_loop


def test_a_close_after_an_answer_is_awaited_by_a_function_too(tmp_path: Path) -> None:
    lines = ("async def leave(user):", "    await user.request('bye')", "    await user.wait_for_close(1000)")
    (tmp_path / "leaving.py").write_text("\n".join(lines))
    behaviour = replace(silent(), on_message=lambda payload, number: (Say("bye"), Leave(1000)))
    outcome = drive(once("connect", {"call": "leaving:leave"}), behaviour, base=tmp_path)

    assert outcome.errors == {}
    assert outcome.ledger.sessions.completed == 1


def test_expect_close_lists_the_codes_that_are_no_failure() -> None:
    document = once("connect", {"think": "2s"}, connection={"expect_close": [4000]})

    expected, other = drive(document, first(Leave(4000))), drive(document, first(Leave(4001)))

    assert (expected.errors, expected.ledger.sessions.completed) == ({}, 1)
    assert (other.errors, other.ledger.sessions.failed) == ({"closed.4001": 1}, 1)


def test_a_close_handler_excuses_nothing() -> None:
    document = once("connect", {"think": "1h"}, on={"close": [{"count": "closed"}]})
    outcome = drive(document, first(Leave(1000)))

    assert outcome.count("closed") == 1
    assert outcome.errors == {"closed.1000": 1}
    assert outcome.ledger.sessions.failed == 1


def test_what_a_step_says_of_its_own_failure_goes_first() -> None:
    request = {"request": {"send": "x", "reply": {"within": "1h"}}, "on_failure": "continue"}
    outcome = drive(once("connect", request, {"count": "after"}), first(Leave(1000), silent()))

    assert outcome.count("after") == 1
    assert outcome.failed("request") == (1, 1)
    assert outcome.failed("closed.1000") == (0, 0)  # the request was under way: it is the one failure


def test_a_policy_that_still_tries_comes_first() -> None:
    policy = {"reconnect": {"backoff": "1ms", "jitter": "none"}}
    outcome = drive(once("connect", {"think": "3s"}, {"count": "after"}, connection=policy), first(Leave(1000)))

    assert outcome.count("after") == 1
    assert outcome.errors == {"closed.1000": 1}
    assert outcome.failed("closed.1000") == (1, 1)


def test_a_server_that_accepts_and_closes_at_once_is_not_hammered() -> None:
    behaviour = replace(silent(), on_open=lambda connection: (Leave(1000, "", MS),))
    outcome = drive({"load": [{"users": 1, "for": "10s"}], "flow": ["connect", {"think": "1h"}]}, behaviour)

    assert outcome.ledger.connections.opened < 12


# -- recovery ---------------------------------------------------------------------------------------------------------

ANSWERED = {
    "by the next message": {"request": "a"},
    "by the next of several": {"request": {"send": "a", "reply": {"until": {"text": "a"}}}},
    "by a match": {"request": {"send": "a", "reply": {"where": {"text": "{{ sent }}"}}}},
    "by a wait": {"wait_for": {"where": {"text": "news"}, "within": "1h"}},
}


@pytest.mark.parametrize("step", ANSWERED.values(), ids=list(ANSWERED))
def test_recovery_is_timed_to_the_first_good_answer_however_it_comes(step: dict[str, Any]) -> None:
    def on_open(connection: int) -> Sequence[Action]:
        return (Vanish("reset", 10 * MS),) if connection == 0 else (Say("news", 20 * MS),)

    policy = {"reconnect": {"backoff": "5ms", "jitter": "none"}}
    news = {"on": {"message": [{"where": {"text": "news"}, "do": [{"count": "news"}]}]}} if "request" in step else {}
    behaviour = replace(echo(20 * MS), on_open=on_open)
    outcome = drive(once("connect", {"think": "12ms"}, step, connection=policy, **news), behaviour)

    assert outcome.values("recovery_time").count == 1
    assert 24 * MS <= outcome.values("recovery_time").total <= 26 * MS


def test_a_turn_that_lost_its_request_is_not_done() -> None:
    policy = {"reconnect": {"backoff": "1ms", "jitter": "none"}}
    every = {"every": "100ms", "for": "500ms", "align": True, "do": [{"request": "x"}]}
    outcome = drive(once("connect", every, connection=policy), first(Vanish("reset"), echo(10 * MS)))
    assert outcome.ledger.turns.done == 5

    lost = replace(echo(50 * MS), on_open=lambda n: (Vanish("reset", 220 * MS),) if n == 0 else ())
    outcome = drive(once("connect", every, connection=policy), lost)
    assert (outcome.ledger.turns.done, outcome.ledger.turns.failed) == (4, 1)
    assert outcome.ledger.messages.answered == 4
