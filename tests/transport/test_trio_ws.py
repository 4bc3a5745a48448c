"""The traps of trio-websocket, each by its name. What every transport must do is in ``test_conformance``."""

from __future__ import annotations

import inspect
import logging
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
import trio_websocket

from loadws.testing import faults
from loadws.testing.conformance import Recorder
from loadws.testing.raw import BINARY, TEXT, RawConnection, close_frame, frame, serve
from loadws.transport import trio_ws
from loadws.transport.base import (
    ConnectFailed,
    Connection,
    Connector,
    ConnectRequest,
    HandshakeRefused,
    ListenerRaised,
    NotOpen,
    Outgoing,
)
from loadws.transport.tcp import TcpStream
from loadws.transport.timers import open_timers
from loadws.transport.trio_ws import TrioWebSocketTransport
from loadws.transport.watched import WatchedProtocol

MS = 1_000_000
PATIENCE_S = 20


class Notes:
    """What a server saw, and a way to wait for it."""

    def __init__(self) -> None:
        self.rows: list[Any] = []
        self._changed = trio.Event()

    def note(self, row: Any) -> None:
        self.rows.append(row)
        self._changed.set()
        self._changed = trio.Event()

    async def come(self, count: int) -> list[Any]:
        with trio.fail_after(PATIENCE_S):
            while len(self.rows) < count:
                await self._changed.wait()
        return self.rows


@asynccontextmanager
async def opened() -> AsyncIterator[Connector]:
    async with open_timers() as timers, TrioWebSocketTransport().open(timers) as connector:
        with trio.fail_after(PATIENCE_S):
            yield connector


async def connected(connector: Connector, url: str, **request: Any) -> tuple[Connection, Recorder]:
    listener = Recorder()
    return await connector.connect(ConnectRequest(url, **request), listener), listener


def against(fault: faults.Fault, **request: Any) -> Callable[[Callable[[Connection, Recorder], Awaitable[None]]], None]:
    """Runs the decorated coroutine function with a connection to the fault."""

    def decorate(talk: Callable[[Connection, Recorder], Awaitable[None]]) -> None:
        async def main() -> None:
            async with fault as url, opened() as connector:
                await talk(*await connected(connector, url, **request))

        trio.run(main)

    return decorate


def test_the_private_names_are_still_there() -> None:
    """When this fails, read the library's changes before widening the version in pyproject."""
    assert trio_websocket.__version__.startswith("0.12")
    of = trio_websocket.WebSocketConnection
    assert list(inspect.signature(of._reader_task).parameters) == ["self"]
    assert list(inspect.signature(of._send).parameters) == ["self", "event"]
    assert "self._send_channel, self._recv_channel = trio.open_memory_channel" in inspect.getsource(of.__init__)


def test_a_ping_after_our_close_does_not_break_the_reader() -> None:
    @against(faults.pings_after_our_close())
    async def _(connection: Connection, heard: Recorder) -> None:
        await connection.close()
        assert heard.messages == ["one more"]
        assert (heard.end.by, heard.end.code, heard.end.kind) == ("us", 1000, None)


def test_fragments_are_put_together_with_control_frames_between_them() -> None:
    @against(faults.fragmenting())
    async def _(connection: Connection, heard: Recorder) -> None:
        await heard.messages_come(2)
        assert heard.messages == ["gr\u00fc\u00dfe", b"\x00\x01"]
        assert [(payload, sent_ns) for payload, sent_ns, _ in heard.pongs] == [(b"nobody asked", 0)]


def test_what_came_with_the_101_is_handed_over() -> None:
    @against(faults.push(500))
    async def _(connection: Connection, heard: Recorder) -> None:
        await heard.messages_come(500)
        assert heard.calls[0] == ("open",)
        assert heard.messages == [f"{number}" for number in range(500)]


def test_messages_of_one_read_have_its_stamp() -> None:
    @against(faults.says(frame(TEXT, b"a") + frame(TEXT, b"b") + frame(TEXT, b"c")))
    async def _(connection: Connection, heard: Recorder) -> None:
        await heard.messages_come(3)
        assert len(set(heard.received_ns)) == 1


