"""What every transport does with a peer that is odd, beyond the kit that ships."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable
from pathlib import Path
from typing import ClassVar

import pytest
import trio
import trio.testing

from loadws.terms.transports import NAMES
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
from tests.kit import faults
from tests.kit.conformance import Recorder
from tests.kit.plain import MS
from tests.kit.raw import BINARY, TEXT, RawConnection, close_frame, frame, serve
from tests.transport.talk import Notes, against, connected, opened

each_transport = pytest.mark.parametrize("name", NAMES)


@each_transport
def test_a_ping_after_our_close_does_not_break_the_reader(name: str) -> None:
    @against(name, faults.pings_after_our_close())
    async def _(connection: Connection, heard: Recorder) -> None:
        await connection.close()
        assert heard.messages == ["one more"]
        assert (heard.end.by, heard.end.code, heard.end.kind) == ("us", 1000, None)


@each_transport
def test_fragments_are_put_together_with_control_frames_between_them(name: str) -> None:
    @against(name, faults.fragmenting())
    async def _(connection: Connection, heard: Recorder) -> None:
        await heard.messages_come(2)
        assert heard.messages == ["gr\u00fc\u00dfe", b"\x00\x01"]
        assert [(payload, sent_ns) for payload, sent_ns, _ in heard.pongs] == [(b"nobody asked", 0)]


@each_transport
def test_what_came_with_the_101_is_handed_over(name: str) -> None:
    @against(name, faults.push(500))
    async def _(connection: Connection, heard: Recorder) -> None:
        await heard.messages_come(500)
        assert heard.calls[0] == ("open",)
        assert heard.messages == [f"{number}" for number in range(500)]


@each_transport
def test_messages_of_one_read_have_its_stamp(name: str) -> None:
    @against(name, faults.says(frame(TEXT, b"a") + frame(TEXT, b"b") + frame(TEXT, b"c")))
    async def _(connection: Connection, heard: Recorder) -> None:
        await heard.messages_come(3)
        assert len(set(heard.received_ns)) == 1


@each_transport
def test_a_101_in_pieces(name: str) -> None:
    @against(name, faults.slow_handshake(0.02))
    async def _(connection: Connection, heard: Recorder) -> None:
        await connection.send("hi", Outgoing())
        await heard.messages_come(1)
        assert (connection.timings.upgrade_ns or 0) >= 10 * MS


@each_transport
@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (frame(TEXT, b"\xff"), 1007),
        (frame(TEXT, b"x", reserved=2), 1002),
        (frame(BINARY, b"x" * 101), 1009),
        (frame(BINARY, b"x" * 60, fin=False) + frame(0, b"x" * 60, fin=False) + frame(0, b"x" * 60), 1009),
    ],
)
def test_a_violation_is_answered_with_its_close_code(name: str, bad: bytes, code: int) -> None:
    codes = Notes()

    async def handle(connection: RawConnection) -> None:
        await connection.accept()
        await connection.send(bad)
        codes.note(int.from_bytes((await connection.read_until_close())[:2], "big"))

    async def main() -> None:
        async with serve(handle) as address, opened(name) as connector:
            _, heard = await connected(connector, f"ws://{address}", max_message_size=100)
            await heard.has_ended()
            assert await codes.come(1) == [code]

    trio.run(main)


@each_transport
def test_the_peers_close_is_answered_and_the_peer_may_close_tcp_first(name: str) -> None:
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
        async with serve(handle) as address, opened(name) as connector:
            _, heard = await connected(connector, f"ws://{address}")
            await heard.has_ended()
            assert await seen.come(2) == [b"\x03\xe9going", "the client waits"]

    trio.run(main)


@each_transport
def test_tls_is_timed_and_the_authority_can_be_given(name: str, tmp_path: Path) -> None:
    async def main() -> None:
        async with faults.echo_tls(tmp_path) as (url, ca_file), opened(name) as connector:
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


@each_transport
def test_reading_goes_on_while_a_write_is_stuck(name: str) -> None:
    """The library's reader would answer a ping itself, behind the write that is stuck, and read no more."""

    @against(name, faults.never_reads(messages=5), close_timeout_ns=20 * MS)
    async def _(connection: Connection, heard: Recorder) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_is_not_open, connection.send(b"x" * faults.A_FLOOD, Outgoing()))
            await heard.messages_come(5)
            await connection.close()
        assert (heard.end.by, heard.end.kind) == ("us", "close_timeout")


async def _is_not_open(sending: Awaitable[None]) -> None:
    with pytest.raises(NotOpen):
        await sending


@each_transport
def test_a_write_that_is_cancelled_midway_drops_the_connection(name: str) -> None:
    @against(name, faults.never_reads())
    async def _(connection: Connection, heard: Recorder) -> None:
        out = Outgoing()
        with trio.move_on_after(0.05) as scope:
            await connection.send(b"x" * faults.A_FLOOD, out)
        assert scope.cancelled_caught
        assert (heard.end.by, heard.end.code, heard.end.kind) == ("us", None, None)
        assert (out.sent_ns > 0, out.written_ns) == (True, 0)


