"""Names, and whose turn it is."""

from __future__ import annotations

import errno
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
import trio.testing

from loadws.transport.base import ConnectFailed
from loadws.transport.opening import socket_addresses
from loadws.transport.opening.socket_addresses import Names, Sources, of_family


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
        found, took_ns = await names.resolve("known.test", 80)
        assert [str(address) for address in found] == ["127.0.0.1:80"]
        assert took_ns is None

    _with(resolver, main)
    assert resolver.asked == ["known.test"]


def test_an_address_in_numbers_has_no_name_part() -> None:
    async def main() -> None:
        names = Names(_Clock())  # type: ignore[arg-type]
        for host, shown in (("127.0.0.1", "127.0.0.1:80"), ("::1", "[::1]:80")):
            found, took_ns = await names.resolve(host, 80)
            assert ([str(address) for address in found], took_ns) == ([shown], None)

    trio.run(main)


def test_a_failure_is_shared_for_a_second_only() -> None:
    resolver = _Resolver(socket.gaierror(socket.EAI_NONAME, "unknown"))

    async def main() -> None:
        clock = _Clock()
        names = Names(clock)  # type: ignore[arg-type]
        for clock.ns in (0, socket_addresses.FAILURE_KEPT_NS - 1, socket_addresses.FAILURE_KEPT_NS):
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


def _many(*hosts: str) -> Any:
    """A resolver that knows one name with these addresses, one of them told twice."""

    class Many(_Resolver):
        async def getaddrinfo(self, host: Any, port: Any, family: int = 0, *_: Any, **__: Any) -> Any:
            self.asked.append(host.decode())
            await trio.lowlevel.checkpoint()
            rows = [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port)) for host in hosts]
            return [*rows, rows[0]]

    return Many()


def test_the_addresses_of_a_name_are_used_in_turn() -> None:
    async def main() -> None:
        names = Names(_Clock())  # type: ignore[arg-type]
        orders = [[str(each) for each in (await names.resolve("many.test", 80))[0]] for _ in range(4)]
        assert orders == [
            ["10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"],
            ["10.0.0.2:80", "10.0.0.3:80", "10.0.0.1:80"],  # another first, the others behind it
            ["10.0.0.3:80", "10.0.0.1:80", "10.0.0.2:80"],
            ["10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"],
        ]

    _with(_many("10.0.0.1", "10.0.0.2", "10.0.0.3"), main)


def test_addresses_that_are_given_are_not_asked_for() -> None:
    resolver = _Resolver()
    given = {"known.test": ("127.0.0.2", "::1")}

    async def main() -> None:
        names = Names(_Clock())  # type: ignore[arg-type]
        for first, second in (("127.0.0.2:80", "[::1]:80"), ("[::1]:80", "127.0.0.2:80")):
            found, took_ns = await names.resolve("Known.Test", 80, given)  # names have no case
            assert ([str(each) for each in found], took_ns) == ([first, second], None)
        found, _ = await names.resolve("known.test", 80)  # who was given none asks
        assert [str(each) for each in found] == ["127.0.0.1:80"]

    _with(resolver, main)
    assert resolver.asked == ["known.test"]


def test_sources_are_used_in_turn_each_family_for_itself() -> None:
    sources, ours = Sources(), ("127.0.0.2", "::1", "127.0.0.3")
    assert [sources.next(socket.AF_INET, ours) for _ in range(3)] == ["127.0.0.2", "127.0.0.3", "127.0.0.2"]
    assert sources.next(socket.AF_INET6, ours) == "::1"
    assert sources.next(socket.AF_INET6, ("127.0.0.2",)) is None
    assert of_family(socket.AF_UNIX, ours) == ()


@pytest.mark.parametrize(
    "error",
    [
        socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"),
        OSError(errno.EMFILE, "Too many open files"),
    ],
)
def test_a_name_that_no_file_was_left_to_ask_for_is_no_failure_of_the_resolver(
    error: OSError, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_more(*_: Any) -> socket.socket:
        raise OSError(errno.EMFILE, "Too many open files")

    async def main() -> None:
        with monkeypatch.context() as patch, pytest.raises(ConnectFailed) as failure:
            patch.setattr(socket, "socket", no_more)
            await Names(_Clock()).resolve("unknown.test", 80)  # type: ignore[arg-type]
        assert failure.value.kind == "tcp.file_limit"

    _with(_Resolver(error), main)


def test_a_thread_that_cannot_be_started_is_this_machine_s_lack() -> None:
    async def main() -> None:
        with pytest.raises(ConnectFailed) as failure:
            await Names(_Clock()).resolve("unknown.test", 80)  # type: ignore[arg-type]
        assert failure.value.kind == "tcp.no_memory"

    _with(_Resolver(RuntimeError("can't start new thread")), main)
