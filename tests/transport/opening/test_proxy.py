"""Proxies: each kind carries a conversation, over TLS too, and each way in which one fails has its name."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from contextlib import AsyncExitStack

import pytest
import trio
import trustme
from python_socks._protocols import socks5

from loadws.terms.proxies import parse_proxy
from loadws.terms.transports import NAMES
from loadws.transport.base import FAILURE_KINDS, ConnectFailed, Network, Outgoing
from tests.kit import faults, proxies
from tests.kit.conformance import Recorder
from tests.kit.proxies import Asked, Proxy, http_proxy, socks_proxy
from tests.kit.raw import RawConnection, serve
from tests.transport.talk import PATIENCE_S, connected, opened

CA = trustme.CA()
#: A name that only ``resolve`` knows.
RESOLVE = Network(resolve={"chat.test": ("127.0.0.1",)})


def _server_tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    CA.issue_cert("127.0.0.1", "localhost", "chat.test").configure_cert(context)
    return context


def _client_tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    CA.configure_trust(context)
    return context


async def _echo(connection: RawConnection) -> None:
    await connection.accept()
    while True:
        opcode, payload = await connection.read_frame()
        await connection.send(bytes([0x80 | opcode, len(payload)]) + payload)


async def _say_through(name: str, url: str, proxy: str, network: Network = RESOLVE) -> Recorder:
    async with opened(name) as connector:
        connection, listener = await connected(connector, url, proxy=proxy, tls=_client_tls(), network=network)
        await connection.send("through", Outgoing())
        with trio.fail_after(PATIENCE_S):
            await listener.messages_come(1)
        assert connection.timings.proxy_ns is not None
        assert connection.timings.tcp_ns is not None
        assert (connection.timings.tls_ns is not None) == url.startswith("wss")
        await connection.close()
    return listener


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("secure", [False, True], ids=["ws", "wss"])
@pytest.mark.parametrize("kind", ["http", "https", "socks5", "socks5h"])
@pytest.mark.parametrize("user_info", [None, "ada:geheim"])
def test_a_conversation_through_a_proxy(name: str, secure: bool, kind: str, user_info: str | None) -> None:
    asked = Asked()

    async def main() -> None:
        async with AsyncExitStack() as stack:
            address = await stack.enter_async_context(serve(_echo, _server_tls() if secure else None))
            port = address.rpartition(":")[2]
            if kind.startswith("socks"):
                proxy = await stack.enter_async_context(socks_proxy(asked, user_info, kind, address))
            else:
                tls = _server_tls() if kind == "https" else None
                proxy = await stack.enter_async_context(http_proxy(asked, user_info, tls, address))
            await _say_through(name, f"{'wss' if secure else 'ws'}://chat.test:{port}/", proxy)
            host = "127.0.0.1" if kind == "socks5" else "chat.test"  # only socks5 looks names up here
            assert asked.targets == [f"{host}:{port}"]

    trio.run(main)
    assert [bool(shown) for shown in asked.credentials] == [user_info is not None]


GRANTED_INTRODUCTION = b"\x05\x00"
FAULTS = [
    # before there is a tunnel to speak of
    (lambda: proxies.nothing_listens("http"), "proxy.refused"),
    (lambda: proxies.nothing_listens("socks5h"), "proxy.refused"),
    (lambda: proxies.closes_at_once("http"), "proxy.closed"),
    (lambda: proxies.closes_at_once("socks5h"), "proxy.closed"),
    (lambda: proxies.says_nothing("http"), "proxy.timeout"),
    (lambda: proxies.says_nothing("socks5h"), "proxy.timeout"),
    # TLS where there is none
    (lambda: proxies.closes_at_once("https"), "proxy.tls"),
    (lambda: proxies.says_nothing("https"), "proxy.timeout"),
    # HTTP: garbage, another status, credentials, an endless head, more than the answer
    (lambda: proxies.answers(b"\x05\x00\x05\x00 garbage\r\n\r\n", "http"), "proxy.not_proxy"),
    (lambda: proxies.answers(b"HTTP/1.1 502 Bad Gateway\r\n\r\n", "http"), "proxy.status"),
    (lambda: proxies.answers(b"HTTP/1.1 302 Found\r\nLocation: ws://x\r\n\r\n", "http"), "proxy.status"),
    (lambda: proxies.answers(b"HTTP/1.1 407 Who?\r\n\r\n", "http"), "proxy.auth"),
    (lambda: proxies.floods("http"), "proxy.not_proxy"),
    (lambda: proxies.answers(b"HTTP/1.1 200 OK\r\n\r\nhello", "http"), "proxy.not_proxy"),
    (lambda: proxies.answers(b"HTTP/1.1 200 ", "http"), "proxy.timeout"),
    # SOCKS: HTTP's garbage, no method that we have, a refusal, half an answer, a kind of address that is none
    (lambda: proxies.answers(b"HTTP/1.1 400 Bad Request\r\n\r\n", "socks5h"), "proxy.not_proxy"),
    (lambda: proxies.answers(b"\x05\xff", "socks5h"), "proxy.auth"),
    (lambda: proxies.answers_in_turn((GRANTED_INTRODUCTION, b"\x05\x05\x00\x01"), "socks5h"), "proxy.status"),
    (lambda: proxies.answers_in_turn((GRANTED_INTRODUCTION, b"\x05\x00\x00\x01\x7f"), "socks5h"), "proxy.timeout"),
    (lambda: proxies.answers_in_turn((GRANTED_INTRODUCTION, b"\x05\x00\x00\x09"), "socks5h"), "proxy.not_proxy"),
    (lambda: proxies.answers_in_turn((GRANTED_INTRODUCTION, b"\x04\x00\x00\x01"), "socks5h"), "proxy.not_proxy"),
]  # fmt: skip


@pytest.mark.parametrize(("fault", "kind"), FAULTS, ids=lambda value: value if isinstance(value, str) else "")
def test_a_proxy_that_fails(fault: Callable[[], Proxy], kind: str) -> None:
    async def main() -> None:
        patience_ns = 300_000_000 if kind == "proxy.timeout" else 10_000_000_000
        async with fault() as proxy, opened("native") as connector:
            with pytest.raises(ConnectFailed) as failure:
                await connected(connector, "ws://chat.test/", proxy=proxy, open_timeout_ns=patience_ns)
            assert (failure.value.phase, failure.value.kind) == ("proxy", kind)
            assert kind.removeprefix("proxy.") in FAILURE_KINDS["proxy"]

    trio.run(main)


@pytest.mark.parametrize(
    ("proxy", "kind"),
    [
        ("http://no-such-host.invalid:1", "proxy.not_found"),
        ("nonsense", "proxy.failed"),  # what a template may give
        ("socks5://ada@127.0.0.1", "proxy.failed"),
    ],
)
def test_a_proxy_that_is_not_there(proxy: str, kind: str) -> None:
    async def main() -> None:
        async with opened("native") as connector:
            with pytest.raises(ConnectFailed) as failure:
                await connected(connector, "ws://127.0.0.1:1/", proxy=proxy)
            assert failure.value.kind == kind

    trio.run(main)


@pytest.mark.parametrize("serve_proxy", [http_proxy, socks_proxy])
def test_credentials_are_never_in_what_a_failure_says(serve_proxy: Callable[..., Proxy]) -> None:
    async def main() -> None:
        async with serve_proxy(Asked(), "ada:right") as proxy, opened("native") as connector:
            wrong = proxy.replace("right", "geheim")
            with pytest.raises(ConnectFailed) as failure:
                await connected(connector, "ws://chat.test/", proxy=wrong)
        assert failure.value.kind == "proxy.auth"
        assert "geheim" not in failure.value.detail
        assert failure.value.detail.endswith(("does not take our credentials (407)", "does not take our credentials"))

    trio.run(main)


def test_what_this_machine_lacks_is_not_the_proxy_s_fault() -> None:
    async def main() -> None:
        async with proxies.nothing_listens("http") as proxy, opened("native") as connector:
            with pytest.raises(ConnectFailed) as failure:
                await connected(connector, "ws://x/", proxy=proxy, network=Network(source_addresses=("192.0.2.1",)))
            assert failure.value.kind == "tcp.source_address"

    trio.run(main)


def test_a_proxy_whose_certificate_is_not_trusted() -> None:
    async def main() -> None:
        async with http_proxy(Asked(), tls=_server_tls()) as proxy, opened("native") as connector:
            with pytest.raises(ConnectFailed) as failure:
                await connected(connector, "ws://chat.test/", proxy=proxy)
            assert failure.value.kind == "proxy.untrusted"

    trio.run(main)


def test_direct_is_no_proxy() -> None:
    async def main() -> None:
        async with faults.echo() as url, opened("native") as connector:
            connection, _ = await connected(connector, url, proxy="direct")
            assert connection.timings.proxy_ns is None

    trio.run(main)


def test_a_host_that_socks_cannot_name() -> None:
    async def main() -> None:
        async with socks_proxy(Asked()) as proxy, opened("native") as connector:
            with pytest.raises(ConnectFailed) as failure:
                await connected(connector, f"ws://{'a' * 64}.test/", proxy=proxy)
            assert failure.value.kind == "upgrade.request"  # nor can any resolver

    trio.run(main)


def test_the_library_s_protocol_is_the_one_that_is_used() -> None:
    """It is private there, so another version may change it."""
    protocol = socks5.Connection()
    assert protocol.send(socks5.AuthMethodsRequest(username="a", password="b")) == b"\x05\x02\x00\x02"
    reply = protocol.receive(b"\x05\x02")
    assert isinstance(reply, socks5.AuthMethodReply)
    assert reply.method == socks5.AuthMethod.USERNAME_PASSWORD
    assert protocol.send(socks5.AuthRequest(username="a", password="b")) == b"\x01\x01a\x01b"
    protocol.receive(b"\x01\x00")
    assert protocol.send(socks5.ConnectRequest(host="h", port=80)) == b"\x05\x01\x00\x03\x01h\x00\x50"


def test_an_address_never_shows_its_user() -> None:
    proxy = parse_proxy("http://ada:geheim@[::1]:3128/")
    assert "geheim" not in f"{proxy} {proxy!r}"
    assert str(proxy) == "http://[::1]:3128"
