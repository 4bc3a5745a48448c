"""Opening a connection as states in the reactor: every way out of it, and nothing that is left behind."""

from __future__ import annotations

import errno
import gc
import socket
import weakref
from collections.abc import Awaitable, Callable

import pytest
import trio

from loadws.transport.base import (
    ConnectFailed,
    Connector,
    ConnectRequest,
    HandshakeRefused,
    Network,
    Opening,
    UncountedWire,
)
from loadws.transport.clock.timers import open_timers
from loadws.transport.cookies import Jar
from loadws.transport.native import straight
from loadws.transport.native.transport import NativeTransport
from loadws.transport.opening.attempt import Attempt
from loadws.transport.opening.socket_addresses import SocketAddress
from loadws.transport.platform import MEANS
from tests.kit import faults
from tests.kit.conformance import Recorder
from tests.kit.plain import MS
from tests.kit.raw import RawConnection

pytestmark = pytest.mark.skipif(not MEANS.epoll, reason="this platform has no epoll")


def run(main: Callable[[Connector], Awaitable[None]]) -> None:
    """Run a test with a connector. Afterwards nothing of an opening is left in its reactor."""

    async def within() -> None:
        with trio.fail_after(60):
            async with open_timers() as timers, NativeTransport().open(timers, UncountedWire()) as connector:
                await main(connector)
                assert connector.reactor._endpoints == {}  # type: ignore[attr-defined]

    trio.run(within)


async def opening_of(connector: Connector, request: ConnectRequest, jar: Jar | None = None) -> Opening:
    """Return an opening that is over."""
    over = trio.Event()
    opening = connector.begin(request, Recorder(), jar, over.set)
    assert opening is not None, "it has to be opened without a task"
    if not opening.is_over:
        await over.wait()
    assert opening.is_over
    return opening


def test_no_task_opens_or_closes_a_plain_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Attempt, "run", None)

    async def main(connector: Connector) -> None:
        async with faults.echo() as url:
            connection = (await opening_of(connector, ConnectRequest(url))).result()
            assert connection.timings.total_ns >= (connection.timings.upgrade_ns or 0) > 0
            over = trio.Event()
            assert connection.begin_close(1000, "", over.set)
            await over.wait()
            while connector.reactor._endpoints:  # type: ignore[attr-defined]
                await trio.testing.wait_all_tasks_blocked(0.01)

    run(main)


def test_the_next_address_is_tried_where_one_refuses() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    async def main(connector: Connector) -> None:
        network = Network(resolve={"held.test": ("127.0.0.2", "127.0.0.3")})
        opening = await opening_of(connector, ConnectRequest(f"ws://held.test:{port}", network=network))
        with pytest.raises(ConnectFailed) as failure:
            opening.result()
        refused = "Connection refused"
        assert failure.value.kind == "tcp.refused"
        assert failure.value.detail == f"127.0.0.2:{port}: {refused}; 127.0.0.3:{port}: {refused}"

    run(main)


class Unready(socket.socket):
    """One end of a pair whose buffer is full: like TCP that waits for the network."""

    def __init__(self) -> None:
        near, self.far = socket.socketpair()
        near.setblocking(False)
        super().__init__(near.family, near.type, near.proto, near.detach())
        self.setblocking(False)
        while True:
            try:
                super().send(b"x" * 65_536)
            except BlockingIOError:
                return

    def close(self) -> None:
        self.far.close()
        super().close()


def never_connects(address: SocketAddress, source: str | None, network: Network) -> tuple[socket.socket, int]:
    return Unready(), errno.EINPROGRESS


