"""The cookies of a user: which go where, what the scenario says itself, and what a server cannot do with them."""

from __future__ import annotations

import pytest
import trio
from hypothesis import example, given
from hypothesis import strategies as st

from loadws.terms.transports import NAMES
from loadws.transport.base import ConnectRequest, HandshakeRefused
from loadws.transport.cookies import MOST_COOKIES, Jar
from loadws.transport.url import parse_http_url, parse_url
from tests.kit.conformance import Recorder
from tests.kit.raw import RawConnection, Request, response, serve
from tests.transport.talk import opened


def jar_with(*set_cookies: str, url: str = "https://api.test/login") -> Jar:
    jar = Jar()
    jar.keep(parse_http_url(url), tuple(("Set-Cookie", value) for value in set_cookies))
    return jar


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
        ("s=1; HttpOnly; SameSite=Lax", "", "ws://api.test/", "s=1"),
        ("s=1; Max-Age=0", "", "ws://api.test/", ""),
        ("s=1", "a=2; b=3", "ws://api.test/", "a=2; b=3; s=1"),  # after the scenario's own
        ("s=1", "s=9", "ws://api.test/", "s=9"),  # which go before one of the same name
    ],
)
def test_cookies_go_where_they_belong(set_cookie: str, own: str, url: str, expected: str) -> None:
    headers = (("X", "y"), ("cookie", own)) if own else (("X", "y"),)
    sent = dict(jar_with(set_cookie).with_cookies(parse_url(url), headers))
    assert sent.pop("X") == "y"
    assert "".join(sent.values()) == expected


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "a.b.test"])
def test_every_kind_of_host_has_cookies(host: str) -> None:
    assert jar_with("s=1", url=f"http://{host}:8/x").header_for(parse_url(f"ws://{host}/y")) == "s=1"


def test_a_domain_may_be_localhost() -> None:
    assert jar_with("s=1; Domain=localhost", url="http://localhost/").header_for(parse_url("ws://localhost/")) == "s=1"


def test_a_cookie_is_the_bytes_that_it_was() -> None:
    value = jar_with("s=\xc3\xbc\xff").header_for(parse_url("ws://api.test/"))
    assert value.encode("utf-8", "surrogateescape") == b"s=\xc3\xbc\xff"


def test_a_user_whose_server_sets_none_has_nothing() -> None:
    jar = jar_with()
    headers = (("X", "y"),)
    assert not jar
    assert jar.with_cookies(parse_url("ws://api.test/"), headers) is headers


def test_no_server_fills_the_memory() -> None:
    jar = Jar()
    for turn in range(10):
        said = tuple(("set-cookie", f"n{turn}-{number}=1") for number in range(1_000))
        jar.keep(parse_url("ws://api.test/"), (*said, ("set-cookie", "large=" + "x" * 5_000)))
    names = [name for name, _ in jar]
    assert len(names) == MOST_COOKIES
    assert names[-1].startswith("n9-")


@pytest.mark.slow
@example(["0;PATH=\x80"])
@given(
    st.lists(
        st.text(alphabet=st.characters(max_codepoint=255))
        | st.from_regex(r"\w*=.*; (Domain|Path|Expires|Max-Age|Version)=.*")
    )
)
def test_whatever_is_set_nothing_is_raised(said: list[str]) -> None:
    jar = Jar()
    jar.keep(parse_url("ws://api.test/a/b"), tuple(("set-cookie", value) for value in said))
    jar.header_for(parse_url("wss://api.test/a/b"))


# -- on the wire ------------------------------------------------------------------------------------------------------


class _Server:
    """Sets a cookie with every answer, and does with a target what its name says."""

    def __init__(self) -> None:
        self.requests: list[Request] = []

    async def __call__(self, connection: RawConnection) -> None:
        request = await connection.read_request()
        self.requests.append(request)
        cookie = ("Set-Cookie", f"{request.target.strip('/')}=1; Path=/")
        if request.target == "/refused":
            await connection.send(response("403 Forbidden", (cookie, ("Content-Length", "0"))))
        elif request.target == "/moved":
            await connection.send(response("302 Found", (cookie, ("Location", "/open"), ("Content-Length", "0"))))
        else:
            await connection.accept(request, (cookie,))
            await connection.read_until_close()


@pytest.mark.parametrize("name", NAMES)
def test_an_upgrade_brings_cookies_and_takes_them_along(name: str) -> None:
    server, jar = _Server(), Jar()

    async def main() -> None:
        async with serve(server) as address, opened(name) as connector:
            with pytest.raises(HandshakeRefused):
                await connector.connect(ConnectRequest(f"ws://{address}/refused"), Recorder(), jar)
            request = ConnectRequest(f"ws://{address}/moved", headers=(("Cookie", "own=2"),), redirects=1)
            await connector.connect(request, Recorder(), jar)
            await connector.connect(ConnectRequest(f"ws://{address}/open"), Recorder())

    trio.run(main)
    assert [request.headers.get("cookie") for request in server.requests] == [
        None,
        "own=2; refused=1",
        "own=2; refused=1; moved=1",
        None,  # without a jar there are none
    ]
    assert {name for name, _ in jar} == {"refused", "moved", "open"}