def test_a_101_in_pieces() -> None:
    @against(faults.slow_handshake(0.02))
    async def _(connection: Connection, heard: Recorder) -> None:
        await connection.send("hi", Outgoing())
        await heard.messages_come(1)
        assert (connection.timings.upgrade_ns or 0) >= 10 * MS


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (frame(TEXT, b"\xff"), 1007),
        (frame(TEXT, b"x", reserved=2), 1002),
        (frame(BINARY, b"x" * 101), 1009),
        (frame(BINARY, b"x" * 60, fin=False) + frame(0, b"x" * 60, fin=False) + frame(0, b"x" * 60), 1009),
    ],
)
def test_a_violation_is_answered_with_its_close_code(bad: bytes, code: int) -> None:
    codes = Notes()

    async def handle(connection: RawConnection) -> None:
        await connection.accept()
        await connection.send(bad)
        codes.note(int.from_bytes((await connection.read_until_close())[:2], "big"))

    async def main() -> None:
        async with serve(handle) as address, opened() as connector:
            _, heard = await connected(connector, f"ws://{address}", max_message_size=100)
            await heard.has_ended()
            assert await codes.come(1) == [code]

    trio.run(main)


def test_the_peers_close_is_answered_and_the_peer_may_close_tcp_first() -> None:
    """Who closes TCP first keeps its port for a minute; this machine has only so many."""
    seen = Notes()

    async def handle(connection: RawConnection) -> None:
        await connection.accept()
        await connection.send(close_frame(1001, "going"))
        seen.note(await connection.read_until_close())
        with trio.move_on_after(0.05) as waiting:
            await connection.read_to_the_end()
        seen.note("the client waits" if waiting.cancelled_caught else "the client closed first")

    async def main() -> None:
        async with serve(handle) as address, opened() as connector:
            _, heard = await connected(connector, f"ws://{address}")
            await heard.has_ended()
            assert await seen.come(2) == [b"\x03\xe9going", "the client waits"]

    trio.run(main)


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
        async with serve(handle) as address, opened() as connector:
            connection, heard = await connected(connector, f"ws://{address}")
            await connection.close()
            assert heard.end.kind is None
            await seen.come(1)

    trio.run(main)


def test_tls_is_timed_and_the_authority_can_be_given(tmp_path: Path) -> None:
    async def main() -> None:
        async with faults.echo_tls(tmp_path) as (url, ca_file), opened() as connector:
            context = ssl.create_default_context(cafile=str(ca_file))
            connection, heard = await connected(connector, url, tls=context)
            out = Outgoing()
            await connection.send("x" * 100_000, out)
            await heard.messages_come(1)
            assert heard.messages == ["x" * 100_000]
            assert connection.timings.tls_ns
            assert 0 < out.sent_ns <= out.written_ns
            assert out.sent_ns < heard.received_ns[0]
            await connection.close()
            assert (heard.end.by, heard.end.kind) == ("us", None)

    trio.run(main)


def test_one_default_tls_context_for_all() -> None:
    transport = TrioWebSocketTransport()
    request = ConnectRequest("wss://x")
    assert transport.tls_for(request) is transport.tls_for(request)


def test_reading_goes_on_while_a_write_is_stuck() -> None:
    """The library's reader would answer a ping itself, behind the write that is stuck, and read no more."""

    @against(faults.never_reads(messages=5), close_timeout_ns=20 * MS)
    async def _(connection: Connection, heard: Recorder) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_is_not_open, connection.send(b"x" * faults.A_FLOOD, Outgoing()))
            await heard.messages_come(5)
            await connection.close()
        assert (heard.end.by, heard.end.kind) == ("us", "close_timeout")


async def _is_not_open(sending: Awaitable[None]) -> None:
    with pytest.raises(NotOpen):
        await sending


def test_a_write_that_is_cancelled_midway_drops_the_connection() -> None:
    @against(faults.never_reads())
    async def _(connection: Connection, heard: Recorder) -> None:
        out = Outgoing()
        with trio.move_on_after(0.05) as scope:
            await connection.send(b"x" * faults.A_FLOOD, out)
        assert scope.cancelled_caught
        assert (heard.end.by, heard.end.code, heard.end.kind) == ("us", None, None)
        assert (out.sent_ns > 0, out.written_ns) == (True, 0)


