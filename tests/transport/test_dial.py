"""Names, TCP and TLS, each failure by its kind."""

from __future__ import annotations

import errno
import os
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
import trio.testing

from loadws.testing import faults
from loadws.transport import dial
from loadws.transport.base import ConnectFailed, ConnectRequest
from loadws.transport.dial import Names, SocketAddress, TlsContexts, open_tcp
from loadws.transport.timers import open_timers

HERE = SocketAddress(socket.AF_INET, socket.IPPROTO_TCP, ("127.0.0.1", 9))
THERE = SocketAddress(socket.AF_INET6, socket.IPPROTO_TCP, ("::1", 9, 0, 0))


class _Clock:
    ns = 0

    def now_ns(self) -> int:
        return self.ns


class _Resolver(trio.abc.HostnameResolver):
    """Knows ``known.test``; every other name makes the error."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.asked: list[str] = []

    async def getaddrinfo(self, host: Any, port: Any, family: int = 0, *_: Any, **__: Any) -> Any:
        self.asked.append(host.decode())
        await trio.lowlevel.checkpoint()
        if self.error is not None and host != b"known.test":
            raise self.error
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", port))]

    async def getnameinfo(self, *_: Any) -> Any:
        raise NotImplementedError


def _with(resolver: _Resolver, main: Callable[[], Awaitable[None]]) -> None:
    async def resolved() -> None:
        trio.socket.set_custom_hostname_resolver(resolver)
        await main()

    trio.run(resolved)


def test_a_name_is_asked_for_once_and_shared() -> None:
    resolver = _Resolver()

    async def main() -> None:
        names = Names(_Clock())  # type: ignore[arg-type]
        async with trio.open_nursery() as nursery:
            for _ in range(10):
                nursery.start_soon(names.resolve, "known.test", 80)
        addresses, took_ns = await names.resolve("known.test", 80)
        assert [str(address) for address in addresses] == ["127.0.0.1:80"]
        assert took_ns is None

    _with(resolver, main)
    assert resolver.asked == ["known.test"]


def test_an_address_in_numbers_has_no_name_part() -> None:
    async def main() -> None:
        names = Names(_Clock())  # type: ignore[arg-type]
        for host, shown in (("127.0.0.1", "127.0.0.1:80"), ("::1", "[::1]:80")):
            addresses, took_ns = await names.resolve(host, 80)
            assert ([str(address) for address in addresses], took_ns) == ([shown], None)

    trio.run(main)


def test_a_failure_is_shared_for_a_second_only() -> None:
    resolver = _Resolver(socket.gaierror(socket.EAI_NONAME, "unknown"))

    async def main() -> None:
        clock = _Clock()
        names = Names(clock)  # type: ignore[arg-type]
        for clock.ns in (0, dial.FAILURE_KEPT_NS - 1, dial.FAILURE_KEPT_NS):
            with pytest.raises(ConnectFailed) as failure:
                await names.resolve("no.test", 80)
            assert failure.value.kind == "dns.not_found"

    _with(resolver, main)
    assert resolver.asked == ["no.test", "no.test"]


def test_who_is_cancelled_while_asking_leaves_the_question_to_the_next() -> None:
    class Stuck(_Resolver):
        async def getaddrinfo(self, host: Any, port: Any, family: int = 0, *_: Any, **__: Any) -> Any:
            if not self.asked:
                self.asked.append("stuck")
                await trio.sleep_forever()
            return await super().getaddrinfo(host, port)

    async def main() -> None:
        names = Names(_Clock())  # type: ignore[arg-type]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(names.resolve, "known.test", 80)
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        assert len((await names.resolve("known.test", 80))[0]) == 1

    _with(Stuck(), main)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "dns.not_found"),
        (socket.gaierror(socket.EAI_NODATA, "No address associated with hostname"), "dns.not_found"),
        (socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"), "dns.failed"),
        (OSError(errno.EMFILE, "Too many open files"), "dns.failed"),
    ],
)
def test_names_that_do_not_resolve(error: Exception, kind: str) -> None:
    async def main() -> None:
        with pytest.raises(ConnectFailed) as failure:
            await Names(_Clock()).resolve("no.test", 80)  # type: ignore[arg-type]
        assert (failure.value.phase, failure.value.kind) == ("dns", kind)
        assert failure.value.detail.startswith("no.test: ")

    _with(_Resolver(error), main)


def test_what_cannot_be_a_name() -> None:
    async def main() -> None:
        with pytest.raises(ConnectFailed) as failure:
            await Names(_Clock()).resolve("a" * 64 + ".\u00fc", 80)  # type: ignore[arg-type]
        assert failure.value.kind == "dns.failed"

    trio.run(main)


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ECONNREFUSED, "tcp.refused"),
        (errno.ECONNRESET, "tcp.reset"),
        (errno.ENETUNREACH, "tcp.unreachable"),
        (errno.EHOSTUNREACH, "tcp.unreachable"),
        (errno.ETIMEDOUT, "tcp.timeout"),
        (errno.EADDRNOTAVAIL, "tcp.no_ports"),
        (errno.EMFILE, "tcp.file_limit"),
        (errno.ENFILE, "tcp.file_limit"),
        (errno.EACCES, "tcp.failed"),
    ],
)
def test_tcp_failures(number: int, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(address: SocketAddress) -> socket.socket:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(dial, "_connected", fail)

    async def main() -> None:
        with pytest.raises(ConnectFailed) as failure:
            await open_tcp([HERE], _Clock(), trio.current_time() + 10)  # type: ignore[arg-type]
        assert failure.value.kind == kind
        assert failure.value.detail == f"127.0.0.1:9: {os.strerror(number)}"

    trio.run(main)


def test_every_address_has_its_turn_and_its_share_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[tuple[str, float]] = []

    async def fail(address: SocketAddress) -> socket.socket:
        tried.append((str(address), trio.current_time()))
        if address is THERE:
            await trio.sleep_forever()
        raise OSError(errno.ECONNREFUSED, "Connection refused")

    monkeypatch.setattr(dial, "_connected", fail)

    async def main() -> None:
        with pytest.raises(ConnectFailed) as failure:
            await open_tcp([THERE, HERE], _Clock(), 10)  # type: ignore[arg-type]
        assert failure.value.kind == "tcp.refused"
        assert failure.value.detail == "[::1]:9 did not answer; 127.0.0.1:9: Connection refused"

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    assert tried == [("[::1]:9", 0), ("127.0.0.1:9", 5)]


def test_the_file_limit_as_the_kernel_says_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_more(*_: Any) -> socket.socket:
        raise OSError(errno.EMFILE, "Too many open files")

    async def main() -> None:
        with monkeypatch.context() as patch, pytest.raises(ConnectFailed) as failure:
            patch.setattr(socket, "socket", no_more)
            await open_tcp([HERE], _Clock(), trio.current_time() + 10)  # type: ignore[arg-type]
        assert failure.value.kind == "tcp.file_limit"

    trio.run(main)


def test_an_attempt_that_is_cancelled_closes_its_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[socket.socket] = []

    class NeverConnected(socket.socket):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            made.append(self)

        def connect_ex(self, address: Any) -> int:
            return errno.EINPROGRESS

    async def main() -> None:
        with monkeypatch.context() as patch, trio.move_on_after(0.01):
            patch.setattr(socket, "socket", NeverConnected)
            patch.setattr(trio.lowlevel, "wait_writable", lambda _: trio.sleep_forever())
            await open_tcp([HERE], _Clock(), float("inf"))  # type: ignore[arg-type]

    trio.run(main)
    assert [one.fileno() for one in made] == [-1]


def test_one_default_tls_context_for_all() -> None:
    contexts, request = TlsContexts(), ConnectRequest("wss://x")
    assert contexts.context_for(request) is contexts.context_for(ConnectRequest("wss://y"))


def test_a_request_s_own_tls_context_goes_before() -> None:
    own = ssl.create_default_context()
    assert TlsContexts().context_for(ConnectRequest("wss://x", tls=own)) is own


def test_a_host_that_tls_cannot_name() -> None:
    async def main() -> None:
        async with faults.echo() as url, open_timers() as timers:
            address = SocketAddress(socket.AF_INET, 0, ("127.0.0.1", int(url.rpartition(":")[2])))
            tcp = await open_tcp([address], timers, trio.current_time() + 10)
            with pytest.raises(ConnectFailed) as failure:
                await dial.start_tls(tcp, ssl.create_default_context(), ".broken")
            assert failure.value.kind == "tls.failed"
            tcp.cut()

    trio.run(main)
