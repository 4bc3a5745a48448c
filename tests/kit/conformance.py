"""What every transport must do, as checks that a test runs over each of them.

``CHECKS`` need a *stage* on which a scripted behaviour is played, in memory or over sockets; ``FAILURES`` and
``ENDINGS`` are tables of faults over real sockets, with the expected result of each. A check raises where it finds
something else, and needs well under a second::

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    def test_the_transport(check): trio.run(check, over_sockets(MyTransport))
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Literal

import msgspec
import trio
import trio.testing
from msgspec.structs import replace

from loadws.transport.base import (
    ConnectFailed,
    Connection,
    Connector,
    ConnectRequest,
    End,
    HandshakeRefused,
    NotOpen,
    Outgoing,
    Payload,
    Transport,
)
from loadws.transport.clock.timers import open_timers
from tests.kit import faults
from tests.kit.behaviour import (
    Behaviour,
    Leave,
    Say,
    Seen,
    Vanish,
    closes_after,
    echo,
    pushes,
    refusal,
    silent,
)
from tests.kit.loopback import loopback_peer
from tests.kit.peer import ScriptedTransport
from tests.kit.plain import MS

#: Longer than anything here needs: a check that waits this long hangs.
PATIENCE_S = 20


class Recorder:
    """A listener that keeps its calls, in order; ``calls`` has a row for each."""

    def __init__(self) -> None:
        self.connection: Connection | None = None
        self.calls: list[tuple[Any, ...]] = []
        self.frames: list[tuple[str, str, bytes]] = []
        self.messages: list[Payload] = []
        self.received_ns: list[int] = []
        self.pongs: list[tuple[bytes, int, int]] = []
        self.ends: list[End] = []
        self.answer: Callable[[Payload], None] = lambda payload: None
        self._changed = trio.Event()

    @property
    def end(self) -> End:
        assert len(self.ends) == 1, self.ends
        return self.ends[0]

    def on_open(self, connection: Connection) -> None:
        self.connection = connection
        self._note("open")

    def on_message(self, payload: Payload, received_ns: int) -> None:
        self.messages.append(payload)
        self.received_ns.append(received_ns)
        self._note("message", payload)
        self.answer(payload)

    def on_pong(self, payload: bytes, sent_ns: int, received_ns: int) -> None:
        self.pongs.append((payload, sent_ns, received_ns))
        self._note("pong", payload)

    def on_end(self, end: End) -> None:
        self.ends.append(end)
        self._note("end", end.by)

    def on_frame(self, direction: Literal["in", "out"], what: str, payload: bytes, at_ns: int) -> None:
        self.frames.append((direction, what, payload))

    async def until(self, reached: Callable[[], bool]) -> None:
        """Wait for a call after which the condition holds."""
        with trio.fail_after(PATIENCE_S):
            while not reached():
                await self._changed.wait()

    async def messages_come(self, count: int) -> None:
        await self.until(lambda: len(self.messages) >= count)

    async def has_ended(self) -> End:
        await self.until(lambda: bool(self.ends))
        return self.end

    def _note(self, *call: Any) -> None:
        self.calls.append(call)
        self._changed.set()
        self._changed = trio.Event()


class Scene(msgspec.Struct, frozen=True):
    """A transport, and a peer that it can reach."""

    connector: Connector
    request: ConnectRequest
    seen: Seen

    async def connect(self, **changes: Any) -> tuple[Connection, Recorder]:
        listener = Recorder()
        with trio.fail_after(PATIENCE_S):
            return await self.connector.connect(replace(self.request, **changes), listener), listener


Stage = Callable[[Behaviour], AbstractAsyncContextManager[Scene]]
Check = Callable[[Stage], Awaitable[None]]


@asynccontextmanager
async def in_memory(behaviour: Behaviour) -> AsyncIterator[Scene]:
    """Yield a scene with the fake peer; run it under ``MockClock``."""
    transport = ScriptedTransport(behaviour)
    async with open_timers() as timers, transport.open(timers) as connector:
        yield Scene(connector, ConnectRequest("ws://scripted/path?a=b"), transport.seen)


def over_sockets(transport: Callable[[], Transport]) -> Stage:
    """Return a stage with a real transport and a peer on loopback."""

    @asynccontextmanager
    async def stage(behaviour: Behaviour) -> AsyncIterator[Scene]:
        async with loopback_peer(behaviour) as peer, open_timers() as timers, transport().open(timers) as connector:
            yield Scene(connector, ConnectRequest(f"{peer.url}/path?a=b"), peer.seen)

    return stage


async def answers_come_back_in_order(stage: Stage) -> None:
    async with stage(echo()) as scene:
        connection, heard = await scene.connect()
        said: list[Payload] = ["hello", b"\x00\xff", "", b"", "gr\u00fc\u00dfe \U0001f600", "x" * 70_000, b"y" * 200]
        outs = [Outgoing() for _ in said]
        for payload, out in zip(said, outs, strict=True):
            await connection.send(payload, out)
        await heard.messages_come(len(said))
        assert heard.messages == said
        for out, received_ns in zip(outs, heard.received_ns, strict=True):
            assert 0 <= out.sent_ns <= out.written_ns
            assert out.sent_ns <= received_ns
        assert (scene.seen.messages, list(scene.seen.payloads)) == (len(said), said)
        assert scene.seen.urls[0].endswith("/path?a=b")


async def parts_of_connecting_are_timed(stage: Stage) -> None:
    async with stage(replace(silent(), connect_ns=5 * MS)) as scene:
        connection, _ = await scene.connect()
        timings = connection.timings
        assert timings.dns_ns is None
        assert timings.tls_ns is None
        assert timings.tcp_ns is not None
        assert timings.upgrade_ns is not None
        assert timings.upgrade_ns >= 5 * MS
        assert timings.total_ns >= timings.tcp_ns + timings.upgrade_ns


async def the_handshake_is_told(stage: Stage) -> None:
    async with stage(replace(silent(), subprotocol="chat.v2", headers=(("x-room", "7"),))) as scene:
        connection, _ = await scene.connect(subprotocols=("chat.v1", "chat.v2"))
        assert connection.subprotocol == "chat.v2"
        assert ("x-room", "7") in connection.response_headers


async def open_is_first_and_end_is_last(stage: Stage) -> None:
    async with stage(pushes(["a", "b", "c"])) as scene:
        connection, heard = await scene.connect()
        await heard.messages_come(3)
        await connection.close()
        assert heard.calls == [("open",), ("message", "a"), ("message", "b"), ("message", "c"), ("end", "us")]
        assert heard.connection is connection


async def we_close(stage: Stage) -> None:
    async with stage(echo()) as scene:
        connection, heard = await scene.connect()
        await connection.close(4001, "bye")
        await connection.close(1000)
        assert (heard.end.by, heard.end.code, heard.end.reason, heard.end.kind) == ("us", 4001, "bye", None)
        assert dict(scene.seen.closes) == {4001: 1}


async def nothing_is_sent_after_the_end(stage: Stage) -> None:
    async with stage(echo()) as scene:
        connection, heard = await scene.connect()
        await connection.close()
        for attempt in (lambda: connection.send_soon("x", Outgoing()), lambda: connection.ping(b"x")):
            _raises_not_open(attempt)
        await _raises_not_open_later(connection)
        connection.drop()
        assert len(heard.ends) == 1
        assert scene.seen.messages == 0


async def what_comes_after_our_close_is_heard(stage: Stage) -> None:
    """Check that our close frame does not keep the peer's last messages from being received."""
    async with stage(Behaviour(on_message=lambda payload, number: (Say("1"), Say("2"), Say("3")))) as scene:
        connection, heard = await scene.connect()
        await connection.send("go", Outgoing())
        await connection.close()
        assert heard.messages == ["1", "2", "3"]


