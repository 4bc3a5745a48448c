"""``connect``, ``close``, ``ping``, and what a handshake's answer may be."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from loadws.engine.steps.connect import url_of
from tests.engine.drive import drive
from tests.kit.behaviour import Behaviour, Leave, closes_after, echo, fails, refuses, silent
from tests.kit.plain import MS, S, once


@pytest.mark.parametrize(
    ("path", "query", "url"),
    [
        (None, [], "ws://h:1/chat?a=1"),  # the target as it is
        (None, [("room", "x y")], "ws://h:1/chat?a=1&room=x+y"),  # more query
        ("/admin", [], "ws://h:1/admin"),  # another path leaves the target's query behind
        ("/admin?b=2", [("c", "3")], "ws://h:1/admin?b=2&c=3"),  # a path may bring a query
        ("/a b/ü%20", [], "ws://h:1/a b/ü%20"),  # and stays as written: what must be, the transport encodes
        ("/a#b", [], "ws://h:1/a%23b"),  # a path has no fragment
        ("?b=2", [], "ws://h:1/?b=2"),
    ],
)
def test_url_of(path: str | None, query: list[tuple[str, str]], url: str) -> None:
    assert url_of("ws://h:1/chat?a=1", path, query) == url


def test_a_refusal_fails_the_session_and_keeps_its_status_and_body() -> None:
    outcome = drive(once("connect", {"count": "never"}), refuses(503, (("Retry-After", "1"),), b"busy"))

    assert outcome.errors == {"http.503": 1}
    sample = outcome.samples[0]
    assert (sample.status, sample.headers, sample.body) == (503, {"Retry-After": "1"}, "busy")
    assert outcome.ledger.refusals == {"503": 1}
    assert outcome.values("connect_time").count == 0
    assert outcome.count("never") == 0


def test_a_refusal_can_be_what_is_right() -> None:
    connect = {"connect": {"expect": {"status": 401}, "capture": {"realm": {"header": "WWW-Authenticate"}}}}
    outcome = drive(once(connect, {"log": "{{ realm }}"}), refuses(401, (("WWW-Authenticate", "Basic"),)))

    assert outcome.failed("connect") == (0, 1)
    assert outcome.errors == {}
    assert [line.text for line in outcome.logs] == ["Basic"]
    assert outcome.ledger.sessions.completed == 1


def test_an_upgrade_where_a_refusal_was_expected_is_a_failure() -> None:
    outcome = drive(once({"connect": {"expect": {"status": 401}}}), silent())

    assert outcome.errors == {"handshake": 1}
    assert outcome.values("connect_time").count == 0
    assert outcome.ledger.connections.closed_by_us == 1


def test_headers_of_the_answer_are_checked() -> None:
    expect = {"headers": {"X-Server": {"regex": "^blue"}}}
    right = drive(once({"connect": {"expect": expect}}), replace(silent(), headers=(("x-server", "blue-1"),)))
    wrong = drive(once({"connect": {"expect": expect}}), replace(silent(), headers=(("x-server", "green"),)))

    assert right.errors == {}
    assert wrong.errors == {"handshake": 1}


def test_a_failed_attempt_counts_by_phase_and_kind() -> None:
    outcome = drive(once("connect"), fails("tcp", "refused"))

    assert outcome.ledger.failures == {"tcp.refused": 1}
    assert outcome.errors == {"tcp.refused": 1}
    assert outcome.failed("connect") == (1, 1)


def test_an_attempt_in_flight_at_the_end_is_cut_off() -> None:
    document = {"load": [{"users": 2, "for": "1s"}], "graceful_stop": "1s", "flow": ["connect"]}
    outcome = drive({**document, "connection": {"open_timeout": "1m"}}, replace(silent(), connect_ns=30 * S))

    assert outcome.ledger.failures == {"cut_off": 2}
    assert outcome.ledger.sessions.cut_off == 2


def test_path_query_and_headers_are_templates_of_the_user() -> None:
    connect = {"connect": {"path": "/room/{{ user.index }}", "query": {"n": "{{ n }}"}}}
    outcome = drive({**once(connect), "variables": {"n": 7}}, silent())

    assert list(outcome.seen.urls) == ["ws://scripted.test/room/0?n=7"]


def test_close_says_its_code_and_reason_once() -> None:
    outcome = drive(once("connect", {"close": {"code": 4001, "reason": "bye"}}), silent())

    assert outcome.seen.closes == {4001: 1}
    assert outcome.ledger.close_codes == {"us.4001": 1}


def test_a_peer_that_never_answers_our_close_is_an_error() -> None:
    outcome = drive(once("connect", "close"), replace(silent(), answers_close=False))

    assert outcome.errors == {"close_timeout": 1}
    assert outcome.ledger.connections.closed_by_us == 1


@pytest.mark.parametrize("code", [1000, 1001, 1008, 1011, 1013, 4001])
def test_a_close_is_an_error_also_where_no_step_uses_the_connection(code: int) -> None:
    behaviour = Behaviour(on_open=lambda connection: (Leave(code, "", 10 * MS),))
    outcome = drive(once("connect", {"think": "1s"}), behaviour)

    assert outcome.errors == {f"closed.{code}": 1}


def test_a_held_user_whose_connection_ended_begins_a_new_session() -> None:
    document = {"load": [{"users": 1, "for": "2s"}], "flow": [{"request": "x"}, {"think": "100ms"}]}
    outcome = drive(document, closes_after(3, 1000))

    failed = outcome.ledger.sessions.failed
    assert failed > 5
    assert outcome.errors == {"closed.1000": failed}


def test_ping_measures_its_round_trip() -> None:
    outcome = drive(once("connect", "ping", {"ping": {"within": "1s"}}), replace(silent(), pong_ns=30 * MS))

    assert outcome.values("ping_time").count == 2
    assert outcome.values("ping_time").greatest == 30 * MS
    assert outcome.failed("ping") == (0, 2)


def test_a_ping_without_pong_times_out() -> None:
    outcome = drive(once("connect", {"ping": {"within": "1s"}}), replace(silent(), answers_pings=False))

    assert outcome.errors == {"timeout": 1}
    assert outcome.failed("ping") == (1, 1)


def test_keepalive_pings_are_measured_and_a_lost_pong_loses_the_connection() -> None:
    document = {**once("connect", {"think": "10s"}), "connection": {"ping": {"every": "1s", "timeout": "500ms"}}}
    alive = drive(document, replace(silent(), pong_ns=20 * MS))
    dead = drive(document, replace(silent(), answers_pings=False))

    assert alive.values("ping_time", step="keepalive").count >= 9
    assert alive.values("ping_time", step="keepalive").greatest == 20 * MS
    assert dead.errors == {"lost.ping_timeout": 1}


def test_connecting_twice_is_an_error() -> None:
    outcome = drive(once("connect", "connect"), echo())

    assert outcome.errors == {"already_open": 1}
