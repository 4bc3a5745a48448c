"""The server over streams in memory and in virtual time: what it answers, when, and what it counts."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from trio.testing import MockClock, memory_stream_pair
from trio_websocket import ConnectionClosed, ConnectionRejected, WebSocketConnection, wrap_client_stream

from loadws.target.counts import Counts
from loadws.target.limits import UPGRADE_WITHIN_S
from loadws.target.listening import listen
from loadws.target.options import Address, Closing, Refusal, Stall, Storm, TargetOptions
from loadws.target.server import QUEUE, Target
from loadws.terms.errors import UsageError
from loadws.terms.units import NS_PER_MS, NS_PER_S


def _run(main: Callable[[], Awaitable[None]]) -> None:
    """In virtual time, of which there is a day: what waits for ever fails."""

    async def bounded() -> None:
        with trio.fail_after(24 * 3600):
            await main()

    trio.run(bounded, clock=MockClock(autojump_threshold=0))


class Place:
    """A target with connections in memory, so that trio's clock is the only one."""

    def __init__(self, options: TargetOptions, nursery: trio.Nursery) -> None:
        self.counts = Counts()
        self.target = Target(options, self.counts)
        self._nursery = nursery

    def stream(self) -> Any:
        """The client's end. trio-websocket's types ask for a socket; it takes any stream."""
        ours, theirs = memory_stream_pair()
        self._nursery.start_soon(self.target.converse, theirs)
        return ours

    @asynccontextmanager
    async def client(self, *subprotocols: str) -> AsyncIterator[WebSocketConnection]:
        async with trio.open_nursery() as nursery:
            stream = self.stream()
            client = await wrap_client_stream(
                nursery, stream, "target.test", "/", subprotocols=subprotocols, message_queue_size=QUEUE
            )
            yield client
            with trio.move_on_after(30):
                await client.aclose()
            await trio.aclose_forcefully(stream)


@asynccontextmanager
async def _target(options: TargetOptions) -> AsyncIterator[Place]:
    """Ends when every conversation has ended."""
    async with trio.open_nursery() as nursery:
        yield Place(options, nursery)


async def _messages(client: WebSocketConnection) -> list[str | bytes]:
    """All there are until the connection closes."""
    found: list[str | bytes] = []
    try:
        while True:
            found.append(await client.get_message())
    except ConnectionClosed:
        return found


def test_an_echo_of_text_and_of_binary() -> None:
    async def main() -> None:
        async with _target(TargetOptions()) as place, place.client() as client:
            await client.send_message("grün")
            await client.send_message(b"\x00\xff")
            assert [await client.get_message(), await client.get_message()] == ["grün", b"\x00\xff"]
        assert place.counts == Counts(
            accepted=1,
            upgraded=1,
            closed_by_peer={"1000": 1},
            messages_received=2,
            messages_sent=2,
            bytes_received=7,
            bytes_sent=7,
        )

    _run(main)


def test_the_first_subprotocol_that_is_proposed_is_taken() -> None:
    async def main() -> None:
        async with _target(TargetOptions()) as place:
            async with place.client("chat.v2", "chat.v1") as client:
                assert client.subprotocol == "chat.v2"
            async with place.client() as client:
                assert client.subprotocol is None

    _run(main)


def test_json_answers_carry_the_id() -> None:
    async def main() -> None:
        async with _target(TargetOptions(mode="json")) as place, place.client() as client:
            for number in (2, 1):
                await client.send_message(json.dumps({"id": number}))
            answers = [json.loads(await client.get_message()) for _ in range(2)]
            assert [answer["id"] for answer in answers] == [2, 1]

    _run(main)


def test_a_broadcast_reaches_everyone_and_its_sender() -> None:
    async def main() -> None:
        async with _target(TargetOptions(mode="broadcast")) as place, place.client() as one, place.client() as other:
            await one.send_message("hi")
            assert [await one.get_message(), await other.get_message()] == ["hi", "hi"]
        assert (place.counts.messages_received, place.counts.messages_sent) == (1, 2)

    _run(main)


@pytest.mark.slow
def test_a_broadcast_does_not_wait_for_a_reader_that_is_too_slow() -> None:
    """Every answer is held for an hour, so that the readers' queues fill."""

    async def main() -> None:
        options = TargetOptions(mode="broadcast", delay_ns=3600 * NS_PER_S)
        async with _target(options) as place, place.client() as client:
            for number in range(QUEUE + 10):
                await client.send_message(str(number))
        counts = place.counts
        # One message more than the queue holds has been taken out of it, and waits for its time.
        assert (counts.messages_received, counts.overflowed, counts.unsent) == (QUEUE + 10, 9, QUEUE + 1)

    _run(main)


