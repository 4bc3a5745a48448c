"""The traps of trio-websocket, each by its name. What every transport must do is in ``test_conformance``."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable

import pytest
import trio
import trio.testing  # noqa: F401
import trio_websocket

from loadws.transport.base import (
    Connection,
    NotOpen,
    Outgoing,
)
from loadws.transport.net.tcp import TcpStream
from loadws.transport.trio_websocket import transport as trio_ws
from loadws.transport.trio_websocket.instrumented import WatchedProtocol
from tests.kit import faults
from tests.kit.conformance import Recorder
from tests.kit.plain import MS
from tests.kit.raw import RawConnection, close_frame, serve
from tests.transport.talk import Notes, against, connected, opened


def test_the_private_names_are_still_there() -> None:
    """When this fails, read the library's changes before widening the version in pyproject."""
    assert trio_websocket.__version__.startswith("0.12")
    of = trio_websocket.WebSocketConnection
    assert list(inspect.signature(of._reader_task).parameters) == ["self"]
    assert list(inspect.signature(of._send).parameters) == ["self", "event"]
    assert "self._send_channel, self._recv_channel = trio.open_memory_channel" in inspect.getsource(of.__init__)


def test_a_peer_that_never_closes_tcp_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trio_ws, "LINGER_NS", 20 * MS)
    seen = Notes()

    async def handle(connection: RawConnection) -> None:
        await connection.accept()
        await connection.read_until_close()
        await connection.send(close_frame(1000))
        await connection.read_to_the_end()
        seen.note("closed")

    async def main() -> None:
        async with serve(handle) as address, opened("trio-websocket") as connector:
            connection, heard = await connected(connector, f"ws://{address}")
            await connection.close()
            assert heard.end.kind is None
            await seen.come(1)

    trio.run(main)


def test_a_failed_write_does_not_hide_what_the_peer_said_before(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(self: TcpStream, data: bytes) -> None:
        raise trio.BrokenResourceError("the peer is gone")

    failed = trio.Event()

    async def late(connection: RawConnection) -> None:
        await failed.wait()
        await connection.send(close_frame(1001))
        await connection.read_to_the_end()

    @against("trio-websocket", faults.says(then=late))
    async def _(connection: Connection, heard: Recorder) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(TcpStream, "send_all", broken)
            with pytest.raises(NotOpen):
                await connection.send("x", Outgoing())
        failed.set()
        end = await heard.has_ended()
        assert (end.by, end.code) == ("peer", 1001)


def test_a_failed_write_after_which_nothing_comes_is_a_reset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trio_ws, "LINGER_NS", 20 * MS)

    async def broken(self: TcpStream, data: bytes) -> None:
        raise trio.BrokenResourceError("the peer is gone")

    @against("trio-websocket", faults.silent_after_101())
    async def _(connection: Connection, heard: Recorder) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(TcpStream, "send_all", broken)
            with pytest.raises(NotOpen):
                await connection.send("x", Outgoing())
            end = await heard.has_ended()
        assert (end.by, end.kind) == ("lost", "reset")


@pytest.mark.parametrize("error", [ValueError("odd"), OSError("odd"), RuntimeError("odd")])
def test_what_the_library_raises_ends_its_own_connection_only(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with faults.echo() as url, opened("trio-websocket") as connector:
            first, first_heard = await connected(connector, url)
            second, second_heard = await connected(connector, url)
            with monkeypatch.context() as patch:
                patch.setattr(WatchedProtocol, "_before", _raiser(error))
                await first.send("x", Outgoing())
                end = await first_heard.has_ended()
            assert (end.by, end.kind, end.reason) == ("lost", "failed", repr(error))
            await second.send("y", Outgoing())
            await second_heard.messages_come(1)

    trio.run(main)


def test_a_programming_error_is_a_defect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WatchedProtocol, "_after", _raiser(AttributeError("typo")))

    async def main() -> None:
        async with faults.echo() as url, opened("trio-websocket") as connector:
            await connected(connector, url)

    with pytest.raises(AttributeError, match="typo"):
        trio.run(main)


def _raiser(error: Exception) -> Callable[..., None]:
    def fail(*_: object) -> None:
        raise error

    return fail


def test_the_library_logs_to_nobody(capfd: pytest.CaptureFixture[str]) -> None:
    logging.getLogger("trio-websocket").warning("received unknown event type")
    assert capfd.readouterr() == ("", "")