def test_a_write_that_waits_for_its_turn_can_be_cancelled_without_harm() -> None:
    @against(faults.never_reads(), close_timeout_ns=20 * MS)
    async def _(connection: Connection, heard: Recorder) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_is_not_open, connection.send(b"x" * faults.A_FLOOD, Outgoing()))
            await trio.testing.wait_all_tasks_blocked()
            out = Outgoing()
            with trio.move_on_after(0.01):
                await connection.send("second", out)
            assert (heard.ends, out.sent_ns) == ([], 0)
            await connection.close()


def test_a_write_that_is_stuck_has_a_deadline() -> None:
    class Told(Outgoing):
        unfinished = 0

        def on_unfinished(self) -> None:
            Told.unfinished += 1

    @against(faults.never_reads(), write_timeout_ns=50 * MS)
    async def _(connection: Connection, heard: Recorder) -> None:
        connection.send_soon("a little", Told())
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_is_not_open, connection.send(b"x" * faults.A_FLOOD, Outgoing()))
            end = await heard.has_ended()
        assert (end.by, end.kind) == ("lost", "write_timeout")
        assert Told.unfinished == 0


def test_a_write_in_the_background_tells_that_it_is_unfinished() -> None:
    class Told(Outgoing):
        calls: list[str] = []  # noqa: RUF012

        def on_written(self) -> None:
            Told.calls.append("written")

        def on_unfinished(self) -> None:
            Told.calls.append("unfinished")

    @against(faults.never_reads(), write_timeout_ns=50 * MS)
    async def _(connection: Connection, heard: Recorder) -> None:
        refused = []
        for _ in range(faults.A_FLOOD // 1_000_000):
            try:
                connection.send_soon(b"x" * 1_000_000, Told())
            except NotOpen as full:
                refused.append(full.kind)
            await trio.testing.wait_all_tasks_blocked()  # whatever could be written has been
        assert set(refused) == {"backlog"}
        await heard.has_ended()
        await trio.testing.wait_all_tasks_blocked()

    assert Told.calls[-1] == "unfinished"
    assert set(Told.calls[:-1]) <= {"written"}


def test_a_failed_write_does_not_hide_what_the_peer_said_before(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(self: TcpStream, data: bytes) -> None:
        raise trio.BrokenResourceError("the peer is gone")

    failed = trio.Event()

    async def late(connection: RawConnection) -> None:
        await failed.wait()
        await connection.send(close_frame(1001))
        await connection.read_to_the_end()

    @against(faults.says(then=late))
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

    @against(faults.silent_after_101())
    async def _(connection: Connection, heard: Recorder) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(TcpStream, "send_all", broken)
            with pytest.raises(NotOpen):
                await connection.send("x", Outgoing())
            end = await heard.has_ended()
        assert (end.by, end.kind) == ("lost", "reset")


def test_an_attempt_that_is_cancelled_closes_what_is_half_open() -> None:
    seen = Notes()

    async def handle(connection: RawConnection) -> None:
        await connection.read_request()
        seen.note("asked")
        await connection.read_to_the_end()
        seen.note("closed")

    async def main() -> None:
        async with serve(handle) as address, opened() as connector:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(connected, connector, f"ws://{address}")
                await seen.come(1)
                nursery.cancel_scope.cancel()
            assert await seen.come(2) == ["asked", "closed"]

    trio.run(main)


def test_an_attempt_is_cut_off_with_its_connector() -> None:
    kinds: list[str] = []

    async def attempt(connector: Connector, url: str) -> None:
        with pytest.raises(ConnectFailed) as failure:
            await connected(connector, url)
        kinds.append(failure.value.kind)

    asked = Notes()

    async def handle(connection: RawConnection) -> None:
        asked.note(await connection.read_request())
        await connection.read_to_the_end()

    async def main() -> None:
        async with serve(handle) as address, trio.open_nursery() as nursery, opened() as connector:
            nursery.start_soon(attempt, connector, f"ws://{address}")
            await asked.come(1)

    trio.run(main)
    assert kinds == ["upgrade.cut_off"]


def test_a_listener_that_raises_is_a_defect() -> None:
    class Broken(Recorder):
        def on_message(self, payload: str | bytes, received_ns: int) -> None:
            raise ValueError("a ValueError, which from the library would be the peer's doing")

    async def main() -> None:
        async with faults.push(1) as url, opened() as connector:
            await connector.connect(ConnectRequest(url), Broken())
            await trio.sleep_forever()

    with pytest.raises(ListenerRaised) as raised:
        trio.run(main)
    assert isinstance(raised.value.__cause__, ValueError)


@pytest.mark.parametrize("error", [ValueError("odd"), OSError("odd"), RuntimeError("odd")])
def test_what_the_library_raises_ends_its_own_connection_only(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with faults.echo() as url, opened() as connector:
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
        async with faults.echo() as url, opened() as connector:
            await connected(connector, url)

    with pytest.raises(AttributeError, match="typo"):
        trio.run(main)


def _raiser(error: Exception) -> Callable[..., None]:
    def fail(*_: object) -> None:
        raise error

    return fail


def test_headers_user_info_and_host() -> None:
    requests = []

    async def handle(connection: RawConnection) -> None:
        request = await connection.read_request()
        requests.append(request)
        await connection.accept(request)
        await connection.read_until_close()

    async def main() -> None:
        async with serve(handle) as address, opened() as connector:
            plain = f"ws://{address}"
            for url, headers in (
                (plain.replace("ws://", "ws://us:er@"), (("X-Name", "v\u00fc"), ("Host", "chat.test"))),
                (plain.replace("ws://", "ws://us:er@"), (("authorization", "Bearer t"),)),
                (plain, ()),
            ):
                connection, _ = await connected(connector, f"{url}/p?q=1", headers=headers, subprotocols=("a", "b"))
                connection.drop()

    trio.run(main)
    first, second, third = requests
    assert first.target == "/p?q=1"
    assert (first.headers["host"], first.headers["authorization"]) == ("chat.test", "Basic dXM6ZXI=")
    assert first.headers["x-name"].encode("latin-1").decode() == "v\u00fc"
    assert first.headers["sec-websocket-protocol"] == "a, b"
    assert second.headers["authorization"] == "Bearer t"
    assert third.headers["host"].startswith("127.0.0.1:")
    assert "authorization" not in third.headers


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (ConnectRequest("http://x"), "a WebSocket URL begins with ws:// or wss://, not 'http'"),
        (
            ConnectRequest("ws://x", headers=(("A", "b\r\nC: d"),)),
            "the header 'A' cannot be sent: HTTP does not allow one of its characters",
        ),
        (
            ConnectRequest("ws://x", headers=(("a b", "c"),)),
            "the header 'a b' cannot be sent: HTTP does not allow one of its characters",
        ),
        (ConnectRequest("ws://x", subprotocols=("a b",)), "'a b' cannot be a subprotocol: it has to be one word"),
    ],
)
def test_what_cannot_be_asked_for(request_: ConnectRequest, why: str) -> None:
    assert TrioWebSocketTransport().unsupported(request_) == why

    async def main() -> None:
        async with opened() as connector:
            with pytest.raises(ConnectFailed) as failure:
                await connector.connect(request_, Recorder())
            assert (failure.value.kind, failure.value.detail) == ("upgrade.failed", why)

    trio.run(main)


def test_an_ordinary_request_is_supported() -> None:
    assert TrioWebSocketTransport().unsupported(ConnectRequest("wss://x/y", headers=(("A", "b"),))) is None


def test_a_refused_handshake_is_traced() -> None:
    listener = Recorder()

    async def main() -> None:
        async with faults.refused() as url, opened() as connector:
            with pytest.raises(HandshakeRefused):
                await connector.connect(ConnectRequest(url, trace=True), listener)

    trio.run(main)
    assert [(direction, what) for direction, what, _ in listener.frames] == [("out", "request"), ("in", "response")]
    assert listener.frames[1][2].startswith(b"HTTP/1.1 503 Service Unavailable\r\n")


def test_a_ping_too_long_is_refused_before_it_is_queued() -> None:
    @against(faults.echo())
    async def _(connection: Connection, heard: Recorder) -> None:
        with pytest.raises(ValueError, match="at most 125 bytes"):
            connection.ping(b"x" * 126)
        connection.ping(b"x" * 125)
        await heard.until(lambda: len(heard.pongs) == 1)


def test_the_library_logs_to_nobody(capfd: pytest.CaptureFixture[str]) -> None:
    logging.getLogger("trio-websocket").warning("received unknown event type")
    assert capfd.readouterr() == ("", "")