async def two_may_close_at_once(stage: Stage) -> None:
    async with stage(echo()) as scene:
        connection, heard = await scene.connect()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(connection.close, 1000)
            nursery.start_soon(connection.close, 1000)
        assert (heard.end.by, heard.end.code) == ("us", 1000)


async def the_peer_closes(stage: Stage) -> None:
    for code, reason in (
        (1000, ""),
        (1001, "going"),
        (1008, ""),
        (1011, "oops"),
        (1013, ""),
        (4001, "own"),
        (None, ""),
    ):
        async with stage(closes_after(1, code, reason)) as scene:
            connection, heard = await scene.connect()
            await connection.send("last words", Outgoing())
            end = await heard.has_ended()
            assert (end.by, end.code, end.reason, end.kind) == ("peer", code, reason, None)
            assert heard.messages == ["last words"]
            assert heard.calls[-1] == ("end", "peer")


async def the_peer_vanishes(stage: Stage) -> None:
    kinds: tuple[Literal["eof", "reset"], ...] = ("eof", "reset")
    for kind in kinds:
        async with stage(Behaviour(on_message=lambda payload, number, kind=kind: (Vanish(kind),))) as scene:  # type: ignore[misc]
            connection, heard = await scene.connect()
            await connection.send("x", Outgoing())
            end = await heard.has_ended()
            assert (end.by, end.code, end.kind) == ("lost", None, kind)
            await connection.close()


