"""What is the native transport's own. What every transport does is in ``test_conformance`` and ``test_each``."""

from __future__ import annotations

import gc
import socket
import ssl
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
import trio
import trio.testing

from loadws.transport.base import Connection, ConnectRequest, NotOpen, Outgoing, Repeated
from loadws.transport.clock.timers import open_timers
from loadws.transport.native import connection as machine
from loadws.transport.native.reactor import TaskReactor
from loadws.transport.native.transport import NativeTransport
from tests.kit import faults
from tests.kit.conformance import CHECKS, ENDINGS, Check, Ending, Recorder, ends_as_named, over_sockets
from tests.kit.plain import MS
from tests.kit.raw import CLOSE, PING, PONG, RawConnection, close_frame, frame, serve
from tests.transport.talk import Notes, against, connected, opened


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_task_for_each_socket_does_as_well(check: Check) -> None:
    """What runs where there is no epoll."""
    trio.run(check, over_sockets(partial(NativeTransport, TaskReactor)))


@pytest.mark.parametrize("row", ENDINGS, ids=lambda row: f"{row.by} {row.kind or row.code}")
def test_a_task_for_each_socket_names_ends_as_well(row: Ending) -> None:
    trio.run(ends_as_named, partial(NativeTransport, TaskReactor), row)


def test_a_send_that_the_kernel_takes_whole_lets_nobody_in_between() -> None:
    @against("native", faults.echo())
    async def _(connection: Connection, heard: Recorder) -> None:
        out = Outgoing()
        with trio.testing.assert_no_checkpoints():
            await connection.send("now", out)
        assert 0 < out.sent_ns <= out.written_ns


def test_a_repeated_payload_is_sent_like_any_other() -> None:
    """Constant payloads are made ready once; each frame of them is masked anew, and echoed as it was."""

    @against("native", faults.echo())
    async def _(connection: Connection, heard: Recorder) -> None:
        text, binary = Repeated("é" * 2_000), Repeated(b"\0\xff")
        for payload in (text, binary, text, binary):
            out = Outgoing()
            assert connection.begin_send(payload, out) is None
            assert 0 < out.sent_ns <= out.written_ns
        await heard.messages_come(4)
        assert heard.messages == [text.payload, binary.payload] * 2


@pytest.mark.slow
def test_a_repeated_payload_that_the_kernel_does_not_take_is_waited_for() -> None:
    async def main() -> None:
        go, seen = trio.Event(), Notes()
        async with reads_late(go, seen) as url, opened("native") as connector:
            connection, _ = await connected(connector, url)
            flood, outs = Repeated(b"x" * faults.A_FLOOD), [Outgoing(), Outgoing()]
            unwritten = [connection.begin_send(flood, out) for out in outs]
            go.set()
            for waiting in unwritten:
                assert waiting is not None
                await waiting
            assert outs[0].written_ns <= outs[1].sent_ns <= outs[1].written_ns
            await connection.close()
            assert seen.rows == [(2, faults.A_FLOOD), (2, faults.A_FLOOD), (CLOSE, 2)]

    trio.run(main)


class Told(Outgoing, kw_only=True, eq=False):
    """An outgoing that notes its turn."""

    name: str
    rows: list[str]

    def on_written(self) -> None:
        assert self.written_ns
        self.rows.append(self.name)


def reads_late(go: trio.Event, seen: Notes) -> faults.Fault:
    """Reads nothing before it may; then notes opcode and size of each frame up to the close frame."""

    async def read(connection: RawConnection) -> None:
        await go.wait()
        opcode = 0
        while opcode != CLOSE:
            opcode, payload = await connection.read_frame()
            seen.note((opcode, len(payload)))
        await connection.send(close_frame(1000))
        await connection.read_to_the_end()

    return faults.says(then=read)


