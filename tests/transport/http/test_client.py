"""A user's HTTP client: what goes out, what is taken in, connections that are kept, and answers that are none."""

from __future__ import annotations

import base64

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from loadws.terms.parties import had_http_response, is_unreachable
from loadws.transport.base import ConnectFailed
from loadws.transport.cookies import Jar
from loadws.transport.http.client import CONNECTIONS_OF_A_USER, IDLE_S, HttpClients
from loadws.transport.http.messages import KINDS, HttpAnswer, HttpFailed, HttpRequest
from loadws.transport.url import Url
from tests.kit.scripted_http import Asked, Reply, ScriptedHttp, ScriptedWire
from tests.transport.http.fetch import API, answer_of, fetch, get, raw, script

OK = Reply(body=b"ok")


# -- what goes out ----------------------------------------------------------------------------------------------------


def test_what_every_request_says() -> None:
    server = script(OK)
    answer_of(server, HttpRequest("POST", f"{API}:81/a", body=b"x"))
    (asked,) = server.asked
    assert asked.headers == {
        "host": "api.test:81", "user-agent": "loadws", "accept": "*/*", "accept-encoding": "gzip, deflate",
        "connection": "keep-alive", "content-length": "1",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (HttpRequest("GET", API), None),  # no body, and none is spoken of
        (HttpRequest("POST", API), "0"),
        (HttpRequest("DELETE", API, body=b"xy"), "2"),
        (HttpRequest("POST", API, (("Transfer-Encoding", "chunked"),), b"xy"), None),
    ],
)
def test_a_body_is_announced(request_: HttpRequest, expected: str | None) -> None:
    server = script(OK)
    answer_of(server, request_)
    assert server.asked[0].headers.get("content-length") == expected
    assert server.asked[0].body == (request_.body or b"")


def test_the_scenario_s_own_headers_take_the_place_of_ours() -> None:
    server = script(OK)
    answer_of(
        server, get("http://ada:pw@api.test/", headers=(("HOST", "other"), ("user-agent", "me"), ("X", "gr\u00fcn")))
    )
    headers = server.asked[0].headers
    assert (headers["host"], headers["user-agent"], headers["x"]) == (
        "other",
        "me",
        "gr\u00fcn".encode().decode("latin-1"),
    )
    assert headers["authorization"] == "Basic " + base64.b64encode(b"ada:pw").decode()


@pytest.mark.parametrize(
    ("written", "target"),
    [
        ("", "/"),
        ("/q?name=a%20b&flag&at=10:30", "/q?name=a%20b&flag&at=10:30"),
        ('?x=|<>"', '/?x=|<>"'),
        ("/a b#c", "/a%20b"),
        ("//x/../y;%zz?", "//x/../y;%zz?"),
    ],
)
def test_the_target_goes_out_as_it_was_written(written: str, target: str) -> None:
    server = script(OK)
    answer_of(server, get(API + written))
    assert server.asked[0].target == target


@pytest.mark.parametrize(
    "request_",
    [
        get("http://a..b/"),
        get("http://[::1"),
        get("ws://api.test/"),
        get("api.test"),
        get("http://" + "x" * 64),
        get(headers=(("X", "a\r\nY: b"),)),
        get(headers=(("a b", "c"),)),
        get(headers=(("Content-Length", "7"),), body=b"x"),
        get(proxy="gopher://x"),
    ],
)
def test_what_cannot_be_sent_is_a_kind_of_its_own(request_: HttpRequest) -> None:
    assert fetch(script(OK), request_, get()) == ["http.request", answer_of(script(OK), get())]


def test_http_proxies_are_asked_for_the_page_itself_and_others_are_tunnels() -> None:
    server = script(OK)
    requests = [
        get(f"{API}/x?y", proxy="http://ada:pw@proxy.test:3128"),
        get("https://api.test/x", proxy="http://ada:pw@proxy.test:3128"),
        get(f"{API}/x", proxy="socks5://proxy.test"),
        get(f"{API}/x", proxy="direct"),
    ]
    fetch(server, *requests)
    assert [asked.target for asked in server.asked] == [f"{API}/x?y", "/x", "/x", "/x"]
    credentials = "Basic " + base64.b64encode(b"ada:pw").decode()
    assert [asked.headers.get("proxy-authorization") for asked in server.asked] == [credentials, None, None, None]
    assert server.proxies == [request.proxy for request in requests]