async def a_close_that_is_not_answered_has_a_deadline(stage: Stage) -> None:
    async with stage(replace(silent(), answers_close=False)) as scene:
        connection, heard = await scene.connect(close_timeout_ns=50 * MS)
        await connection.close(1000)
        assert (heard.end.by, heard.end.code, heard.end.kind) == ("us", 1000, "close_timeout")


async def a_drop_ends_at_once(stage: Stage) -> None:
    async with stage(echo()) as scene:
        connection, heard = await scene.connect()
        connection.drop()
        assert (heard.end.by, heard.end.code, heard.end.kind) == ("us", None, None)
        connection.drop()
        assert len(heard.ends) == 1


async def a_listener_may_drop(stage: Stage) -> None:
    async with stage(pushes(["a", "b", "c"])) as scene:
        listener = Recorder()
        listener.answer = lambda payload: listener.connection.drop() if listener.connection else None
        await scene.connector.connect(scene.request, listener)
        await listener.has_ended()
        assert listener.calls == [("open",), ("message", "a"), ("end", "us")]


async def a_listener_may_answer(stage: Stage) -> None:
    async with stage(replace(echo(), on_open=pushes(["a", "b", "c"]).on_open)) as scene:
        listener = Recorder()
        outs: list[Outgoing] = []

        def answer(payload: Payload) -> None:
            assert listener.connection is not None
            if len(outs) < 3:
                outs.append(Outgoing())
                listener.connection.send_soon(f"re {payload!s}", outs[-1])

        listener.answer = answer
        await scene.connector.connect(scene.request, listener)
        await listener.messages_come(6)
        assert listener.messages == ["a", "b", "c", "re a", "re b", "re c"]
        assert all(0 <= out.sent_ns <= out.written_ns for out in outs)


async def sends_without_waiting_keep_their_order_and_tell(stage: Stage) -> None:
    class Told(Outgoing):
        written = 0

        def on_written(self) -> None:
            Told.written += 1
            assert self.written_ns >= self.sent_ns

    async with stage(echo()) as scene:
        connection, heard = await scene.connect()
        said = [f"{number}" if number % 2 else f"{number}".encode() for number in range(500)]
        for payload in said:
            connection.send_soon(payload, Told())
        await heard.messages_come(len(said))
        assert heard.messages == said
        assert Told.written == len(said)


async def a_text_that_no_frame_can_carry_is_mended(stage: Stage) -> None:
    """Check that lone surrogates, which JSON may bring, become question marks."""
    async with stage(echo()) as scene:
        connection, heard = await scene.connect()
        await connection.send("a\ud800b", Outgoing())
        connection.send_soon("c\udfffd", Outgoing())
        await heard.messages_come(2)
        assert heard.messages == list(scene.seen.payloads) == ["a?b", "c?d"]


