"""Several connections a user: ``connect: {as:}``, ``on:``, and what handlers see of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from tests.engine.drive import drive
from tests.kit.behaviour import Action, Behaviour, Leave, Say, Vanish, echo, refuses, silent
from tests.kit.plain import MS, S, once_handling

FEED = {"connect": {"as": "feed"}}


def on_connection(number: int, *actions: Action, base: Behaviour | None = None) -> Behaviour:
    """Plays the actions on that connection, counted from 0 in the order of opening, as it opens."""

    def on_open(connection: int) -> Sequence[Action]:
        return actions if connection == number else ()

    return replace(base or silent(), on_open=on_open)


# -- steps ------------------------------------------------------------------------------------------------------------


def test_each_step_speaks_on_the_connection_that_it_names() -> None:
    # The second connection, the feed, ends at once: what is said on it fails, and what is said on the other does not.
    steps = [
        {"request": "a"},
        {"request": {"send": "b", "on": "feed"}, "on_failure": "continue"},
        {"send": {"text": "c", "on": "feed"}, "on_failure": "continue"},
        {"ping": {"on": "feed"}, "on_failure": "continue"},
        {"expect_none": {"for": "1s", "on": "feed"}, "on_failure": "continue"},
        {"ping": {}},
        {"send": "d"},
    ]
    document = once_handling("connect", FEED, {"think": "1s"}, *steps) | {"connection": {"expect_close": [1001]}}
    outcome = drive(document, on_connection(1, Leave(1001, "", MS), base=echo()))

    assert list(outcome.seen.payloads) == ["a", "d"]
    assert outcome.failed("request") == (1, 2)
    assert outcome.failed("ping") == (1, 2)
    assert outcome.failed("send") == (1, 1)
    assert outcome.errors == {"closed.1001": 1}  # the end is one error, whoever notices it
    assert outcome.ledger.close_codes == {"peer.1001": 1, "us.1000": 1}


def test_a_message_answers_only_requests_of_its_own_connection() -> None:
    behaviour = on_connection(1, Say("news", 10 * MS))
    request = {"request": {"send": "x", "reply": {"within": "100ms"}}, "on_failure": "continue"}
    outcome = drive(once_handling("connect", FEED, request, {"wait_for": {"on": "feed"}}), behaviour)

    assert outcome.errors == {"timeout": 1}
    assert outcome.failed("wait_for") == (0, 1)


def test_a_wait_for_close_is_of_its_own_connection() -> None:
    waits = [{"wait_for": {"close": 1001, "on": "feed"}}, {"request": "still here"}]
    outcome = drive(once_handling("connect", FEED, *waits), on_connection(1, Leave(1001, "", MS), base=echo()))

    assert outcome.errors == {}
    assert outcome.ledger.messages.answered == 1


def test_a_user_may_have_named_connections_only() -> None:
    outcome = drive(
        once_handling(FEED, {"request": {"send": "x", "on": "feed"}}, {"close": {"on": "feed", "code": 4000}}), echo()
    )

    assert outcome.ledger.sessions.completed == 1
    assert outcome.ledger.close_codes == {"us.4000": 1}


def test_without_a_connection_of_that_name_the_session_fails() -> None:
    outcome = drive(once_handling("connect", {"send": {"text": "x", "on": "feed"}}), silent())

    assert outcome.errors == {"not_connected": 1}
    assert outcome.ledger.sessions.failed == 1


NEEDS_ONE: list[dict[str, Any]] = [
    {"request": {"send": "x"}}, {"send": {"text": "x"}}, {"ping": {}}, {"wait_for": {"within": "1s"}},
    {"expect_none": {"for": "1s"}}, {"close": {}}, {"drop": {}}, {"stall": {"for": "1s"}}, {"reconnect": {}},
    {"read_slowly": {"rate": "1KiB/s", "for": "1s"}},
]  # fmt: skip


@pytest.mark.parametrize("step", NEEDS_ONE, ids=[next(iter(each)) for each in NEEDS_ONE])
def test_a_step_without_its_connection_says_which_ones_are_open(step: dict[str, Any]) -> None:
    [(verb, body)] = step.items()
    elsewhere = {verb: {**body, "on": "nowhere"}}

    def said(*flow: Any) -> list[str]:
        return [sample.detail for sample in drive(once_handling(*flow), silent()).samples]

    assert said(FEED, step) == ["there is no connection without a name: connect one, or say on: 'feed'"]
    assert said(FEED, elsewhere) == ["there is no connection 'nowhere': connect it, or say on: 'feed'"]
    [both] = said("connect", FEED, elsewhere)
    assert both == "there is no connection 'nowhere': connect it, or say on: 'feed', or leave out on"


def test_one_name_opens_once_and_again_after_its_close() -> None:
    close = {"close": {"on": "feed"}}
    twice = drive(once_handling(FEED, FEED), silent())
    again = drive(once_handling(FEED, close, FEED, {"request": {"send": "x", "on": "feed"}}), echo())

    assert twice.errors == {"already_open": 1}
    assert again.errors == {}
    assert again.ledger.connections.closed_by_us == 2


def test_a_refused_connection_leaves_the_others_open() -> None:
    behaviour = replace(echo(), refuse=lambda attempt: refuses(503).refuse(0) if attempt == 1 else None)
    outcome = drive(once_handling("connect", {**FEED, "on_failure": "continue"}, {"request": "x"}), behaviour)

    assert outcome.ledger.messages.answered == 1
    assert (outcome.ledger.connections.refused, outcome.ledger.connections.closed_by_us) == (1, 1)


# -- the end of a session ---------------------------------------------------------------------------------------------


def test_what_is_open_at_a_sessions_end_is_closed_side_by_side() -> None:
    names = [{"connect": {"as": f"c{n}"}} for n in range(5)]
    outcome = drive(once_handling("connect", *names), replace(silent(), answers_close=False))

    assert outcome.ledger.connections.closed_by_us == 6
    assert outcome.values("session_time").greatest < 6 * S  # one close_timeout, which is 5 s


def test_the_next_session_has_connections_of_its_own() -> None:
    document = {
        **once_handling(FEED, {"request": {"send": "x", "on": "feed"}}),
        "load": [{"users": 1, "iterations": 3}],
    }
    outcome = drive(document, echo())

    assert outcome.ledger.sessions.completed == 3
    assert outcome.ledger.connections.closed_by_us == 3


def test_what_a_closed_connection_had_kept_is_unclaimed() -> None:
    waits = {"wait_for": {"where": {"text": "never"}, "within": "1s"}, "on_failure": "continue"}
    outcome = drive(once_handling("connect", {"think": "1s"}, "close", "connect", waits), on_connection(0, Say("kept")))

    assert outcome.ledger.messages.unclaimed == 1


# -- handlers ---------------------------------------------------------------------------------------------------------


def test_a_handler_answers_on_the_connection_of_its_event() -> None:
    handler = {"where": {"text": "ping"}, "do": [{"send": "pong to {{ connection }}"}]}
    unnamed_is_gone = on_connection(1, Say("ping", MS))
    outcome = drive(once_handling("connect", FEED, "close", {"think": "1s"}, message=[handler]), unnamed_is_gone)

    assert list(outcome.seen.payloads) == ["pong to feed"]
    assert outcome.errors == {}


def test_a_handler_may_be_for_one_connection() -> None:
    behaviour = Behaviour(on_open=lambda connection: (Say("news", MS),))
    handlers = [{"on": "feed", "do": [{"count": "of feed"}]}, {"do": [{"count": "of any"}]}]
    outcome = drive(
        once_handling("connect", FEED, {"connect": {"as": "b"}}, {"think": "1s"}, message=handlers), behaviour
    )

    assert (outcome.count("of feed"), outcome.count("of any")) == (1, 2)


def test_a_handler_that_waits_keeps_the_connection_of_its_event() -> None:
    behaviour = on_connection(1, Say("ping", MS))
    handler = {"do": [{"think": "100ms"}, {"send": "pong to {{ connection }}"}]}
    outcome = drive(once_handling("connect", FEED, "close", {"think": "1s"}, message=[handler]), behaviour)

    assert list(outcome.seen.payloads) == ["pong to feed"]


def test_open_and_close_know_their_connection() -> None:
    on = {"open": [{"send": "hello {{ connection }}"}], "close": [{"log": "closed {{ connection }}"}]}
    outcome = drive(once_handling(FEED, "connect", {"think": "1s"}, **on), on_connection(0, Vanish(after_ns=MS)))

    assert list(outcome.seen.payloads) == ["hello feed", "hello null"]
    assert [line.text for line in outcome.logs] == ["closed feed", "closed null"]


# -- trace ------------------------------------------------------------------------------------------------------------


def test_a_trace_says_which_connection_a_frame_is_on() -> None:
    behaviour = Behaviour(on_message=lambda payload, number: (Say(payload),) if payload == "x" else ())
    outcome = drive(
        once_handling("connect", FEED, {"request": {"send": "x", "on": "feed"}}, {"send": "y"}), behaviour, trace=True
    )

    frames = [line.split("ms", 1)[1].strip() for line in outcome.said if "text" in line]
    assert frames == ["-> [feed] text     1 B  x", "<- [feed] text     1 B  x", "-> text     1 B  y"]