def test_answers_are_delayed_without_holding_up_one_another() -> None:
    async def main() -> None:
        async with _target(TargetOptions(delay_ns=20 * NS_PER_MS)) as place, place.client() as client:
            start = trio.current_time()
            for number in range(5):
                await client.send_message(str(number))
            answers = [await client.get_message() for _ in range(5)]
            assert answers == ["0", "1", "2", "3", "4"]
            assert round(trio.current_time() - start, 6) == 0.02

    _run(main)


def test_jitter_keeps_the_order_of_a_connection() -> None:
    async def main() -> None:
        options = TargetOptions(delay_ns=20 * NS_PER_MS, jitter_ns=20 * NS_PER_MS, seed=5)
        async with _target(options) as place, place.client() as client:
            for number in range(50):
                await client.send_message(str(number))
            assert [await client.get_message() for _ in range(50)] == [str(number) for number in range(50)]

    _run(main)


def test_a_stall_counts_from_the_first_upgrade_and_lets_go_what_it_held() -> None:
    async def main() -> None:
        async with _target(TargetOptions(stall=Stall(2 * NS_PER_S, 10 * NS_PER_S))) as place:
            await trio.sleep(100)  # nobody is there: the stalls have not begun
            async with place.client() as client:
                start = trio.current_time()
                seen = {}
                for asked_at in (0.0, 9.0, 11.0, 13.0, 20.5):
                    await trio.sleep_until(start + asked_at)
                    await client.send_message("?")
                    await client.get_message()
                    seen[asked_at] = round(trio.current_time() - start, 6)
                assert seen == {0.0: 0.0, 9.0: 9.0, 11.0: 12.0, 13.0: 13.0, 20.5: 22.0}

    _run(main)


def test_dropped_answers_are_counted_and_the_same_by_seed() -> None:
    async def answered(seed: int) -> list[str | bytes]:
        options = TargetOptions(drop_share=0.5, closing=Closing(40), seed=seed)
        async with _target(options) as place, place.client() as client:
            for number in range(40):
                await client.send_message(str(number))
            found = await _messages(client)
        assert place.counts.messages_sent == len(found)
        assert place.counts.messages_sent + place.counts.dropped == 40
        return found

    async def main() -> None:
        first, again, other = await answered(1), await answered(1), await answered(2)
        assert first == again
        assert first != other

    _run(main)


def test_a_connection_is_closed_once_its_last_message_was_answered() -> None:
    async def main() -> None:
        options = TargetOptions(closing=Closing(2, 1001), delay_ns=NS_PER_MS)
        async with _target(options) as place, place.client() as client:
            for text in ("a", "b", "c"):
                await client.send_message(text)
            assert await _messages(client) == ["a", "b"]
            assert client.closed is not None
            assert client.closed.code == 1001
        assert (place.counts.upgraded, place.counts.closed_by_us) == (1, 1)

    _run(main)


def test_a_refusal_is_an_http_answer_with_a_body() -> None:
    async def main() -> None:
        async with _target(TargetOptions(refusal=Refusal(503, 1.0))) as place:
            with pytest.raises(ExceptionGroup) as raised:
                async with place.client():
                    raise AssertionError("it was accepted")
            (rejected,) = raised.value.exceptions
            assert isinstance(rejected, ConnectionRejected)
            assert (rejected.status_code, rejected.body) == (503, b"refused by loadws target --reject\n")
        assert place.counts == Counts(accepted=1, refused={"503": 1})

    _run(main)


