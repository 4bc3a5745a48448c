"""``http`` steps: what is asked, what becomes of the answer, and what is counted; in virtual time, no network."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from msgspec.structs import replace

from loadws.engine.steps.http import origin_of
from loadws.metrics.ledger import Http
from loadws.transport.base import ConnectFailed
from loadws.transport.http.client import HttpClients
from loadws.transport.url import Url
from tests.engine.drive import Outcome, drive
from tests.kit.behaviour import closes_after, echo, refuses, silent
from tests.kit.plain import MS, S, once
from tests.kit.scripted_http import Asked, Reply, ScriptedHttp, ScriptedWire

API = "http://api.test"


def answers(status: int = 200, delay_s: float = 0, **reply: Any) -> ScriptedHttp:
    """A server that answers every request so."""

    async def handler(asked: Asked) -> Reply:
        await trio.sleep(delay_s)
        return Reply(status, **reply)

    return ScriptedHttp(handler)


def run(document: dict[str, Any], server: ScriptedHttp, **more: Any) -> Outcome:
    return drive(document, echo(), http=HttpClients(server), **more)


def http(**body: Any) -> dict[str, Any]:
    beside = {key: body.pop(key) for key in ("on_failure",) if key in body}
    return {"http": body, "name": "ask", **beside}


# -- what is asked ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "method", "url", "kind", "content"),
    [
        # a path is one of the target's own host
        ({"get": "/state"}, "GET", "http://scripted.test/state", None, b""),
        # the address's own query stays, before what is added
        ({"get": f"{API}/x?a=1#f", "query": {"b": "{{ 1 + 1 }}"}}, "GET", f"{API}/x?a=1&b=2", None, b""),
        ({"post": API, "json": {"n": "{{ 1 + 1 }}"}}, "POST", f"{API}/", "application/json", b'{"n":2}'),
        # null is a body too
        ({"post": API, "json": None}, "POST", f"{API}/", "application/json", b"null"),
        ({"put": API, "text": "é{{ 1 }}"}, "PUT", f"{API}/", "text/plain; charset=utf-8", "é1".encode()),
        (
            {"patch": API, "form": {"a b": "{{ 1 }}&"}},
            "PATCH",
            f"{API}/",
            "application/x-www-form-urlencoded",
            b"a+b=1%26",
        ),
        ({"delete": API, "binary": {"hex": "00ff"}}, "DELETE", f"{API}/", "application/octet-stream", b"\x00\xff"),
        # what the scenario says of the body is not said twice
        (
            {"post": API, "text": "<x/>", "headers": {"content-type": "text/xml"}},
            "POST",
            f"{API}/",
            "text/xml",
            b"<x/>",
        ),
        ({"head": API}, "HEAD", f"{API}/", None, b""),
        ({"options": API}, "OPTIONS", f"{API}/", None, b""),
    ],
)
def test_what_is_asked(body: dict[str, Any], method: str, url: str, kind: str | None, content: bytes) -> None:
    server = answers()
    outcome = run(once(http(**body), "connect"), server)
    assert outcome.errors == {}
    (request,) = server.asked
    assert (request.method, request.url, request.headers.get("content-type")) == (method, url, kind)
    assert request.body == content


def test_origin_of() -> None:
    assert origin_of("ws://h:1/chat?a=1") == "http://h:1"
    assert origin_of("wss://h/chat") == "https://h"


# -- what becomes of it -----------------------------------------------------------------------------------------------


def test_an_answer_is_checked_captured_from_and_timed_before_between_and_after_the_websocket() -> None:
    server = answers(201, 0.03, json={"token": "t1"}, headers=[("X-Room", "5"), ("Set-Cookie", "s=c1; Path=/")])
    login = http(
        post=f"{API}/login",
        check={"status": [200, 201], "$.token": {"regex": "^t"}, "headers": {"x-room": "5", "gone": {"exists": False}}},
        capture={"token": "$.token", "room": {"header": "X-Room"}, "cookie": {"cookie": "s"}},
    )
    outcome = run(
        once(
            login,
            "connect",
            {"request": "hi"},
            http(get=API),
            "close",
            http(get=API),
            {"log": "{{ token ~ room ~ cookie }}"},
        ),
        server,
    )
    assert outcome.errors == {}
    assert [line.text for line in outcome.logs] == ["t15c1"]
    times = outcome.values("http_time", step="ask")
    assert (times.count, times.least, times.greatest) == (3, 30 * MS, 30 * MS)
    assert outcome.failed("http") == (0, 3)
    assert outcome.failed("http")[0] == 0
    assert outcome.ledger.http == Http(requests=3, answered=3)
    assert outcome.ledger.messages.sent == 1
    assert [request.headers.get("cookie") for request in server.asked] == [None, "s=c1", "s=c1"]


@pytest.mark.parametrize(
    ("body", "errors", "went_on"),
    [
        ({}, {"http.503": 1}, 0),  # ends the turn
        ({"on_failure": "continue"}, {"http.503": 1}, 1),
        ({"check": {"status": 503}}, {}, 1),  # it is what is right
        ({"check": {"status": 200}}, {"check": 1}, 1),  # a check: it counts, and the flow goes on
        ({"check": {"text": "busy"}}, {"http.503": 1}, 0),  # a check of something else does not make it right
        ({"check": {"status": {"lt": 600}}, "capture": {"n": "$.n"}}, {"capture": 1}, 0),
    ],
)
def test_a_status_that_is_not_right(body: dict[str, Any], errors: dict[str, int], went_on: int) -> None:
    server = answers(503, body=b"busy", headers=[("Set-Cookie", "secret=1")])
    outcome = run(once(http(get=API, **body), {"count": "after"}, "connect"), server)
    assert outcome.errors == errors
    assert outcome.count("after") == went_on
    assert outcome.ledger.http == Http(requests=1, answered=1)
    for sample in outcome.samples:
        assert (sample.status, sample.body) == (503, "busy")
        assert sample.headers is not None and sample.headers["set-cookie"] == "***"
    if "http.503" in errors:
        assert outcome.failed("http") == (1, 1)
        assert outcome.values("http_time").count == 0


def test_an_answer_that_does_not_come_is_a_timeout() -> None:
    server = answers(delay_s=5)
    outcome = run(once(http(get=API, within="1s"), "connect"), server)
    assert outcome.errors == {"timeout": 1}
    assert outcome.failed("http") == (1, 1)
    assert outcome.ledger.http == Http(requests=1, timed_out=1)
    assert outcome.values("session_time").least == S


@pytest.mark.parametrize(
    ("pieces", "kind"),
    [
        ([], "lost.eof"),
        ([b"HTTP/1.1 200 O"], "http.cut_short"),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"], "http.cut_short"),
        ([b"HTTP/1.1 two hundred\r\n\r\n"], "http.protocol"),
        ([b"220 mail.test ESMTP\r\n"], "http.not_http"),
        ([b"HTTP/1.1 302 Found\r\nLocation: data:,x\r\nContent-Length: 0\r\n\r\n"], "http.url"),
    ],
)
def test_no_answer_at_all(pieces: list[bytes], kind: str) -> None:
    async def handler(asked: Asked) -> list[bytes]:
        return pieces

    outcome = run(once(http(get=API), "connect"), ScriptedHttp(handler))
    assert outcome.errors == {kind: 1}
    assert outcome.failed("http") == (1, 1)
    assert outcome.ledger.http == Http(requests=1, failed=1)


class _CannotOpen(ScriptedHttp):
    async def __call__(self, url: Url, proxy: str | None) -> ScriptedWire:
        raise ConnectFailed("tcp", self.kind, "no")

    kind = "refused"


@pytest.mark.parametrize(
    ("kind", "failed"),
    [
        ("refused", (1, 1)),
        ("file_limit", (0, 0)),  # what this machine lacks is no failure of the server's
    ],
)
def test_no_connection_at_all(kind: str, failed: tuple[int, int]) -> None:
    server = _CannotOpen(answers().handler)
    server.kind = kind
    outcome = run(once(http(get=API), "connect"), server)
    assert outcome.errors == {f"tcp.{kind}": 1}
    assert outcome.failed("http") == failed
    assert outcome.count("generator_failures") == 1 - failed[1]
    assert outcome.ledger.http == Http(requests=1, failed=1)


def test_an_address_that_is_none_only_when_it_is_known() -> None:
    server = answers()
    outcome = run(once({"set": {"api": "http://[::1"}}, http(get="{{ api }}"), "connect"), server)
    assert (outcome.errors, server.asked) == ({"http.request": 1}, [])


def test_what_the_end_cuts_off_is_counted_so() -> None:
    server = answers(delay_s=3600)
    document = once(http(get=API, within="1h"), "connect")
    outcome = run(document | {"load": [{"users": 1, "for": "1s"}], "graceful_stop": "1s"}, server)
    assert outcome.ledger.http == Http(requests=1, cut_off=1)
    assert outcome.ledger.sessions.cut_off == 1
    assert outcome.failed("http") == (1, 1)


# -- in loops and handlers --------------------------------------------------------------------------------------------


def test_in_a_handler_it_waits_and_the_handlers_after_it_too() -> None:
    server = answers(delay_s=0.5, json={"n": 7})
    ask = http(get=f"{API}/state", capture={"n": "$.n"})
    on = {"message": [{"where": {"text": "tick"}, "do": [ask, {"log": "{{ n }}"}]}]}
    outcome = run(once("connect", {"send": "tick"}, {"think": "1s"}, on=on), server)
    assert outcome.errors == {}
    assert [line.text for line in outcome.logs] == ["7"]
    assert outcome.ledger.http == Http(requests=1, answered=1)


def test_on_a_schedule_the_time_counts_from_the_intended_moment() -> None:
    server = answers(delay_s=0.15)
    every = {"every": "100ms", "for": "300ms", "align": True, "do": [http(get=API)]}
    outcome = run(once("connect", every), server)
    times = outcome.values("http_time")
    assert (times.count, times.least, times.greatest) == (3, 150 * MS, 250 * MS)


def test_a_new_session_has_no_cookies_and_a_new_client() -> None:
    server = answers(headers=[("Set-Cookie", "s=1")])
    outcome = run({"load": [{"users": 1, "iterations": 2}], "flow": [http(get=API), http(get=API), "connect"]}, server)
    assert outcome.errors == {}
    assert [request.headers.get("cookie") for request in server.asked] == [None, "s=1", None, "s=1"]


# -- trace ------------------------------------------------------------------------------------------------------------


def test_a_trace_shows_request_and_answer_without_their_secrets() -> None:
    server = answers(json={"token": "hunter2"}, headers=[("Set-Cookie", "s=topsecret")])
    login = http(
        post=f"{API}/login?x=1", json={"u": 1}, headers={"Authorization": "Bearer abc"}, capture={"token": "$.token"}
    )
    outcome = run(once(login, http(get=API, text="{{ token }}"), "connect", secrets=["token"]), server, trace=True)
    said = "\n".join(outcome.said)
    for shown in ("POST /login?x=1 HTTP/1.1", '{"u":1}', "HTTP/1.1 200 OK", "Authorization: ***"):
        assert shown in said
    for secret in ("Bearer abc", "topsecret"):
        assert secret not in said
    assert "hunter2" not in said


# -- cookies ----------------------------------------------------------------------------------------------------------


def test_cookies_of_http_and_of_the_upgrade_are_the_same() -> None:
    server = answers(headers=[("Set-Cookie", "login=1")])
    peer = replace(silent(), headers=(("set-cookie", "room=2"),))
    flow = [http(get="/login"), "connect", http(get="/after", capture={"room": {"cookie": "room"}}), "close", "connect"]
    outcome = drive(once(*flow, {"send": "room {{ room }}"}), peer, http=HttpClients(server))
    assert outcome.errors == {}
    assert [request.headers.get("cookie") for request in server.asked] == [None, "login=1; room=2"]
    assert list(outcome.seen.cookies) == ["login=1", "login=1; room=2"]
    assert list(outcome.seen.payloads) == ["room 2"]


def test_a_user_without_http_steps_has_the_cookies_that_its_upgrades_set_until_its_session_ends() -> None:
    peer = replace(silent(), headers=(("set-cookie", "node=7; Path=/"),))
    outcome = drive(
        {"load": [{"users": 1, "iterations": 2}], "flow": ["connect", "close", "connect", "reconnect"]}, peer
    )
    assert outcome.errors == {}
    assert list(outcome.seen.cookies) == ["", "node=7", "node=7", "", "node=7", "node=7"]


def test_what_a_refusal_sets_is_kept_too() -> None:
    peer = replace(refuses(401, (("Set-Cookie", "seen=1"),)))
    refused = {"connect": {"expect": {"status": 401}}}
    outcome = drive(once(refused, refused), peer)
    assert outcome.errors == {}
    assert list(outcome.seen.cookies) == ["", "seen=1"]


def test_a_lost_connection_is_opened_again_with_the_cookies_that_it_set() -> None:
    peer = replace(closes_after(1, 1012), headers=(("set-cookie", "node=7"),))
    document = once("connect", {"send": "x"}, {"think": "5s"}, connection={"reconnect": True})
    outcome = drive(document, peer)
    assert list(outcome.seen.cookies) == ["", "node=7"]


# -- the opening of connections ---------------------------------------------------------------------------------------


class _SlowToOpen(ScriptedHttp):
    async def __call__(self, url: Url, proxy: str | None) -> ScriptedWire:
        await trio.sleep(0.5)
        return await super().__call__(url, proxy)


def test_the_opening_of_a_connection_is_a_row_of_its_own() -> None:
    server = _SlowToOpen(answers(delay_s=0.03).handler)
    outcome = run(once(http(get=API), http(get=API), http(get=API), "connect"), server)
    times, opening = outcome.values("http_time", step="ask"), outcome.values("http_connect_time", step="ask")
    assert (times.count, times.least, times.greatest) == (3, 30 * MS, 30 * MS)
    assert (opening.count, opening.least) == (1, 500 * MS)


@pytest.mark.parametrize(
    ("connection", "step", "proxy"),
    [
        (None, None, None),
        ("http://proxy.test", None, "http://proxy.test"),  # the way of the WebSocket
        ("http://{{ 'a' }}.test", None, None),  # unless it is a user's own
        ("http://proxy.test", "direct", "direct"),
        (None, "socks5://{{ 'b' }}.test", "socks5://b.test"),
    ],
)
def test_the_proxy_is_the_connection_s_unless_the_step_says_otherwise(
    connection: str | None, step: str | None, proxy: str | None
) -> None:
    server = answers()
    options = {} if connection is None else {"connection": {"proxy": connection}}
    outcome = run(once(http(get=API, **({} if step is None else {"proxy": step})), "connect", **options), server)
    assert outcome.errors == {}
    assert server.proxies == [proxy]