def test_what_waits_behind_a_write_that_is_stuck_goes_in_order() -> None:
    async def main() -> None:
        go, seen, rows = trio.Event(), Notes(), list[str]()
        async with reads_late(go, seen) as url, opened("native") as connector:
            connection, heard = await connected(connector, url, trace=True)
            outs = [Outgoing(), Outgoing()]
            async with trio.open_nursery() as nursery:
                nursery.start_soon(connection.send, b"x" * faults.A_FLOOD, outs[0])
                await trio.testing.wait_all_tasks_blocked()
                connection.send_soon("soon", Told(name="soon", rows=rows))
                nursery.start_soon(connection.send, "last", outs[1])
                await trio.testing.wait_all_tasks_blocked()
                connection.ping(b"!")
                assert (rows, outs[0].written_ns, outs[1].sent_ns) == ([], 0, 0)
                go.set()
            await connection.close()
            assert seen.rows == [(2, faults.A_FLOOD), (1, 4), (1, 4), (PING, 1), (CLOSE, 2)]
            assert [(what, len(data)) for direction, what, data in heard.frames if direction == "out"][1:] == [
                ("binary", faults.A_FLOOD),
                ("text", 4),
                ("text", 4),
                ("ping", 1),
                ("close", 2),
            ]
            assert rows == ["soon"]
            assert outs[0].written_ns <= outs[1].sent_ns <= outs[1].written_ns

    trio.run(main)


def test_a_close_frame_goes_behind_the_frame_that_was_begun_and_before_what_waits() -> None:
    async def main() -> None:
        go, seen = trio.Event(), Notes()
        async with reads_late(go, seen) as url, opened("native") as connector:
            connection, heard = await connected(connector, url)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(connection.send, b"x" * faults.A_FLOOD, Outgoing())
                await trio.testing.wait_all_tasks_blocked()
                nursery.start_soon(_is_not_open, connection)
                await trio.testing.wait_all_tasks_blocked()
                nursery.start_soon(connection.close, 4001)
                await trio.testing.wait_all_tasks_blocked()
                go.set()
            assert seen.rows == [(2, faults.A_FLOOD), (CLOSE, 2)]
            assert (heard.end.by, heard.end.code, heard.end.kind) == ("us", 4001, None)

    trio.run(main)


def test_the_peer_closes_while_a_write_is_stuck() -> None:
    """The answer waits behind what was begun, and goes with TCP where the peer takes neither."""

    async def close(connection: RawConnection) -> None:
        await asked.wait()
        await connection.send(close_frame(1001))
        await trio.sleep_forever()

    asked = trio.Event()

    @against("native", faults.says(then=close))
    async def _(connection: Connection, heard: Recorder) -> None:
        assert isinstance(connection, machine.NativeConnection)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_is_not_open, connection, b"x" * faults.A_FLOOD)
            await trio.testing.wait_all_tasks_blocked()
            asked.set()
        assert (heard.end.by, heard.end.code) == ("peer", 1001)
        connection.received(b"", 0)  # the reactor found it readable and writable at once
        connection.writable()
        assert len(heard.ends) == 1


async def _is_not_open(connection: Connection, payload: str | bytes = "too late") -> None:
    with pytest.raises(NotOpen):
        await connection.send(payload, Outgoing())


def test_each_ping_of_one_read_is_answered_in_turn() -> None:
    seen = Notes()

    async def read(connection: RawConnection) -> None:
        for _ in range(3):
            seen.note(await connection.read_frame())

    @against("native", faults.says(b"".join(frame(PING, b"%d" % number) for number in range(3)), then=read))
    async def _(connection: Connection, heard: Recorder) -> None:
        assert await seen.come(3) == [(PONG, b"0"), (PONG, b"1"), (PONG, b"2")]


def test_a_reason_too_long_for_a_close_frame_is_cut() -> None:
    seen = Notes()

    async def handle(connection: RawConnection) -> None:
        await connection.accept()
        seen.note(await connection.read_until_close())

    async def main() -> None:
        async with serve(handle) as address, opened("native") as connector:
            connection, _ = await connected(connector, f"ws://{address}")
            await connection.close(1000, "\u00e9" * 100)
        assert seen.rows == [b"\x03\xe8" + "\u00e9".encode() * 61]

    trio.run(main)


def test_a_peer_that_never_closes_tcp_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "LINGER_NS", 20 * MS)
    seen = Notes()

    async def handle(connection: RawConnection) -> None:
        await connection.accept()
        await connection.read_until_close()
        await connection.send(close_frame(1000))
        await connection.read_to_the_end()
        seen.note("closed")

    async def main() -> None:
        async with serve(handle) as address, opened("native") as connector:
            connection, heard = await connected(connector, f"ws://{address}")
            await connection.close()
            assert heard.end.kind is None
            await seen.come(1)

    trio.run(main)


