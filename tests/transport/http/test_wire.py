"""The HTTP client over real sockets: TCP, TLS, proxies, and what fails on the way, in the words of the upgrade."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
import trustme

from loadws.transport.base import Network
from loadws.transport.clock.timers import open_timers
from loadws.transport.cookies import Jar
from loadws.transport.http.client import HttpClient, HttpClients
from loadws.transport.http.messages import HttpFailed, HttpRequest
from loadws.transport.http.wire import NetworkDial
from tests.kit import faults, proxies
from tests.kit.raw import RawConnection, response, serve

OK = response("200 OK", (("Content-Length", "2"),), b"ok")


class Server:
    """Answers every request of a connection, and counts the connections."""

    def __init__(self, *, requests: int = 1_000_000) -> None:
        self.connections = 0
        self.targets: list[str] = []
        self._most = requests

    async def __call__(self, connection: RawConnection) -> None:
        self.connections += 1
        for _ in range(self._most):
            self.targets.append((await connection.read_request()).target)
            await connection.send(OK)


@asynccontextmanager
async def client(tls: ssl.SSLContext | None = None, **dial: Any) -> AsyncIterator[HttpClient]:
    async with open_timers() as timers:
        made = HttpClients(NetworkDial(timers, tls or ssl.create_default_context(), **dial)).new(Jar())
        try:
            yield made
        finally:
            made.close()


def contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    authority = trustme.CA()
    server, trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(server)
    authority.configure_trust(trusting)
    return server, trusting


@pytest.mark.parametrize("secure", [False, True])
def test_a_connection_is_kept_with_tls_or_without(secure: bool) -> None:
    server_tls, client_tls = contexts()
    server = Server()

    async def main() -> None:
        async with serve(server, server_tls if secure else None) as address, client(client_tls) as fetching:
            for number in range(3):
                answer = await fetching.send(HttpRequest("GET", f"http{'s' * secure}://{address}/{number}"))
                assert (answer.status, answer.body, answer.opening_ns is None) == (200, b"ok", number > 0)

    trio.run(main)
    assert (server.connections, server.targets) == (1, ["/0", "/1", "/2"])


def test_a_connection_that_the_server_closed_is_seen_before_it_is_used() -> None:
    server = Server(requests=1)

    async def main() -> None:
        async with serve(server) as address, client() as fetching:
            for _ in range(3):
                assert (await fetching.send(HttpRequest("POST", f"http://{address}/"))).status == 200
                await trio.testing.wait_all_tasks_blocked(0.02)  # its end has come

    trio.run(main)
    assert server.connections == 3


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (faults.nothing_listens, "tcp.refused"),
        (faults.closes_before_101, "lost.eof"),
        (faults.resets_before_101, "lost.reset"),
        (faults.not_http, "http.not_http"),
        (faults.untrusted_tls, "tls.untrusted"),
        (faults.tls_closed, "tls.closed"),
        (faults.tls_is_plain, "tls.not_tls"),
    ],
)
def test_failures_have_the_words_of_the_upgrade(fault: Any, kind: str) -> None:
    async def main() -> None:
        async with fault() as url, client() as fetching:
            with pytest.raises(HttpFailed) as failed:
                await fetching.send(HttpRequest("GET", url.replace("ws", "http", 1)))
            assert failed.value.kind == kind

    trio.run(main)


def test_names_are_resolved_and_sources_are_bound_as_for_the_upgrade() -> None:
    peers: list[str] = []

    async def note(connection: RawConnection) -> None:
        peers.append(connection.peer[0])
        await connection.read_request()
        await connection.send(OK)

    async def main() -> None:
        network = Network(resolve={"api.test": ("127.0.0.1",)}, source_addresses=("127.0.0.2", "127.0.0.3"))
        async with serve(note) as address, client(network=network) as fetching:
            for _ in range(2):
                await fetching.send(HttpRequest("GET", f"http://api.test:{address.rpartition(':')[2]}/"))

    trio.run(main)
    assert peers == ["127.0.0.2", "127.0.0.3"]


@pytest.mark.parametrize("scheme", ["http", "socks5h"])
@pytest.mark.parametrize("secure", [False, True])
def test_proxies(scheme: str, secure: bool) -> None:
    """A page of http:// is asked for at an HTTP proxy; everything else goes through a tunnel."""
    server_tls, client_tls = contexts()
    server, asked = Server(), proxies.Asked()
    is_forwarded = scheme == "http" and not secure

    async def main() -> None:
        proxy = proxies.http_proxy(asked) if scheme == "http" else proxies.socks_proxy(asked)
        forwarding = serve(server)
        async with (
            serve(server, server_tls if secure else None) as address,
            forwarding if is_forwarded else proxy as proxy_address,
            client(client_tls) as fetching,
        ):
            through = f"http://{proxy_address}" if is_forwarded else proxy_address
            url = f"http{'s' * secure}://{address}/x"
            answer = await fetching.send(HttpRequest("GET", url, proxy=through))
            assert answer.status == 200
            assert server.targets == [url if is_forwarded else "/x"]
            assert asked.targets == ([] if is_forwarded else [address])

    trio.run(main)


def test_a_proxy_that_is_not_there_is_the_proxy_s_failure() -> None:
    async def main() -> None:
        async with proxies.nothing_listens("http") as proxy, client() as fetching:
            with pytest.raises(HttpFailed) as failed:
                await fetching.send(HttpRequest("GET", "http://api.test/", proxy=proxy))
            assert failed.value.kind == "proxy.refused"

    trio.run(main)