async def a_pong_says_when_its_ping_was_sent(stage: Stage) -> None:
    async with stage(silent()) as scene:
        connection, heard = await scene.connect()
        estimate_ns = connection.ping(b"one")
        await heard.until(lambda: len(heard.pongs) == 1)
        payload, sent_ns, received_ns = heard.pongs[0]
        assert payload == b"one"
        assert estimate_ns <= sent_ns <= received_ns
        assert scene.seen.pings == 1


async def a_silent_peer_is_lost(stage: Stage) -> None:
    async with stage(replace(silent(), answers_pings=False)) as scene:
        _, heard = await scene.connect(ping_every_ns=20 * MS, ping_timeout_ns=60 * MS)
        end = await heard.has_ended()
        assert (end.by, end.code, end.kind) == ("lost", None, "ping_timeout")


async def an_answered_keepalive_keeps_alive(stage: Stage) -> None:
    async with stage(silent()) as scene:
        connection, heard = await scene.connect(ping_every_ns=10 * MS)
        await heard.until(lambda: len(heard.pongs) == 3)
        assert len({payload for payload, _, _ in heard.pongs}) == 3
        assert all(0 < sent_ns <= received_ns for _, sent_ns, received_ns in heard.pongs)
        await connection.close()
        assert heard.end.kind is None


async def a_refusal_is_whole_and_spares_its_neighbours(stage: Stage) -> None:
    headers = (("www-authenticate", "Basic"),)
    behaviour = replace(echo(), refuse=lambda attempt: refusal(401, headers, b"who?") if attempt == 1 else None)
    async with stage(behaviour) as scene:
        connection, heard = await scene.connect()
        try:
            await scene.connect()
        except HandshakeRefused as refused:
            assert (refused.kind, refused.status, refused.body) == ("http.401", 401, b"who?")
            assert headers[0] in refused.headers
        else:
            raise AssertionError("the second attempt was to be refused")
        await connection.send("still here", Outgoing())
        await heard.messages_come(1)
        assert (scene.seen.attempts, scene.seen.refused, scene.seen.opened) == (2, 1, 1)


async def opening_has_a_deadline(stage: Stage) -> None:
    async with stage(replace(echo(), connect_ns=60_000 * MS)) as scene:
        try:
            await scene.connect(open_timeout_ns=50 * MS)
        except ConnectFailed as failure:
            assert (failure.phase, failure.kind) == ("upgrade", "upgrade.timeout")
        else:
            raise AssertionError("the attempt was to fail")


async def an_attempt_that_is_cancelled_tells_nothing(stage: Stage) -> None:
    async with stage(replace(echo(), connect_ns=60_000 * MS)) as scene:
        listener = Recorder()
        with trio.move_on_after(0.05) as scope:
            await scene.connector.connect(scene.request, listener)
        assert scope.cancelled_caught
        assert listener.calls == []


async def a_message_above_the_limit_is_a_loss(stage: Stage) -> None:
    async with stage(pushes(["fits", "x" * 101])) as scene:
        _, heard = await scene.connect(max_message_size=100)
        end = await heard.has_ended()
        assert (end.by, end.code, end.kind) == ("lost", None, "protocol.too_large")
        assert heard.messages == ["fits"]


async def the_limit_counts_bytes(stage: Stage) -> None:
    async with stage(pushes(["\u00e9" * 50, "\u00e9" * 51])) as scene:
        _, heard = await scene.connect(max_message_size=100)
        await heard.has_ended()
        assert heard.messages == ["\u00e9" * 50]