# -- connections ------------------------------------------------------------------------------------------------------


def test_a_connection_is_kept_and_only_its_first_request_opened_it() -> None:
    server = script(OK)
    answers = fetch(server, get(), get(f"{API}/other"), get("http://other.test"), get())
    assert server.opened == 2
    assert [isinstance(a, HttpAnswer) and a.opening_ns is not None for a in answers] == [True, False, True, False]


@pytest.mark.parametrize(
    "reply",
    [
        Reply(headers=[("Connection", "close")]),
        raw("HTTP/1.0 200 OK\nContent-Length: 2\n\n", b"ok"),
        raw("HTTP/1.1 200 OK\n\n", b"to the end"),  # a body that ends with its connection
        raw("HTTP/1.1 200 OK\nContent-Length: 2\n\n", b"ok and more than was asked for"),
        raw("HTTP/1.1 101 Switching Protocols\nUpgrade: x\nConnection: upgrade\n\n"),
    ],
)
def test_a_connection_that_cannot_be_kept_is_closed(reply: Reply | list[bytes]) -> None:
    server = script(reply)
    upgrade = (("Connection", "upgrade"), ("Upgrade", "x"))
    answers = fetch(server, get(headers=upgrade), get(headers=upgrade))
    assert server.opened == 2
    assert all(isinstance(answer, HttpAnswer) for answer in answers)


def test_an_idle_connection_is_closed_after_half_a_minute() -> None:
    server = script(OK)

    async def main() -> None:
        client = HttpClients(server).new(Jar())
        for idle_s in (0.0, IDLE_S - 1, IDLE_S + 1):
            await trio.sleep(idle_s)
            await client.send(get())

    trio.run(main, clock=MockClock(autojump_threshold=0))
    assert server.opened == 2


@pytest.mark.parametrize(("method", "again"), [("GET", True), ("HEAD", True), ("DELETE", True), ("POST", False)])
def test_a_kept_connection_that_was_closed_meanwhile_is_opened_again_where_that_is_harmless(
    method: str, again: bool
) -> None:
    """The server closes just as the request is on its way: nothing could be seen of it before."""
    server = script(OK, [], OK)
    first, second = fetch(server, get(), HttpRequest(method, API))
    assert isinstance(first, HttpAnswer)
    assert isinstance(second, HttpAnswer) == again
    assert server.opened == 1 + again
    assert second == "lost.eof" or again


def test_so_many_connections_at_once_and_no_more() -> None:
    most = now = 0

    async def handler(asked: Asked) -> Reply:
        nonlocal most, now
        now += 1
        most = max(most, now)
        await trio.sleep(1)
        now -= 1
        return OK

    server = ScriptedHttp(handler)

    async def main() -> None:
        client = HttpClients(server).new(Jar())
        async with trio.open_nursery() as nursery:
            for _ in range(20):
                nursery.start_soon(client.send, get())

    trio.run(main, clock=MockClock(autojump_threshold=0))
    assert (most, server.opened) == (CONNECTIONS_OF_A_USER, CONNECTIONS_OF_A_USER)


def test_what_is_cancelled_is_closed_and_its_place_is_free() -> None:
    async def handler(asked: Asked) -> Reply:
        await trio.sleep(10)
        return OK

    server = ScriptedHttp(handler)

    async def main() -> None:
        client = HttpClients(server).new(Jar())
        for _ in range(2 * CONNECTIONS_OF_A_USER):
            with trio.move_on_after(1):
                await client.send(get())
        await client.send(get())

    trio.run(main, clock=MockClock(autojump_threshold=0))
    assert server.opened == 2 * CONNECTIONS_OF_A_USER + 1


# -- what comes back --------------------------------------------------------------------------------------------------


def test_an_answer_comes_with_its_stamp() -> None:
    async def handler(asked: Asked) -> Reply:
        await trio.sleep(2)
        return Reply(201, [("X-A", "1")], b"made")

    answer = answer_of(ScriptedHttp(handler), get())
    assert (answer.status, answer.body, dict(answer.headers)["x-a"]) == (201, b"made", "1")
    assert answer.received_ns % 10**9 == 0
    assert answer.opening_ns == 0