def test_a_peer_that_is_cut_ends_only_its_own_connection(capfd: pytest.CaptureFixture[str]) -> None:
    async def main() -> None:
        async with _target(TargetOptions(delay_ns=NS_PER_S)) as place, place.client() as stays:
            async with trio.open_nursery() as nursery:
                stream = place.stream()
                goes = await wrap_client_stream(nursery, stream, "target.test", "/")
                await goes.send_message("never answered")
                await trio.aclose_forcefully(stream)
            await stays.send_message("still here")
            assert await stays.get_message() == "still here"
        counts = place.counts
        assert (counts.upgraded, counts.lost, counts.closed_by_peer) == (2, 1, {"1000": 1})
        assert counts.messages_received == counts.messages_sent + counts.unsent

    _run(main)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "sent",
    [
        b"",  # comes, and goes
        b"GET / HTTP/1.1\r\nHost: target.test\r\n\r\n",  # a browser
        b"POST / HTTP/1.1\r\nHost: target.test\r\nContent-Length: 0\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",  # TLS, to a port that speaks none
        b"GET / HTTP/1.1\r\nHost: \xff\r\nConnection: Upgrade\r\n\r\n",
    ],
)
def test_what_asks_for_no_upgrade_is_let_go(sent: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    async def main() -> None:
        async with _target(TargetOptions()) as place:
            start = trio.current_time()
            stream = place.stream()
            if sent:
                await stream.send_all(sent)
            await trio.aclose_forcefully(stream)
        assert trio.current_time() - start <= UPGRADE_WITHIN_S
        assert place.counts == Counts(accepted=1, broken=1)

    _run(main)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "frames",
    [
        b"\xf1\x80\x00\x00\x00\x00",  # reserved bits
        b"\x81\x82\x00\x00\x00\x00\xff\xff",  # text that is not UTF-8
        b"\x81\x02hi",  # not masked
        b"\x88\x81\x00\x00\x00\x00a",  # a close with half a code
    ],
)
def test_broken_frames_end_their_connection_quietly(frames: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    upgrade = (
        b"GET / HTTP/1.1\r\nHost: target.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )

    async def main() -> None:
        async with _target(TargetOptions()) as place:
            stream = place.stream()
            await stream.send_all(upgrade)
            assert (await stream.receive_some(65536)).startswith(b"HTTP/1.1 101 ")
            await stream.send_all(frames)
            while await stream.receive_some(65536):
                pass
        counts = place.counts
        assert counts.upgraded == 1
        assert counts.closed_by_us + sum(counts.closed_by_peer.values()) + counts.lost == 1

    _run(main)
    assert capfd.readouterr() == ("", "")


def test_everyone_is_told_goodbye() -> None:
    async def main() -> None:
        async with _target(TargetOptions()) as place, place.client() as one, place.client() as other:
            await place.target.close_all()
            for client in (one, other):
                assert await _messages(client) == []
                assert client.closed is not None
                assert client.closed.code == 1001
        assert (place.counts.upgraded, place.counts.closed_by_us) == (2, 2)

    _run(main)


def test_messages_that_came_before_a_close_are_counted() -> None:
    async def main() -> None:
        async with _target(TargetOptions()) as place, place.client() as client:
            for _ in range(100):
                await client.send_message("x")
        assert place.counts.messages_received == 100
        assert place.counts.messages_sent + place.counts.unsent == 100

    _run(main)


def test_an_address_that_is_taken_is_an_error_with_advice() -> None:
    async def main() -> None:
        first = await listen(Address("127.0.0.1", 0))
        port = int(first.url.rpartition(":")[2])
        with pytest.raises(UsageError) as raised:
            await listen(Address("127.0.0.1", port))
        assert str(raised.value) == f"cannot listen on 127.0.0.1:{port}: Address already in use"
        assert raised.value.advice == "choose another --listen; port 0 takes a free one"
        for listener in first.listeners:
            await listener.aclose()

    trio.run(main)


@pytest.mark.parametrize(
    "options",
    [
        TargetOptions(storm=Storm(5 * NS_PER_S)),  # where answers leave at once
        TargetOptions(storm=Storm(5 * NS_PER_S), delay_ns=NS_PER_MS),  # where a second task writes
        TargetOptions(storm=Storm(5 * NS_PER_S), mode="broadcast"),
    ],
)
def test_a_storm_closes_everyone_who_is_there_once(options: TargetOptions) -> None:
    async def main() -> None:
        async with _target(options) as place:
            async with place.client() as first, place.client() as second:
                await trio.sleep(4)
                for client in (first, second):
                    await client.send_message("still here")
                    assert await client.get_message() == "still here"
                for client in (first, second):
                    await _messages(client)
                    assert client.closed is not None and client.closed.code == 1012
                assert trio.current_time() < 5.1
            async with place.client() as later:
                await trio.sleep(60)
                await later.send_message("I stay")
                assert await later.get_message() == "I stay"
        assert place.counts.closed_by_us == 2

    _run(main)