async def a_trace_shows_every_frame(stage: Stage) -> None:
    async with stage(echo()) as scene:
        connection, heard = await scene.connect(trace=True)
        await connection.send("hi", Outgoing())
        await heard.messages_come(1)
        connection.ping(b"p")
        await heard.until(lambda: len(heard.pongs) == 1)
        await connection.close(1000, "bye")
        shown = [
            (direction, what, payload) for direction, what, payload in heard.frames if what in ("text", "ping", "pong")
        ]
        assert shown == [("out", "text", b"hi"), ("in", "text", b"hi"), ("out", "ping", b"p"), ("in", "pong", b"p")]
        kinds = [(direction, what) for direction, what, _ in heard.frames]
        assert kinds[:2] == [("out", "request"), ("in", "response")]
        assert kinds[6:] == [("out", "close"), ("in", "close")]
        assert heard.frames[6][2] == b"\x03\xe8bye"


async def the_end_of_the_connector_cuts_off_each_once(stage: Stage) -> None:
    async with stage(silent()) as scene:
        heard = [(await scene.connect())[1] for _ in range(5)]
        assert [listener.ends for listener in heard] == [[]] * 5
    assert [(one.end.by, one.end.code, one.end.kind) for one in heard] == [("us", None, "cut_off")] * 5


async def many_at_once_add_up(stage: Stage) -> None:
    async with stage(echo()) as scene:

        async def one() -> None:
            connection, listener = await scene.connect()
            for number in range(5):
                await connection.send(f"{number}", Outgoing())
            await listener.messages_come(5)
            await connection.close()
            heard.append(listener)

        heard: list[Recorder] = []
        async with trio.open_nursery() as nursery:
            for _ in range(40):
                nursery.start_soon(one)
        assert [listener.messages for listener in heard] == [["0", "1", "2", "3", "4"]] * 40
        assert [(listener.end.by, listener.end.kind) for listener in heard] == [("us", None)] * 40
        seen = scene.seen
        assert (seen.opened, seen.messages, seen.said, dict(seen.closes)) == (40, 200, 200, {1000: 40})


async def it_ends_in_time_order(stage: Stage) -> None:
    """Check that the peer's actions happen in the order of their times, whatever was scheduled first."""
    actions = (Say("second", 40 * MS), Say("first", 10 * MS), Leave(1000, "", 80 * MS))
    async with stage(Behaviour(on_open=lambda connection: actions)) as scene:
        _, heard = await scene.connect()
        end = await heard.has_ended()
        assert heard.messages == ["first", "second"]
        times = [*heard.received_ns, end.at_ns]
        assert times == sorted(times)  # one read may bring several


async def who_does_not_read_hears_nothing_until_it_reads(stage: Stage) -> None:
    async with stage(echo()) as scene:
        connection, heard = await scene.connect()
        for number in range(3):
            connection.limit_reading(0)
            connection.limit_reading(0)
            await connection.send(f"{number}", Outgoing())
            await trio.testing.wait_all_tasks_blocked(0.02)
            assert (scene.seen.messages, len(heard.messages)) == (number + 1, number)
            connection.limit_reading(None)
            connection.limit_reading(None)
            await heard.messages_come(number + 1)
        await connection.close()
        connection.limit_reading(0)
        connection.limit_reading(None)
        assert (heard.messages, heard.end.by) == (["0", "1", "2"], "us")


async def a_slow_reader_keeps_its_pace(stage: Stage) -> None:
    """Check 15,300 bytes at 50,000 per second: two reads' worth of a tenth of a second may come at once, the rest only
    in time.
    """
    said = ["x" * 100] * 150
    async with stage(Behaviour(on_message=lambda payload, number: [Say(text) for text in said])) as scene:
        connection, heard = await scene.connect()
        connection.limit_reading(50_000)
        began_s = trio.current_time()
        await connection.send("go", Outgoing())
        await heard.messages_come(150)
        assert trio.current_time() - began_s >= 0.1
        assert heard.messages == said


async def closing_reads_on(stage: Stage) -> None:
    """Check that messages before the peer's answer to our close are received, and the answer, too."""
    async with stage(echo()) as scene:
        connection, heard = await scene.connect()
        connection.limit_reading(0)
        await connection.send("x" * 70_000, Outgoing())
        await connection.close()
        assert heard.messages == ["x" * 70_000]
        assert (heard.end.by, heard.end.code, heard.end.kind) == ("us", 1000, None)