@pytest.mark.parametrize(
    ("pieces", "kind"),
    [
        ([], "lost.eof"),
        ([b"HT"], "http.cut_short"),
        ([b"HTTP/1.1 200 OK\r\nContent-"], "http.cut_short"),
        (raw("HTTP/1.1 200 OK\nContent-Length: 9\n\n", b"short"), "http.cut_short"),
        (raw("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n", b"5\r\nsho"), "http.cut_short"),
        (raw("HTTP/1.1 100 Continue\n\n"), "http.cut_short"),
        (raw("SSH-2.0-OpenSSH\n"), "http.not_http"),
        ([b"\x15\x03\x03\x00\x02\x02\x0a"], "http.not_http"),
        (raw("HTTP/1.1 twohundred\n\n"), "http.protocol"),
        (raw("HTTP/1.1 200 OK\nno header\n\n"), "http.protocol"),
        (raw("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\nxyz\n"), "http.protocol"),
        (raw("HTTP/1.1 100 Continue\n\n" * 100), "http.protocol"),
        (raw("HTTP/1.1 200 OK\nX: " + "y" * 100_000), "http.too_large"),
        (raw("HTTP/1.1 200 OK\n\n", bytes(2**20 + 1)), "http.too_large"),
        (raw("HTTP/1.1 200 OK\nContent-Encoding: gzip\n\n", b"no"), "http.encoding"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_answers_that_are_none(pieces: list[bytes], kind: str) -> None:
    assert fetch(script(pieces), get()) == [kind]
    in_bytes = [piece[at : at + 1] for piece in pieces for at in range(len(piece))]
    if len(in_bytes) < 10_000:
        assert fetch(script(in_bytes), get()) == [kind]


def test_which_failures_had_an_answer() -> None:
    assert [kind for kind in KINDS if not had_http_response(kind)] == ["http.request", "http.not_http"]
    assert [kind for kind in KINDS if is_unreachable(kind)] == ["http.not_http"]


def test_an_answer_in_very_many_pieces_lets_others_have_their_turn() -> None:
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await trio.lowlevel.checkpoint()
            turns += 1

    async def main() -> None:
        server = script(raw("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n", b"1\r\nx\r\n" * 10_000 + b"0\r\n\r\n"))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(count)
            answer = await HttpClients(server).new(Jar()).send(get())
            nursery.cancel_scope.cancel()
        assert answer.body == b"x" * 10_000

    trio.run(main)
    assert turns > 100


NAMES = ["Location", "Content-Length", "Transfer-Encoding", "Content-Encoding", "Set-Cookie", "Connection", "X"]
VALUES = st.text(alphabet=st.characters(max_codepoint=255), max_size=30) | st.sampled_from(
    ["chunked", "gzip", "7", "0"]
)
LINES = st.lists(st.builds("{}: {}\n".format, st.sampled_from(NAMES), VALUES), max_size=5).map("".join)
STATUSES = st.sampled_from([100, 101, 200, 204, 301, 302, 303, 304, 307, 308, 404, 999])
HEADS = st.builds("HTTP/1.1 {} X\n{}\n".format, STATUSES, LINES)
BYTES = st.binary().map(lambda data: data.decode("latin-1"))


@pytest.mark.slow
@given(st.lists(HEADS | BYTES, min_size=1, max_size=3), st.sampled_from(["GET", "POST", "HEAD"]))
def test_whatever_a_server_answers_is_an_answer_or_one_failure_of_a_known_kind(texts: list[str], method: str) -> None:
    server = script(*(raw(text) for text in texts))
    (found,) = fetch(server, HttpRequest(method, f"{API}/x", body=b"b" if method == "POST" else None))
    assert isinstance(found, HttpAnswer) or found in KINDS or found.startswith("lost.")


def test_a_failure_to_open_is_told_in_its_own_words() -> None:
    async def main() -> None:
        with pytest.raises(HttpFailed, match="no way"):
            await HttpClients(_Closed(script(OK).handler)).new(Jar()).send(get())

    trio.run(main)


class _Closed(ScriptedHttp):
    async def __call__(self, url: Url, proxy: str | None) -> ScriptedWire:
        raise ConnectFailed("tcp", "refused", "no way")
