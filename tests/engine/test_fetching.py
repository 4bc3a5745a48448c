"""``http`` steps: what is asked, what becomes of the answer, and what is counted; in virtual time, no network."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import httpx
import pytest
import trio

from loadws.engine.steps.fetching import origin_of, with_cookies
from loadws.metrics.ledger import Http
from loadws.testing.behaviour import echo
from loadws.transport.base import ConnectRequest
from loadws.transport.http import HttpClients, HttpRequest
from tests.engine.drive import MS, Outcome, S, drive

Handler = Callable[[httpx.Request], Coroutine[None, None, httpx.Response]]
API = "http://api.test"


def once(*steps: Any, **more: Any) -> dict[str, Any]:
    return {"load": [{"users": 1, "iterations": 1}], "flow": list(steps), **more}


def answers(status: int = 200, delay_s: float = 0, **content: Any) -> tuple[Handler, list[httpx.Request]]:
    """Answers every request so, and keeps it."""
    asked: list[httpx.Request] = []

    async def handler(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        await trio.sleep(delay_s)
        return httpx.Response(status, **content)

    return handler, asked


def run(document: dict[str, Any], handler: Handler, **more: Any) -> Outcome:
    return drive(document, echo(), http=HttpClients(transport=httpx.MockTransport(handler)), **more)


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
        ({"post": API, "json": {"n": "{{ 1 + 1 }}"}}, "POST", API, "application/json", b'{"n":2}'),
        # null is a body too
        ({"post": API, "json": None}, "POST", API, "application/json", b"null"),
        ({"put": API, "text": "é{{ 1 }}"}, "PUT", API, "text/plain; charset=utf-8", "é1".encode()),
        ({"patch": API, "form": {"a b": "{{ 1 }}&"}}, "PATCH", API, "application/x-www-form-urlencoded", b"a+b=1%26"),
        ({"delete": API, "binary": {"hex": "00ff"}}, "DELETE", API, "application/octet-stream", b"\x00\xff"),
        # what the scenario says of the body is not said twice
        ({"post": API, "text": "<x/>", "headers": {"content-type": "text/xml"}}, "POST", API, "text/xml", b"<x/>"),
        ({"head": API}, "HEAD", API, None, b""),
        ({"options": API}, "OPTIONS", API, None, b""),
    ],
)
def test_what_is_asked(body: dict[str, Any], method: str, url: str, kind: str | None, content: bytes) -> None:
    handler, asked = answers()
    outcome = run(once(http(**body), "connect"), handler)
    assert outcome.errors == {}
    (request,) = asked
    assert (request.method, str(request.url), request.headers.get("content-type")) == (
        method,
        str(httpx.URL(url)),
        kind,
    )
    assert request.content == content


def test_origin_of() -> None:
    assert origin_of("ws://h:1/chat?a=1") == "http://h:1"
    assert origin_of("wss://h/chat") == "https://h"


# -- what becomes of it -----------------------------------------------------------------------------------------------


def test_an_answer_is_checked_captured_from_and_timed_before_between_and_after_the_websocket() -> None:
    handler, asked = answers(201, 0.03, json={"token": "t1"}, headers={"X-Room": "5", "Set-Cookie": "s=c1; Path=/"})
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
        handler,
    )
    assert outcome.errors == {}
    assert [line.text for line in outcome.logs] == ["t15c1"]
    times = outcome.values("http_time", step="ask")
    assert (times.count, times.least, times.greatest) == (3, 30 * MS, 30 * MS)
    assert outcome.failed("http") == (0, 3)
    assert outcome.failed("check") == (0, 1)
    assert outcome.ledger.http == Http(requests=3, answered=3)
    assert outcome.ledger.messages.sent == 1
    assert [request.headers.get("cookie") for request in asked] == [None, "s=c1", "s=c1"]


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
    handler, _ = answers(503, text="busy", headers={"Set-Cookie": "secret=1"})
    outcome = run(once(http(get=API, **body), {"count": "after"}, "connect"), handler)
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
    handler, _ = answers(delay_s=5)
    outcome = run(once(http(get=API, within="1s"), "connect"), handler)
    assert outcome.errors == {"timeout": 1}
    assert outcome.failed("http") == (1, 1)
    assert outcome.ledger.http == Http(requests=1, timed_out=1)
    assert outcome.values("session_time").least == S


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (httpx.ConnectError("no"), "tcp.failed"),
        (httpx.ReadError("reset"), "lost.reset"),
        (httpx.RemoteProtocolError("Server disconnected without sending a response."), "lost.eof"),
        (httpx.RemoteProtocolError("illegal status line"), "http.protocol"),
        (httpx.ProxyError("407"), "proxy.refused"),
        (httpx.UnsupportedProtocol("x"), "http.url"),
    ],
)
def test_no_answer_at_all(raised: httpx.RequestError, kind: str) -> None:
    async def handler(request: httpx.Request) -> httpx.Response:
        raise raised

    outcome = run(once(http(get=API), "connect"), handler)
    assert outcome.errors == {kind: 1}
    assert outcome.ledger.http == Http(requests=1, failed=1)


def test_an_address_that_is_none_only_when_it_is_known() -> None:
    handler, asked = answers()
    outcome = run(once({"set": {"api": "http://[::1"}}, http(get="{{ api }}"), "connect"), handler)
    assert (outcome.errors, asked) == ({"http.url": 1}, [])


def test_what_the_end_cuts_off_is_counted_so() -> None:
    handler, _ = answers(delay_s=3600)
    document = once(http(get=API, within="1h"), "connect")
    outcome = run(document | {"load": [{"users": 1, "for": "1s"}], "graceful_stop": "1s"}, handler)
    assert outcome.ledger.http == Http(requests=1, cut_off=1)
    assert outcome.ledger.sessions.cut_off == 1
    assert outcome.failed("http") == (1, 1)


# -- in loops and handlers --------------------------------------------------------------------------------------------


def test_in_a_handler_it_waits_and_the_handlers_after_it_too() -> None:
    handler, _ = answers(delay_s=0.5, json={"n": 7})
    ask = http(get=f"{API}/state", capture={"n": "$.n"})
    on = {"message": [{"where": {"text": "tick"}, "do": [ask, {"log": "{{ n }}"}]}]}
    outcome = run(once("connect", {"send": "tick"}, {"think": "1s"}, on=on), handler)
    assert outcome.errors == {}
    assert [line.text for line in outcome.logs] == ["7"]
    assert outcome.ledger.http == Http(requests=1, answered=1)


def test_on_a_schedule_the_time_counts_from_the_intended_moment() -> None:
    handler, _ = answers(delay_s=0.15)
    every = {"every": "100ms", "for": "300ms", "align": True, "do": [http(get=API)]}
    outcome = run(once("connect", every), handler)
    times = outcome.values("http_time")
    assert (times.count, times.least, times.greatest) == (3, 150 * MS, 250 * MS)


def test_a_new_session_has_no_cookies_and_a_new_client() -> None:
    handler, asked = answers(headers={"Set-Cookie": "s=1"})
    outcome = run({"load": [{"users": 1, "iterations": 2}], "flow": [http(get=API), http(get=API), "connect"]}, handler)
    assert outcome.errors == {}
    assert [request.headers.get("cookie") for request in asked] == [None, "s=1", None, "s=1"]


# -- trace ------------------------------------------------------------------------------------------------------------


def test_a_trace_shows_request_and_answer_without_their_secrets() -> None:
    handler, _ = answers(json={"token": "hunter2"}, headers={"Set-Cookie": "s=topsecret"})
    login = http(
        post=f"{API}/login?x=1", json={"u": 1}, headers={"Authorization": "Bearer abc"}, capture={"token": "$.token"}
    )
    outcome = run(once(login, http(get=API, text="{{ token }}"), "connect", secrets=["token"]), handler, trace=True)
    said = "\n".join(outcome.said)
    for shown in ("POST /login?x=1 HTTP/1.1", '{"u":1}', "HTTP/1.1 200 OK", "Authorization: ***"):
        assert shown in said
    for secret in ("Bearer abc", "topsecret"):
        assert secret not in said
    assert "hunter2" not in said


# -- the upgrade ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("set_cookie", "own", "url", "expected"),
    [
        ("s=1", "", "ws://api.test/chat", "s=1"),
        ("s=1", "", "ws://api.test:99/chat", "s=1"),  # cookies know no ports
        ("s=1", "", "ws://other.test/chat", ""),
        ("s=1; Path=/chat", "", "ws://api.test/chat", "s=1"),
        ("s=1; Path=/chat", "", "ws://api.test/other", ""),
        ("s=1; Domain=api.test", "", "ws://eu.api.test/", "s=1"),
        ("s=1; Secure", "", "ws://api.test/", ""),
        ("s=1; Secure", "", "wss://api.test/", "s=1"),
        ("s=1", "a=2; b=3", "ws://api.test/", "a=2; b=3; s=1"),  # after the scenario's own
        ("s=1", "s=9", "ws://api.test/", "s=9"),  # which go before one of the same name
    ],
)
def test_cookies_go_with_the_upgrade(set_cookie: str, own: str, url: str, expected: str) -> None:
    handler, _ = answers(headers={"Set-Cookie": set_cookie})

    async def main() -> ConnectRequest:
        client = HttpClients(transport=httpx.MockTransport(handler)).new()
        await client.send(HttpRequest("GET", "https://api.test/login"))
        headers = (("X", "y"), ("cookie", own)) if own else (("X", "y"),)
        request = with_cookies(ConnectRequest(url, headers), client)
        await client.close()
        return request

    sent = dict(trio.run(main).headers)
    assert sent.pop("X") == "y"
    assert "".join(sent.values()) == expected


def test_without_an_http_step_the_upgrade_is_as_it_was() -> None:
    request = ConnectRequest("ws://h/")
    assert with_cookies(request, None) is request