async def a_keepalive_is_not_heard_by_who_does_not_read(stage: Stage) -> None:
    async with stage(silent()) as scene:
        connection, heard = await scene.connect(ping_every_ns=10 * MS, ping_timeout_ns=20 * MS)
        connection.limit_reading(0)
        end = await heard.has_ended()
        assert (end.by, end.kind) == ("lost", "ping_timeout")


async def who_does_not_read_may_still_drop(stage: Stage) -> None:
    async with stage(echo()) as scene:
        connection, heard = await scene.connect()
        connection.limit_reading(1)
        await connection.send("x", Outgoing())
        connection.drop()
        assert heard.end.by == "us"


CHECKS: tuple[Check, ...] = (
    answers_come_back_in_order,
    parts_of_connecting_are_timed,
    the_handshake_is_told,
    open_is_first_and_end_is_last,
    we_close,
    nothing_is_sent_after_the_end,
    what_comes_after_our_close_is_heard,
    two_may_close_at_once,
    the_peer_closes,
    the_peer_vanishes,
    a_close_that_is_not_answered_has_a_deadline,
    a_drop_ends_at_once,
    a_listener_may_drop,
    a_listener_may_answer,
    sends_without_waiting_keep_their_order_and_tell,
    a_text_that_no_frame_can_carry_is_mended,
    a_pong_says_when_its_ping_was_sent,
    a_silent_peer_is_lost,
    an_answered_keepalive_keeps_alive,
    a_refusal_is_whole_and_spares_its_neighbours,
    opening_has_a_deadline,
    an_attempt_that_is_cancelled_tells_nothing,
    a_message_above_the_limit_is_a_loss,
    the_limit_counts_bytes,
    a_trace_shows_every_frame,
    the_end_of_the_connector_cuts_off_each_once,
    many_at_once_add_up,
    it_ends_in_time_order,
    who_does_not_read_hears_nothing_until_it_reads,
    a_slow_reader_keeps_its_pace,
    closing_reads_on,
    a_keepalive_is_not_heard_by_who_does_not_read,
    who_does_not_read_may_still_drop,
)


class Failure(msgspec.Struct, frozen=True):
    """A fault before the connection is open, and the error that ``connect`` must raise."""

    fault: Callable[[], faults.Fault]
    kind: str
    body: bytes = b""
    open_timeout_ns: int = 10_000 * MS


FAILURES = (
    Failure(faults.nothing_listens, "tcp.refused"),
    Failure(faults.accepts_nobody, "upgrade.timeout", open_timeout_ns=100 * MS),
    Failure(lambda: faults.refused("302 Found", (("Location", "/there"),), b""), "http.302"),
    Failure(lambda: faults.refused("401 Unauthorized", (), b"who?"), "http.401", b"who?"),
    Failure(faults.refused_chunked, "http.403", b"keep out"),
    Failure(lambda: faults.refused("404 Not Found", (), b""), "http.404"),
    Failure(faults.refused, "http.503", b"busy"),
    Failure(lambda: faults.refused("500 Oops", (), b"x" * 100_000), "http.500", b"x" * 2048),
    Failure(faults.refused_endlessly, "http.503", (b"no " * 1000)[:2048]),
    # The head is there, so it is a refusal although its body never is.
    Failure(faults.refused_slowly, "http.503", b"wai", open_timeout_ns=200 * MS),
    Failure(faults.closes_before_101, "upgrade.closed"),
    Failure(faults.resets_before_101, "upgrade.closed"),
    Failure(faults.half_an_answer, "upgrade.closed"),
    Failure(faults.silent_after_tcp, "upgrade.timeout", open_timeout_ns=100 * MS),
    Failure(faults.not_http, "upgrade.not_http"),
    Failure(faults.huge_head, "upgrade.too_large"),
    Failure(faults.wrong_accept, "upgrade.bad_accept"),
    Failure(faults.unasked_subprotocol, "upgrade.bad_subprotocol"),
    Failure(faults.unasked_extension, "upgrade.bad_extension"),
    Failure(faults.not_upgraded, "upgrade.no_upgrade"),
    Failure(faults.without_upgrade, "upgrade.no_upgrade"),
    Failure(faults.without_connection, "upgrade.no_connection"),
    Failure(faults.malformed_answer, "upgrade.malformed"),
    Failure(faults.plain_on_a_tls_port, "upgrade.tls_port"),
    Failure(faults.untrusted_tls, "tls.untrusted"),
    Failure(faults.tls_closed, "tls.closed"),
    Failure(faults.tls_is_plain, "tls.not_tls"),
    Failure(faults.tls_silent, "tls.timeout", open_timeout_ns=100 * MS),
)


