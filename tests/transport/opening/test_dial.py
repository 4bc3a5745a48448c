"""TCP: addresses in turn, source addresses, buffers, unix sockets; each failure by its kind."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from loadws.transport.base import ConnectFailed, Network
from loadws.transport.opening import dial
from loadws.transport.opening.dial import open_tcp
from loadws.transport.opening.socket_addresses import SocketAddress, Sources, unix_address
from loadws.transport.platform import MEANS

HERE = SocketAddress(socket.AF_INET, socket.IPPROTO_TCP, ("127.0.0.1", 9))
THERE = SocketAddress(socket.AF_INET6, socket.IPPROTO_TCP, ("::1", 9, 0, 0))


class _Clock:
    ns = 0

    def now_ns(self) -> int:
        return self.ns


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ECONNREFUSED, "tcp.refused"),
        (errno.ECONNRESET, "tcp.reset"),
        (errno.ENETUNREACH, "tcp.unreachable"),
        (errno.EHOSTUNREACH, "tcp.unreachable"),
        (errno.ETIMEDOUT, "tcp.timeout"),
        (errno.EADDRNOTAVAIL, "tcp.no_ports"),
        (errno.ENOENT, "tcp.refused"),  # a unix socket
        (errno.EMFILE, "tcp.file_limit"),
        (errno.ENFILE, "tcp.file_limit"),
        (errno.ENOMEM, "tcp.no_memory"),
        (errno.ENOBUFS, "tcp.no_memory"),
        (errno.EACCES, "tcp.failed"),
    ],
)
def test_tcp_failures(number: int, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(address: SocketAddress, source: str | None, network: Network) -> socket.socket:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(dial, "_connected", fail)

    async def main() -> None:
        with pytest.raises(ConnectFailed) as failure:
            await open_tcp([HERE], _Clock(), trio.current_time() + 10)  # type: ignore[arg-type]
        assert failure.value.kind == kind
        said = dial.NO_PORT_LEFT if kind == "tcp.no_ports" else os.strerror(number)
        assert failure.value.detail == f"127.0.0.1:9: {said}"

    trio.run(main)


def test_every_address_has_its_turn_and_its_share_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[tuple[str, float]] = []

    async def fail(address: SocketAddress, source: str | None, network: Network) -> socket.socket:
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


def test_a_family_without_an_address_is_no_lack_of_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(address: SocketAddress, source: str | None, network: Network) -> socket.socket:
        raise OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")

    class Elsewhere(socket.socket):
        def bind(self, address: Any) -> None:
            raise OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")

    async def main() -> None:
        with monkeypatch.context() as patch, pytest.raises(ConnectFailed) as failure:
            patch.setattr(dial, "_connected", fail)
            patch.setattr(socket, "socket", Elsewhere)
            await open_tcp([HERE], _Clock(), trio.current_time() + 10)  # type: ignore[arg-type]
        assert (failure.value.kind, failure.value.detail) == ("tcp.unreachable", f"127.0.0.1:9: {dial.NO_ADDRESS}")

    trio.run(main)


def test_what_the_network_said_of_one_address_goes_before_what_this_machine_lacks_for_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def fail(address: SocketAddress, source: str | None, network: Network) -> socket.socket:
        number = errno.ECONNREFUSED if address is HERE else errno.ENETUNREACH
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(dial, "_connected", fail)

    async def main() -> None:
        with pytest.raises(ConnectFailed) as failure:
            await open_tcp([HERE, THERE], _Clock(), trio.current_time() + 10)  # type: ignore[arg-type]
        assert failure.value.kind == "tcp.refused"
        assert failure.value.detail == "127.0.0.1:9: Connection refused; [::1]:9: Network is unreachable"

    trio.run(main)


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


# -- source addresses -------------------------------------------------------------------------------------------------


async def _open(address: SocketAddress, network: Network, sources: Sources | None = None) -> socket.socket:
    clock: Any = _Clock()
    return (await open_tcp([address], clock, trio.current_time() + 5, network, sources)).detach()


def _listening(family: int = socket.AF_INET, host: str = "127.0.0.1") -> tuple[socket.socket, SocketAddress]:
    listening = socket.create_server((host, 0), family=socket.AddressFamily(family))
    return listening, SocketAddress(family, socket.IPPROTO_TCP, listening.getsockname())


@pytest.mark.skipif(not MEANS.late_ports, reason="127.0.0.2 is a loopback address on Linux only")
def test_the_peer_sees_source_addresses_in_turn() -> None:
    async def main() -> None:
        network, sources = Network(source_addresses=("127.0.0.2", "127.0.0.3")), Sources()
        listening, address = _listening()
        with listening:
            seen = []
            for _ in range(3):
                with await _open(address, network, sources), listening.accept()[0] as far:
                    seen.append(far.getpeername()[0])
        assert seen == ["127.0.0.2", "127.0.0.3", "127.0.0.2"]

    trio.run(main)


@pytest.mark.skipif(not MEANS.late_ports, reason="only Linux picks the port so late")
def test_a_port_is_picked_a_destination() -> None:
    """One port that is taken towards one destination is free towards another: after ``bind`` there is none yet."""
    with socket.socket() as bound:
        dial._bind(bound, "127.0.0.2")
        assert bound.getsockname() == ("127.0.0.2", 0)


def test_a_source_of_ipv6() -> None:
    async def main() -> None:
        listening, address = _listening(socket.AF_INET6, "::1")
        network = Network(source_addresses=("127.0.0.1", "::1"))
        with listening, await _open(address, network) as near, listening.accept()[0] as far:
            assert far.getpeername()[:2] == near.getsockname()[:2]

    trio.run(main)


@pytest.mark.parametrize(
    ("source", "detail"),
    [
        # an address of documentation, which no machine has
        ("192.0.2.1", "from 192.0.2.1: Cannot assign requested address"),
        # the other family
        ("::1", "127.0.0.1:9: no source address is of its family"),
    ],
)
def test_a_source_address_that_does_not_fit(source: str, detail: str) -> None:
    async def main() -> None:
        with pytest.raises(ConnectFailed) as failure:
            await _open(HERE, Network(source_addresses=(source,)))
        assert (failure.value.kind, failure.value.detail) == ("tcp.source_address", detail)

    trio.run(main)


def test_an_address_without_a_source_of_its_family_is_left_out() -> None:
    async def main() -> None:
        clock: Any = _Clock()
        with pytest.raises(ConnectFailed) as failure:
            await open_tcp([HERE, THERE], clock, trio.current_time() + 5, Network(source_addresses=("127.0.0.1",)))
        assert (failure.value.kind, "::1" in failure.value.detail) == ("tcp.refused", False)

    trio.run(main)


def test_no_port_is_left_already_at_bind() -> None:
    """Where the platform picks the port at ``bind``."""

    class Full:
        def setsockopt(self, *_: Any) -> None: ...
        def bind(self, address: Any) -> None:
            raise OSError(errno.EADDRINUSE, "Address already in use")

    full: Any = Full()
    with pytest.raises(ConnectFailed) as failure:
        dial._bind(full, "127.0.0.2")
    assert failure.value.kind == "tcp.no_ports"


# -- buffers and unix sockets -----------------------------------------------------------------------------------------


def test_buffers_are_what_was_asked_for() -> None:
    async def main() -> None:
        listening, address = _listening()
        with listening, await _open(address, Network(send_buffer=65536, receive_buffer=32768)) as near:
            # Linux doubles what it is told, for its own bookkeeping (socket(7)).
            assert near.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) in (65536, 2 * 65536)
            assert near.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) in (32768, 2 * 32768)
            assert near.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)

    trio.run(main)


@pytest.mark.skipif(not MEANS.unix_sockets, reason="this platform has no unix sockets")
def test_a_unix_socket_with_a_full_backlog_is_waited_for(tmp_path: Path) -> None:
    path = str(tmp_path / "s")

    async def main() -> None:
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(path)
            listening.listen(0)
            first = await _open(unix_address(path), Network(source_addresses=("127.0.0.1",)))  # it has none: no matter
            accepted = []
            async with trio.open_nursery() as nursery:

                async def make_room() -> None:
                    await trio.testing.wait_all_tasks_blocked()
                    accepted.append(listening.accept()[0])

                nursery.start_soon(make_room)
                second = await _open(unix_address(path), Network())
            assert second.getpeername() == path
            for each in (first, second, *accepted):
                each.close()

    trio.run(main)


def test_where_no_unix_socket_stands(tmp_path: Path) -> None:
    async def main() -> None:
        with pytest.raises(ConnectFailed) as failure:
            await _open(unix_address(str(tmp_path / "none")), Network())
        assert failure.value.kind == "tcp.refused"
        assert failure.value.detail == f"{tmp_path}/none: No such file or directory"

    trio.run(main)
