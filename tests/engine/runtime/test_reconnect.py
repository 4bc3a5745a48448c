"""Connections that end before their user does: ``reconnect`` by a step and by policy, ``drop``, and what is counted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from loadws.engine.runtime.backoff import backoff_ns
from loadws.scenario.model.connection import ReconnectOptions
from loadws.terms.chance import draw
from tests.engine.drive import drive
from tests.kit.behaviour import Action, Behaviour, Leave, Say, Vanish, echo, refusal, silent
from tests.kit.plain import MS, S, once

AT_ONCE = {"backoff": "1ms", "jitter": "none"}


def healing(*steps: Any, **policy: Any) -> dict[str, Any]:
    return once(*steps, connection={"reconnect": {**AT_ONCE, **policy}})


def first_ends(*actions: Action, base: Behaviour | None = None) -> Behaviour:
    """The first connection plays the actions; all others go on."""

    def on_open(connection: int) -> Sequence[Action]:
        return actions if connection == 0 else ()

    return replace(base or echo(), on_open=on_open)


# -- backoff ----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@given(
    least=st.integers(1, 10**10),
    times=st.integers(1, 1000),
    attempt=st.integers(0, 200),
    bits=st.integers(0, 2**64 - 1),
)
def test_a_backoff_is_within_its_bounds(least: int, times: int, attempt: int, bits: int) -> None:
    most = least * times
    longest = min(most, least * 2 ** min(attempt, 100))
    range_ = f"{least}ns..{most}ns"
    waits = {
        jitter: backoff_ns(ReconnectOptions.model_validate({"backoff": range_, "jitter": jitter}), attempt, bits)
        for jitter in ("full", "equal", "none")
    }
    assert waits["none"] == longest
    assert 0 <= waits["full"] <= longest
    assert longest // 2 <= waits["equal"] <= longest


def test_a_backoff_is_the_same_for_the_same_seed() -> None:
    policy = ReconnectOptions()
    waits = [backoff_ns(policy, attempt, draw(7, 3, attempt)) for attempt in range(8)]
    assert waits == [backoff_ns(policy, attempt, draw(7, 3, attempt)) for attempt in range(8)]
    assert len(set(waits)) == 8


# -- on demand --------------------------------------------------------------------------------------------------------


def test_drop_cuts_without_a_close_frame() -> None:
    outcome = drive(once("connect", {"request": "a"}, "drop", "drop"), echo())

    assert outcome.ledger.close_codes == {"us.drop": 1}
    assert outcome.ledger.connections.closed_by_us == 1
    assert outcome.seen.closes == {}
    assert (outcome.ledger.sessions.completed, outcome.errors) == (1, {})


def test_after_a_drop_there_is_no_connection_until_a_reconnect() -> None:
    outcome = drive(
        once("connect", "drop", {"request": "a", "on_failure": "continue"}, "reconnect", {"request": "b"}), echo()
    )

    assert list(outcome.seen.payloads) == ["b"]
    assert outcome.ledger.connections.opened == 2
    assert outcome.count("reconnects") == 1
    assert outcome.ledger.close_codes == {"us.drop": 1, "us.1000": 1}


def test_reconnect_closes_what_is_open_and_asks_anew() -> None:
    steps = [{"connect": {"query": {"n": "{{ n }}"}}}, {"set": {"n": 2}}, {"reconnect": {}, "name": "again"}]
    outcome = drive(once(*steps, variables={"n": 1}, on={"open": [{"count": "opened"}]}), silent())

    assert [url.rpartition("?")[2] for url in outcome.seen.urls] == ["n=1", "n=2"]
    assert outcome.ledger.close_codes == {"us.1000": 2}
    assert outcome.count("opened") == 2
    assert outcome.values("connect_time", step="again").count == 1
    assert outcome.values("recovery_time").count == 0  # nothing was lost


def test_reconnect_takes_what_is_lost() -> None:
    lost = {"request": "lost", "on_failure": "continue"}
    steps = ["connect", {"think": "9ms"}, lost, {"think": "990ms"}, "reconnect", {"request": "a"}]
    outcome = drive(once(*steps), first_ends(Vanish("reset", 10 * MS), base=echo(delay_ns=5 * MS)))

    assert outcome.ledger.close_codes == {"lost.reset": 1, "us.1000": 1}
    assert outcome.errors == {"lost.reset": 1}
    assert outcome.values("recovery_time").count == 1
    assert 0.99 * S <= outcome.values("recovery_time").least <= 1.0 * S


def test_a_reconnect_that_is_refused_ends_the_session() -> None:
    behaviour = replace(echo(), refuse=lambda attempt: refusal(503) if attempt else None)
    outcome = drive(once("connect", "reconnect", {"request": "a"}), behaviour)

    assert outcome.ledger.sessions.failed == 1
    assert outcome.ledger.refusals == {"503": 1}
    assert outcome.errors == {"http.503": 1}
    assert outcome.failed("connect") == (1, 2)


def test_a_named_connection_comes_back_under_its_name() -> None:
    feed = {"as": "feed"}
    steps = ["connect", {"connect": feed}, {"drop": {"on": "feed"}}, {"reconnect": {"on": "feed"}}]
    outcome = drive(once(*steps, {"request": {"send": "a", "on": "feed"}}, {"request": "b"}), echo())

    assert list(outcome.seen.payloads) == ["a", "b"]
    assert outcome.errors == {}


# -- by policy --------------------------------------------------------------------------------------------------------


def test_who_thinks_is_connected_again_meanwhile() -> None:
    outcome = drive(healing("connect", {"think": "1s"}, {"request": "a"}), first_ends(Leave(1012, "restart", 10 * MS)))

    assert outcome.ledger.close_codes == {"peer.1012": 1, "us.1000": 1}
    assert (outcome.errors, outcome.ledger.sessions.completed) == ({}, 1)  # who asks to come again is no error
    assert (outcome.count("reconnects"), outcome.count("disconnects")) == (1, 1)
    assert outcome.values("response_time").greatest < 100 * MS


def test_another_end_is_an_error_although_it_is_healed() -> None:
    outcome = drive(healing("connect", {"think": "1s"}, {"request": "a"}), first_ends(Leave(1011, "", 10 * MS)))

    assert outcome.errors == {"closed.1011": 1}
    assert outcome.ledger.sessions.completed == 1


def test_the_inside_of_a_session_goes_on_after_the_loss() -> None:
    document = {
        "load": [{"users": 1, "for": "2s"}],
        "flow": [{"request": "a"}, {"think": "100ms"}],
        "connection": {"reconnect": AT_ONCE},
    }
    outcome = drive(document, first_ends(Leave(1012, "", 500 * MS)))

    assert outcome.ledger.sessions.started == 1
    assert outcome.ledger.messages.answered == 20
    assert outcome.ledger.connections.opened == 2


def test_a_request_in_flight_is_unanswered_and_the_next_one_waits() -> None:
    request = {"request": {"name": "ask", "send": "a"}}
    outcome = drive(
        healing("connect", request, request, backoff="3s", attempts=1),
        first_ends(Vanish("eof", 10 * MS), base=echo(delay_ns=20 * MS)),
    )

    assert (outcome.ledger.messages.answered, outcome.ledger.messages.unanswered) == (1, 1)
    assert outcome.errors == {"lost.eof": 1}
    assert outcome.failed("request") == (1, 2)
    assert outcome.ledger.sessions.completed == 1
    # The second request was due as soon as the first had failed: its answer took the outage, and that is schedule lag.
    assert 3.02 * S <= outcome.values("response_time").greatest <= 3.03 * S
    assert outcome.values("service_time").greatest < 30 * MS
    assert outcome.values("send_lag").greatest < 10 * MS
    assert 3.02 * S <= outcome.values("recovery_time").greatest <= 3.03 * S


def test_a_step_waits_no_longer_than_its_within() -> None:
    request = {"request": {"send": "a", "reply": {"within": "500ms"}}}
    outcome = drive(
        healing("connect", {"think": "1s"}, request, {"think": "10s"}, {"request": "b"}, backoff="5s"),
        first_ends(Leave(1012, "", 10 * MS)),
    )

    assert list(outcome.seen.payloads) == ["b"]
    assert outcome.failed("request") == (1, 2)
    assert outcome.errors == {"closed.1012": 1}


def test_a_wait_goes_on_over_the_loss() -> None:
    def on_open(connection: int) -> Sequence[Action]:
        return (Say("one"), Leave(1012, "", MS)) if connection == 0 else (Say("two", 50 * MS),)

    outcome = drive(healing("connect", {"wait_for": {"count": 2}}), replace(silent(), on_open=on_open))

    assert (outcome.errors, outcome.ledger.sessions.completed) == ({}, 1)
    assert outcome.failed("wait_for") == (0, 1)
    assert outcome.values("recovery_time").count == 1


def test_who_gives_up_fails() -> None:
    behaviour = replace(first_ends(Leave(1012, "", 10 * MS)), refuse=lambda attempt: refusal(503) if attempt else None)
    outcome = drive(healing("connect", {"think": "1s"}, {"request": "a"}, attempts=3), behaviour)

    assert outcome.ledger.connections.attempted == 4
    assert outcome.ledger.refusals == {"503": 3}
    assert outcome.errors == {"http.503": 3, "reconnect.gave_up": 1, "closed.1012": 1}
    assert outcome.ledger.sessions.failed == 1


def test_a_server_that_closes_everybody_at_once_is_given_up() -> None:
    behaviour = replace(echo(), on_open=lambda connection: (Leave(1012),))
    outcome = drive(healing("connect", {"think": "1m"}, {"request": "a"}, attempts=4), behaviour)

    assert outcome.ledger.connections.opened == 5
    assert outcome.errors["reconnect.gave_up"] == 1


def test_connections_that_last_are_healed_without_end() -> None:
    behaviour = replace(echo(), on_open=lambda connection: (Leave(1012, "", 100 * MS),))
    outcome = drive(healing("connect", {"think": "10s"}, attempts=1), behaviour)

    assert outcome.ledger.connections.opened == 100
    assert outcome.errors == {}


def test_what_is_closed_by_us_is_not_healed() -> None:
    outcome = drive(healing("connect", "close", "connect", "drop", {"think": "1s"}), echo())

    assert outcome.ledger.connections.opened == 2
    assert outcome.count("reconnects") == 0


def test_a_close_ends_the_healing() -> None:
    outcome = drive(
        healing("connect", {"think": "1s"}, "close", {"think": "10s"}, backoff="5s"), first_ends(Leave(1012))
    )

    assert outcome.ledger.connections.opened == 1
    assert outcome.ledger.sessions.completed == 1


def test_the_end_of_the_session_ends_the_healing() -> None:
    outcome = drive(healing("connect", {"think": "1s"}, backoff="5s"), first_ends(Leave(1012)))

    assert outcome.ledger.connections.opened == 1
    assert outcome.ledger.sessions.completed == 1


def test_who_is_to_leave_does_not_wait_for_its_connection() -> None:
    document = {
        "load": [{"users": 1, "for": "1s"}],
        "flow": [{"request": "a"}, {"think": "100ms"}],
        "connection": {"reconnect": {"backoff": "1h"}},
    }
    outcome = drive(document, first_ends(Leave(1012, "", 500 * MS)))

    assert outcome.frames[-1].start_s < 1.5
    assert outcome.ledger.sessions.completed == 1


def test_one_connect_may_have_a_policy_of_its_own() -> None:
    steps = [{"connect": {"reconnect": AT_ONCE}}, {"connect": {"as": "other"}}, {"think": "1s"}]
    behaviour = replace(echo(), on_open=lambda connection: (Leave(1012, "", MS),) if connection < 2 else ())
    outcome = drive(once(*steps, connection={"expect_close": [1012]}), behaviour)

    assert outcome.ledger.connections.opened == 3  # the other one does not come back
    assert outcome.count("reconnects") == 1


def test_open_handlers_run_again() -> None:
    document = healing("connect", {"think": "1s"}, {"request": "a"})
    outcome = drive({**document, "on": {"open": [{"send": "hello"}]}}, first_ends(Leave(1012, "", MS)))

    assert list(outcome.seen.payloads) == ["hello", "hello", "a"]


@pytest.mark.slow
def test_users_are_healed_at_different_moments() -> None:
    document = {
        "load": [{"users": 50, "for": "5s"}],
        "flow": [{"think": "10s"}],
        "connection": {"reconnect": {"backoff": "1s..10s"}},
    }
    behaviour = replace(silent(), on_open=lambda connection: (Leave(1012, "", S),) if connection < 50 else ())
    outcomes = [drive(document, behaviour, seed=seed) for seed in (1, 1, 2)]
    storms = [[row.ledger.connections.opened for row in outcome.frames] for outcome in outcomes]

    assert [outcome.count("reconnects") for outcome in outcomes] == [50, 50, 50]
    assert storms[0] == storms[1]  # the same seed, the same storm


# -- reading slowly ---------------------------------------------------------------------------------------------------


def test_a_stall_reads_nothing_for_its_time() -> None:
    outcome = drive(
        once("connect", {"stall": "2s"}, {"wait_for": {}}), replace(silent(), on_open=lambda n: (Say("a", S),))
    )

    assert outcome.errors == {}
    assert outcome.ledger.messages.received == 1
    assert 2 * S <= outcome.values("session_time").greatest < 2.1 * S


def test_reading_slowly_takes_its_time() -> None:
    pushed = [Say("x" * 98) for _ in range(100)]  # 10,000 bytes with their heads
    flow = ["connect", {"read_slowly": {"rate": "1000B/s"}}, {"wait_for": {"count": 100, "within": "1m"}}]
    outcome = drive(once(*flow), replace(silent(), on_open=lambda n: pushed))

    assert outcome.ledger.messages.received == 100
    assert 9.5 * S <= outcome.values("session_time").greatest <= 10.5 * S


def test_who_is_to_leave_stalls_no_longer() -> None:
    outcome = drive({"load": [{"users": 1, "for": "1s"}], "flow": ["connect", {"stall": "1h"}]}, silent())

    assert outcome.frames[-1].start_s < 1.5


def test_a_connection_that_ends_ends_the_stall() -> None:
    outcome = drive(
        {
            **once("connect", {"stall": "1m"}, {"think": "1s"}),
            "connection": {"ping": {"every": "1s", "timeout": "2s"}},
        },
        silent(),
    )

    assert outcome.errors == {"lost.ping_timeout": 1}
    assert outcome.ledger.sessions.failed == 1
    assert outcome.values("session_time").greatest < 5 * S