@pytest.mark.parametrize(
    ("addresses", "detail"),
    [
        (("127.0.0.1",), "not done within 0.05 s"),
        (("127.0.0.1", "127.0.0.2"), "127.0.0.1:9 did not answer; 127.0.0.2:9 did not answer"),
    ],
)
def test_an_address_that_never_answers_is_a_time_out(
    addresses: tuple[str, ...], detail: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(straight, "begin", never_connects)

    async def main(connector: Connector) -> None:
        network = Network(resolve={"held.test": addresses})
        request = ConnectRequest("ws://held.test:9", network=network, open_timeout_ns=50 * MS)
        with pytest.raises(ConnectFailed) as failure:
            (await opening_of(connector, request)).result()
        assert (failure.value.kind, failure.value.detail) == ("tcp.timeout", detail)

    run(main)


def test_one_that_is_abandoned_leaves_no_socket_and_wakes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Unready] = []

    def keeps(*_: object) -> tuple[socket.socket, int]:
        made.append(Unready())
        return made[-1], errno.EINPROGRESS

    monkeypatch.setattr(straight, "begin", keeps)

    async def main(connector: Connector) -> None:
        woken: list[None] = []
        opening = connector.begin(ConnectRequest("ws://127.0.0.1:9"), Recorder(), None, lambda: woken.append(None))
        assert opening is not None
        opening.abandon()
        assert (woken, made[0].fileno()) == ([], -1)
        with trio.move_on_after(0.01) as scope:
            await connector.connect(ConnectRequest("ws://127.0.0.1:9"), Recorder())
        assert scope.cancelled_caught
        assert made[1].fileno() == -1

    run(main)


def test_the_end_of_the_run_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(straight, "begin", never_connects)
    openings: list[Opening] = []

    async def main(connector: Connector) -> None:
        opening = connector.begin(ConnectRequest("ws://127.0.0.1:9"), Recorder(), None, lambda: None)
        assert opening is not None
        openings.append(opening)
        connector.cut_off()  # type: ignore[attr-defined]

    run(main)
    with pytest.raises(ConnectFailed) as failure:
        openings[0].result()
    assert failure.value.kind == "tcp.cut_off"


def test_a_request_that_the_kernel_does_not_take_at_once_is_written_when_it_does() -> None:
    """A head of 12 KB, into the smallest buffer that there is."""
    asked: list[str] = []

    async def answer(connection: RawConnection) -> None:
        request = await connection.read_request()
        asked.append(str(request))
        await connection.accept(request)

    async def main(connector: Connector) -> None:
        async with faults._at(answer) as url:
            headers = tuple((f"X-{number}", "v" * 2_000) for number in range(6))
            request = ConnectRequest(url, headers, network=Network(send_buffer=1))
            (await opening_of(connector, request)).result().drop()

    run(main)
    assert asked[0].count("v" * 2_000) == 6


def test_a_redirect_goes_on_in_a_task_and_keeps_the_cookies_of_the_refusal() -> None:
    async def main(connector: Connector) -> None:
        async with faults.echo() as there:
            fault = faults.refused("302 Found", headers=(("Location", there), ("Set-Cookie", "a=1")))
            async with fault as url:
                jar = Jar()
                opening = await opening_of(connector, ConnectRequest(url, redirects=1), jar)
                assert opening.go_on is not None
                (await opening.go_on()).drop()
                assert list(jar) == [("a", "1")]
                refused = await opening_of(connector, ConnectRequest(url))
                assert refused.go_on is None
                with pytest.raises(HandshakeRefused):
                    refused.result()

    run(main)


@pytest.mark.parametrize("redirects", [0, 1])
def test_one_that_is_over_is_freed_at_once(redirects: int) -> None:
    """No circle of references waits for the garbage collector, which holds up the load."""

    async def main(connector: Connector) -> None:
        fault = faults.refused("302 Found", headers=(("Location", "ws://127.0.0.1:9"),))
        async with fault as url:
            opening = await opening_of(connector, ConnectRequest(url, redirects=redirects))
            if opening.go_on is None:
                with pytest.raises(HandshakeRefused):
                    opening.result()
            gone = weakref.ref(opening.go_on or opening._upgrade.answer)  # type: ignore[attr-defined]
            del opening
            assert gone() is None

    gc.disable()
    try:
        run(main)
    finally:
        gc.enable()