class Ending(msgspec.Struct, frozen=True):
    """A fault once the connection is open, and the end that the listener must get."""

    fault: Callable[[], faults.Fault]
    by: str
    code: int | None
    kind: str | None
    messages: tuple[Payload, ...] = ()
    sends: Payload | None = None


ENDINGS = (
    Ending(lambda: faults.close_with(1001, "going"), "peer", 1001, None),
    Ending(lambda: faults.close_with(1008), "peer", 1008, None),
    Ending(lambda: faults.close_with(1011), "peer", 1011, None),
    Ending(lambda: faults.close_with(1013), "peer", 1013, None),
    Ending(lambda: faults.close_with(4001), "peer", 4001, None),
    Ending(lambda: faults.close_with(None), "peer", None, None),
    Ending(lambda: faults.close_after_messages(1, 1001), "peer", 1001, None, ("hi",), "hi"),
    # A code that no close frame may carry is a frame that RFC 6455 forbids.
    Ending(lambda: faults.close_with(1006), "lost", None, "protocol.frame"),
    Ending(faults.closes_tcp, "lost", None, "eof", ("bye",)),
    Ending(faults.reset_mid_message, "lost", None, "reset", (), "x"),
    Ending(faults.invalid_utf8, "lost", None, "protocol.utf8", ("before",)),
    Ending(faults.reserved_bits, "lost", None, "protocol.frame", ("before",)),
    Ending(faults.unknown_opcode, "lost", None, "protocol.frame", ("before",)),
    Ending(faults.masked_frame, "lost", None, "protocol.frame", ("before",)),
    Ending(faults.too_large_message, "lost", None, "protocol.too_large", ("before",)),
)


async def fails_as_named(transport: Callable[[], Transport], row: Failure) -> None:
    async with row.fault() as url, open_timers() as timers, transport().open(timers) as connector:
        listener = Recorder()
        try:
            with trio.fail_after(PATIENCE_S):
                await connector.connect(ConnectRequest(url, open_timeout_ns=row.open_timeout_ns), listener)
        except (ConnectFailed, HandshakeRefused) as failure:
            body = failure.body if isinstance(failure, HandshakeRefused) else b""
            assert (failure.kind, body) == (row.kind, row.body), failure
            assert listener.calls == []
        else:
            raise AssertionError("this was to fail")


async def ends_as_named(transport: Callable[[], Transport], row: Ending) -> None:
    async with row.fault() as url, open_timers() as timers, transport().open(timers) as connector:
        listener = Recorder()
        connection = await connector.connect(ConnectRequest(url), listener)
        if row.sends is not None:
            await connection.send(row.sends, Outgoing())
        end = await listener.has_ended()
        assert (end.by, end.code, end.kind) == (row.by, row.code, row.kind), end
        assert tuple(listener.messages) == row.messages
        assert listener.calls[0] == ("open",)
        assert listener.calls[-1] == ("end", row.by)


def _raises_not_open(attempt: Callable[[], object]) -> None:
    try:
        attempt()
    except NotOpen as refused:
        assert refused.kind == "not_open"
    else:
        raise AssertionError("the connection had ended")


async def _raises_not_open_later(connection: Connection) -> None:
    try:
        await connection.send("x", Outgoing())
    except NotOpen as refused:
        assert refused.kind == "not_open"
    else:
        raise AssertionError("the connection had ended")