@each_transport
def test_a_write_that_waits_for_its_turn_can_be_cancelled_without_harm(name: str) -> None:
    @against(name, faults.never_reads(), close_timeout_ns=20 * MS)
    async def _(connection: Connection, heard: Recorder) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_is_not_open, connection.send(b"x" * faults.A_FLOOD, Outgoing()))
            await trio.testing.wait_all_tasks_blocked()
            out = Outgoing()
            with trio.move_on_after(0.01):
                await connection.send("second", out)
            assert (heard.ends, out.sent_ns) == ([], 0)
            await connection.close()


@each_transport
def test_a_write_that_is_stuck_has_a_deadline(name: str) -> None:
    class Told(Outgoing):
        unfinished = 0

        def on_unfinished(self) -> None:
            Told.unfinished += 1

    @against(name, faults.never_reads(), write_timeout_ns=50 * MS)
    async def _(connection: Connection, heard: Recorder) -> None:
        connection.send_soon("a little", Told())
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_is_not_open, connection.send(b"x" * faults.A_FLOOD, Outgoing()))
            end = await heard.has_ended()
        assert (end.by, end.kind) == ("lost", "write_timeout")
        assert Told.unfinished == 0


@each_transport
def test_a_write_in_the_background_tells_that_it_is_unfinished(name: str) -> None:
    class Told(Outgoing):
        calls: ClassVar[list[str]] = []

        def on_written(self) -> None:
            Told.calls.append("written")

        def on_unfinished(self) -> None:
            Told.calls.append("unfinished")

    @against(name, faults.never_reads(), write_timeout_ns=50 * MS)
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


@each_transport
def test_an_attempt_that_is_cancelled_closes_what_is_half_open(name: str) -> None:
    seen = Notes()

    async def handle(connection: RawConnection) -> None:
        await connection.read_request()
        seen.note("asked")
        await connection.read_to_the_end()
        seen.note("closed")

    async def main() -> None:
        async with serve(handle) as address, opened(name) as connector:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(connected, connector, f"ws://{address}")
                await seen.come(1)
                nursery.cancel_scope.cancel()
            assert await seen.come(2) == ["asked", "closed"]

    trio.run(main)


@each_transport
def test_an_attempt_is_cut_off_with_its_connector(name: str) -> None:
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
        async with serve(handle) as address, trio.open_nursery() as nursery, opened(name) as connector:
            nursery.start_soon(attempt, connector, f"ws://{address}")
            await asked.come(1)

    trio.run(main)
    assert kinds == ["upgrade.cut_off"]


@each_transport
def test_a_listener_that_raises_is_a_defect(name: str) -> None:
    class Broken(Recorder):
        def on_message(self, payload: str | bytes, received_ns: int) -> None:
            raise ValueError("a ValueError, which from the library would be the peer's doing")

    async def main() -> None:
        async with faults.push(1) as url, opened(name) as connector:
            await connector.connect(ConnectRequest(url), Broken())
            await trio.sleep_forever()

    with pytest.raises(ListenerRaised) as raised:
        trio.run(main)
    assert isinstance(raised.value.__cause__, ValueError)


@each_transport
def test_headers_user_info_and_host(name: str) -> None:
    requests = []

    async def handle(connection: RawConnection) -> None:
        request = await connection.read_request()
        requests.append(request)
        await connection.accept(request)
        await connection.read_until_close()

    async def main() -> None:
        async with serve(handle) as address, opened(name) as connector:
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


@each_transport
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
def test_what_cannot_be_asked_for(name: str, request_: ConnectRequest, why: str) -> None:
    async def main() -> None:
        async with opened(name) as connector:
            with pytest.raises(ConnectFailed) as failure:
                await connector.connect(request_, Recorder())
            assert (failure.value.kind, failure.value.detail) == ("upgrade.request", why)

    trio.run(main)


@each_transport
def test_a_refused_handshake_is_traced(name: str) -> None:
    listener = Recorder()

    async def main() -> None:
        async with faults.refused() as url, opened(name) as connector:
            with pytest.raises(HandshakeRefused):
                await connector.connect(ConnectRequest(url, trace=True), listener)

    trio.run(main)
    assert [(direction, what) for direction, what, _ in listener.frames] == [("out", "request"), ("in", "response")]
    assert listener.frames[1][2].startswith(b"HTTP/1.1 503 Service Unavailable\r\n")


@each_transport
def test_a_ping_too_long_is_refused_before_it_is_queued(name: str) -> None:
    @against(name, faults.echo())
    async def _(connection: Connection, heard: Recorder) -> None:
        with pytest.raises(ValueError, match="at most 125 bytes"):
            connection.ping(b"x" * 126)
        connection.ping(b"x" * 125)
        await heard.until(lambda: len(heard.pongs) == 1)
