"""Redirects of the upgrade: where they lead, when they are not followed, and what goes along."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
import trustme
from hypothesis import given
from hypothesis import strategies as st

from loadws.terms.transports import NAMES
from loadws.transport.base import Connection, ConnectRequest, HandshakeRefused
from loadws.transport.opening.redirects import GO_ANYWHERE, redirected
from tests.kit.conformance import Recorder
from tests.kit.raw import RawConnection, Request, response, serve
from tests.transport.talk import connected, opened

SECRET = (
    ("Authorization", "Bearer geheim"),
    ("Cookie", "id=geheim"),
    ("Host", "inside.test"),
    ("X-Own-Token", "geheim"),
    ("User-Agent", "loadws"),
    ("Origin", "https://app.test"),
)


def _refusal(location: str | None, status: int = 302) -> HandshakeRefused:
    return HandshakeRefused(status, () if location is None else (("location", location),), b"")


def _asked(url: str, **more: Any) -> ConnectRequest:
    return ConnectRequest(url, SECRET, redirects=3, **more)


@pytest.mark.parametrize(
    ("base", "location", "url"),
    [
        ("ws://h:1/a/b?c=1", "/d", "ws://h:1/d"),  # a path
        ("ws://h:1/a/b?c=1", "d?e=2", "ws://h:1/a/d?e=2"),  # beside the old one
        ("ws://h:1/a", "?e=2", "ws://h:1/a?e=2"),  # a query
        ("ws://h:1/a", "ws://h:1/b", "ws://h:1/b"),  # whole
        ("ws://h:1/a", "http://h:1/b", "ws://h:1/b"),  # as servers say it
        ("ws://h/a", "https://h/b#c", "wss://h/b"),  # to TLS; a fragment is nobody's
        ("wss://h/a", "//h/b", "wss://h/b"),  # of the same scheme
        ("ws://ada:pw@h/a", "/b", "ws://ada:pw@h/b"),  # the same server goes on to know who it is
        ("ws://ada:pw@h/a", "ws://h/b", "ws://ada:pw@h/b"),
        ("ws://ada:pw@h/a", "ws://bob:x@h/b", "ws://bob:x@h/b"),  # the server's own choice
        ("ws://ada:pw@h/a", "ws://i/b", "ws://i/b"),  # another server does not
        ("ws+unix:///run/s:/a/b", "/d?e=1", "ws+unix:///run/s:/d?e=1"),  # over the same socket
        ("ws+unix:///run/s:/a/b", "d", "ws+unix:///run/s:/a/d"),
        ("ws+unix:///run/s:/a", "ws://h/b", "ws://h/b"),  # or away from it
        ("ws+unix:///run/s:/a", "//h/b", "ws://h/b"),
        ("ws://h/a", "/q?name=a%20b&flag&at=10:30", "ws://h/q?name=a%20b&flag&at=10:30"),  # byte for byte
        ("ws://h/a", "http://h/x/../y?", "ws://h/x/../y?"),
    ],
)
def test_where_a_redirect_leads(base: str, location: str, url: str) -> None:
    following = redirected(_asked(base), _refusal(location))
    assert (following.url, following.redirects) == (url, 2)


@pytest.mark.parametrize(
    ("url", "refusal", "note"),
    [
        ("wss://h/", _refusal("ws://h/"), "it leads from TLS to plain TCP"),
        ("wss://h/", _refusal("http://h/"), "it leads from TLS to plain TCP"),
        ("ws://h/", _refusal("ftp://h/"), "its Location is no address: it leads to no http, https, ws or wss"),
        (
            "ws://h/",
            _refusal("ws+unix:///run/secret.sock:/"),
            "its Location is no address: it leads to no http, https, ws or wss",
        ),
        ("ws://h/", _refusal("ws://h:99999/"), "its Location is no address: a port is a number from 1 to 65535"),
        (
            "ws://h/",
            _refusal("ws://[/"),
            "its Location is no address: the host and the port of the address cannot be read",
        ),
        ("ws+unix:///run/s:/", _refusal("ws+unix:///run/secret.sock:/"), "it leads to a unix socket"),
    ],
)
def test_what_is_not_followed_says_why(url: str, refusal: HandshakeRefused, note: str) -> None:
    with pytest.raises(HandshakeRefused) as raised:
        redirected(_asked(url), refusal)
    assert raised.value.status == 302
    assert raised.value.detail == f"the server answered the upgrade with 302; the redirect was not followed: {note}"


@pytest.mark.parametrize(
    "refusal",
    [_refusal(None), _refusal("", 302), _refusal("/b", 300), _refusal("/b", 304), _refusal("/b", 503)],
    ids=["no Location", "an empty one", "300", "304", "503"],
)
def test_what_is_no_redirect_stays_a_refusal(refusal: HandshakeRefused) -> None:
    with pytest.raises(HandshakeRefused) as raised:
        redirected(_asked("ws://h/"), refusal)
    assert raised.value is refusal


@pytest.mark.parametrize("location", ["ws://other/", "ws://h:81/", "wss://h/"], ids=["host", "port", "scheme"])
def test_another_server_learns_no_secret(location: str) -> None:
    following = redirected(_asked("ws://h/", server_name="inside.test"), _refusal(location))
    assert following.headers == (("User-Agent", "loadws"), ("Origin", "https://app.test"))
    assert following.server_name is None


def test_the_same_server_gets_what_it_got() -> None:
    assert redirected(_asked("ws://h/"), _refusal("ws://H:80/b")).headers == SECRET


def test_a_client_certificate_is_for_its_server_only() -> None:
    with pytest.raises(HandshakeRefused, match="the client certificate is not for that"):
        redirected(_asked("wss://h/", presents_certificate=True), _refusal("wss://other/"))
    assert redirected(_asked("wss://h/", presents_certificate=True), _refusal("/b")).url == "wss://h/b"


@given(st.text())
def test_any_location_is_followed_or_refused(location: str) -> None:
    try:
        following = redirected(_asked("wss://h/"), _refusal(location))
    except HandshakeRefused:
        return
    assert following.url.startswith("wss://")
    if not following.url.startswith(("wss://h/", "wss://h:443/", "wss://h?")) and following.headers != SECRET:
        assert {name.lower() for name, _ in following.headers} <= GO_ANYWHERE


# -- over sockets -----------------------------------------------------------------------------------------------------


class _Server:
    """Notes what it is asked, sends on as its table says, and opens everything else."""

    def __init__(self, table: dict[str, str]) -> None:
        self.table = table
        self.requests: list[Request] = []

    async def __call__(self, connection: RawConnection) -> None:
        request = await connection.read_request()
        self.requests.append(request)
        location = self.table.get(request.target)
        if location is None:
            await connection.accept(request)
            await connection.read_until_close()
            return
        # The body is promised and never comes: nobody waits for it.
        headers = (("Location", location), ("Content-Length", "100"))
        await connection.send(response("302 Found", headers))
        await connection.read_to_the_end()


@asynccontextmanager
async def _connect(name: str, url: str, **request: Any) -> AsyncIterator[tuple[Connection, Recorder]]:
    async with opened(name) as connector:
        yield await connected(connector, url, **request)


@pytest.mark.parametrize("name", NAMES)
def test_redirects_are_followed_to_another_server(name: str) -> None:
    async def main() -> None:
        there = _Server({})
        async with serve(there) as target:
            here = _Server({"/": "/next", "/next": f"http://{target}/end?x=1"})
            async with (
                serve(here) as address,
                _connect(name, f"ws://{address}/", headers=SECRET, redirects=2) as (
                    connection,
                    listener,
                ),
            ):
                assert [call[0] for call in listener.calls] == ["open"]
                assert [request.target for request in here.requests] == ["/", "/next"]
                assert here.requests[1].headers["authorization"] == "Bearer geheim"
                (last,) = there.requests
                assert (last.target, last.headers["host"]) == ("/end?x=1", target)
                assert not {"authorization", "cookie", "x-own-token"} & last.headers.keys()
                timings = connection.timings
                assert timings.total_ns >= (timings.tcp_ns or 0) + (timings.upgrade_ns or 0)

    trio.run(main)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_loop_ends_at_the_limit_as_the_refusal(name: str) -> None:
    async def main() -> None:
        server = _Server({"/": "/"})
        async with serve(server) as address, opened(name) as connector:
            with pytest.raises(HandshakeRefused) as refused:
                await connected(connector, f"ws://{address}/", redirects=3, open_timeout_ns=10**10)
            assert refused.value.status == 302
            assert len(server.requests) == 4

    trio.run(main)


@pytest.mark.parametrize("name", NAMES)
def test_without_redirects_the_refusal_is_whole(name: str) -> None:
    async def main() -> None:
        async def handle(connection: RawConnection) -> None:
            await connection.read_request()
            await connection.send(response("302 Found", (("Location", "/x"), ("Content-Length", "4")), b"body"))

        async with serve(handle) as address, opened(name) as connector:
            with pytest.raises(HandshakeRefused) as refused:
                await connected(connector, f"ws://{address}/")
            assert (refused.value.status, refused.value.body) == (302, b"body")

    trio.run(main)


@pytest.mark.parametrize("name", NAMES)
def test_tls_never_leads_to_plain_tcp(name: str) -> None:
    ca = trustme.CA()
    server_tls, client_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    ca.issue_cert("127.0.0.1").configure_cert(server_tls)
    ca.configure_trust(client_tls)

    async def main() -> None:
        plain = _Server({})
        async with serve(plain) as target:
            secure = _Server({"/": f"http://{target}/"})
            async with serve(secure, server_tls) as address, opened(name) as connector:
                with pytest.raises(HandshakeRefused, match="from TLS to plain TCP"):
                    await connected(connector, f"wss://{address}/", redirects=5, tls=client_tls)
        assert plain.requests == []

    trio.run(main)