def _break(connection: Connection) -> None:
    """From now on each write of it fails."""
    assert isinstance(connection, machine.NativeConnection)
    connection.tcp.shutdown(socket.SHUT_WR)


def test_a_failed_write_does_not_hide_what_the_peer_said_before() -> None:
    failed = trio.Event()

    async def late(connection: RawConnection) -> None:
        await failed.wait()
        await connection.send(close_frame(1001))
        await connection.read_to_the_end()

    @against("native", faults.says(then=late))
    async def _(connection: Connection, heard: Recorder) -> None:
        _break(connection)
        with pytest.raises(NotOpen):
            await connection.send("x", Outgoing())
        with pytest.raises(NotOpen):
            connection.send_soon("x", Outgoing())
        failed.set()
        end = await heard.has_ended()
        assert (end.by, end.code) == ("peer", 1001)


@pytest.mark.parametrize(("closes", "how"), [(False, ("lost", "reset")), (True, ("us", None))])
def test_a_failed_write_after_which_nothing_comes(
    closes: bool, how: tuple[str, str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "LINGER_NS", 20 * MS)

    async def waits(connection: RawConnection) -> None:
        await trio.sleep_forever()

    @against("native", faults.says(then=waits))
    async def _(connection: Connection, heard: Recorder) -> None:
        _break(connection)
        with pytest.raises(NotOpen):
            await connection.send("x", Outgoing())
        if closes:
            await connection.close()
        end = await heard.has_ended()
        assert (end.by, end.kind) == how


@asynccontextmanager
async def over_tls(directory: Path) -> AsyncIterator[tuple[Connection, Recorder]]:
    async with faults.echo_tls(directory) as (url, ca_file), opened("native") as connector:
        context = ssl.create_default_context(cafile=str(ca_file))
        yield await connected(connector, url, tls=context, max_message_size=faults.A_FLOOD)


@pytest.mark.slow
def test_a_flood_over_tls_arrives_whole(tmp_path: Path) -> None:
    async def main() -> None:
        async with over_tls(tmp_path) as (connection, heard):
            for payload in (b"x" * faults.A_FLOOD, "after it"):
                await connection.send(payload, Outgoing())
            await heard.messages_come(2)
            assert heard.messages == [b"x" * faults.A_FLOOD, "after it"]
            await connection.close()
            assert (heard.end.by, heard.end.kind) == ("us", None)

    trio.run(main)


def test_what_is_no_tls_any_more_ends_its_connection(tmp_path: Path) -> None:
    async def main() -> None:
        async with over_tls(tmp_path) as (connection, heard):
            assert isinstance(connection, machine.NativeConnection)
            connection.received(b"this is no record of TLS", 0)
            assert (heard.end.by, heard.end.kind) == ("lost", "failed")

    trio.run(main)


def _sessions_parts() -> Counter[str]:
    """How many objects there are of each kind that a session is made of."""
    kinds = {"_Connection", "_Opening", "Upgrade", "Answer", "Attempt", "Recorder", "Decoder", "Pings"}
    return Counter(name for thing in gc.get_objects() if (name := type(thing).__name__) in kinds)


@pytest.mark.slow
def test_a_session_leaves_nothing_that_only_the_collector_frees() -> None:
    async def talk(url: str, how: str) -> None:
        async with open_timers() as timers, NativeTransport().open(timers) as connector:
            listener = Recorder()
            connection = await connector.connect(ConnectRequest(url, ping_every_ns=10 * MS), listener)
            connection.ping(b"p")
            await connection.send("x", Outgoing())
            await listener.messages_come(1)
            if how == "close":
                await connection.close()
            else:
                connection.drop()
            await listener.has_ended()

    async def main() -> None:
        async with faults.echo() as url:
            for how in ("close", "drop"):
                await talk(url, how)
        assert _sessions_parts() == before

    gc.collect()
    gc.disable()
    before = _sessions_parts()  # other tests may have left some that something still holds
    try:
        trio.run(main)
    finally:
        gc.enable()
