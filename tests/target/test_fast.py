"""The fast echo over real sockets, held against the other server: the same bytes come back, and the same is counted."""

from __future__ import annotations

import errno
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
import trio
from trio_websocket import open_websocket_url

from loadws.target import fast, server
from loadws.target.counts import Counts
from loadws.target.fast import FastServer, serve_fast
from loadws.target.fast_client import MOST_WAITING_BYTES, FastClient
from loadws.target.listening import Listening, listen
from loadws.target.options import Address, Closing, Refusal, Stall, Storm, TargetOptions
from loadws.target.server import serve
from loadws.transport.codec.frames import BINARY, CLOSE, PING, TEXT, encode
from loadws.transport.codec.masking import plain_frame

Serve = Callable[[Listening, TargetOptions, Counts, trio.Event], Awaitable[None]]
BOTH = pytest.mark.parametrize("way", [serve, serve_fast], ids=["slow", "fast"])
PLAIN = TargetOptions()
UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: target.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
TOO_LARGE = b"\x82\xff" + (1 << 40).to_bytes(8) + bytes(4)


@dataclass
class Place:
    port: int
    counts: Counts
    stop: trio.Event

    async def connect(self) -> trio.SocketStream:
        return await trio.open_tcp_stream("127.0.0.1", self.port)

    async def upgraded(self) -> trio.SocketStream:
        stream = await self.connect()
        await stream.send_all(UPGRADE)
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += await stream.receive_some(1)
        assert head.startswith(b"HTTP/1.1 101 ")
        return stream


@asynccontextmanager
async def _serving(way: Serve, options: TargetOptions = PLAIN) -> AsyncIterator[Place]:
    """Stopped at the end of the block; then its counts are whole."""
    listening = await listen(Address("127.0.0.1", 0))
    place = Place(int(listening.url.rpartition(":")[2]), Counts(), trio.Event())
    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(way, listening, options, place.counts, place.stop)
            yield place
            place.stop.set()


async def _rest(stream: trio.SocketStream) -> bytes:
    """All that comes until TCP ends, however it ends."""
    found = b""
    try:
        while data := await stream.receive_some(1 << 16):
            found += data
    except trio.BrokenResourceError:
        pass
    await stream.aclose()
    return found


async def _exactly(stream: trio.SocketStream, size: int) -> bytes:
    found = b""
    while len(found) < size:
        data = await stream.receive_some(size - len(found))
        assert data
        found += data
    return found


@BOTH
def test_a_whole_session_with_another_client(way: Serve, capfd: pytest.CaptureFixture[str]) -> None:
    async def main() -> Counts:
        async with _serving(way) as place:
            url = f"ws://127.0.0.1:{place.port}/"
            async with open_websocket_url(url, subprotocols=["chat"]) as client:
                assert client.subprotocol == "chat"
                for message in ("", "grün", b"\x00\xff", "x" * 200, bytes(70_000), "y" * 900_000):
                    await client.send_message(message)
                    assert await client.get_message() == message
                await client.ping(b"there?")
        return place.counts

    size = 0 + 5 + 2 + 200 + 70_000 + 900_000
    assert trio.run(main) == Counts(
        accepted=1, upgraded=1, closed_by_peer={"1000": 1}, messages_received=6, messages_sent=6,
        bytes_received=size, bytes_sent=size,
    )  # fmt: skip
    assert capfd.readouterr() == ("", "")


SENT = b"".join(
    (
        encode(TEXT, b"one"),
        encode(PING, b"p"),
        encode(TEXT, b"tw", fin=False),  # a message in fragments, with a ping between them
        encode(PING, b"q"),
        encode(0, b"o"),
        encode(BINARY, bytes(126)),
        encode(0xA, b"a pong that nobody asked for"),
        encode(BINARY, b""),
        encode(CLOSE, (4001).to_bytes(2) + b"bye"),
        encode(TEXT, b"nobody reads this"),
    )
)
ANSWERED = b"".join(
    (
        plain_frame(0x80 | TEXT, b"one"),
        plain_frame(0x8A, b"p"),
        plain_frame(0x8A, b"q"),
        plain_frame(0x80 | TEXT, b"two"),
        plain_frame(0x80 | BINARY, bytes(126)),
        plain_frame(0x80 | BINARY, b""),
        plain_frame(0x88, (4001).to_bytes(2) + b"bye"),
    )
)


@pytest.mark.parametrize("piece", [1, 3, 7, len(SENT)])
def test_every_kind_of_frame_however_it_is_split(piece: int) -> None:
    async def main() -> tuple[bytes, Counts]:
        async with _serving(serve_fast) as place:
            stream = await place.upgraded()
            for at in range(0, len(SENT), piece):
                await stream.send_all(SENT[at : at + piece])
                await trio.lowlevel.checkpoint()
            answered = await _rest(stream)
        return answered, place.counts

    assert trio.run(main) == (
        ANSWERED,
        Counts(
            accepted=1, upgraded=1, closed_by_peer={"4001": 1}, messages_received=4, messages_sent=4,
            bytes_received=132, bytes_sent=132,
        ),
    )  # fmt: skip


def test_a_hasty_client_that_does_not_wait_for_its_upgrade() -> None:
    async def main() -> bytes:
        async with _serving(serve_fast) as place:
            stream = await place.connect()
            await stream.send_all(UPGRADE + encode(TEXT, b"now") + encode(CLOSE, b""))
            return (await _rest(stream)).partition(b"\r\n\r\n")[2]

    assert trio.run(main) == b"\x81\x03now\x88\x00"


@BOTH
@pytest.mark.parametrize(
    ("frames", "code"),
    [
        (b"\xf1\x80\x00\x00\x00\x00", "1002"),  # reserved bits
        (b"\x81\x82\x00\x00\x00\x00\xff\xff", "1007"),  # text that is not UTF-8
        (b"\x81\x02hi", "1002"),  # not masked
        (b"\x88\x81\x00\x00\x00\x00a", "1002"),  # a close with half a code
        (b"\x80\x80\x00\x00\x00\x00", "1002"),  # goes on with nothing
        (b"\x89\xfe\x00\x7e\x00\x00\x00\x00", "1002"),  # a ping of 126 bytes
    ],
)
def test_broken_frames_end_their_connection(way: Serve, frames: bytes, code: str) -> None:
    async def main() -> Counts:
        async with _serving(way) as place:
            stream = await place.upgraded()
            await stream.send_all(encode(TEXT, b"good") + frames)
            await _rest(stream)
        return place.counts

    counts = trio.run(main)
    assert (counts.upgraded, counts.closed_by_peer) == (1, {code: 1})
    assert (counts.messages_received, counts.messages_sent + counts.unsent) == (1, 1)


def test_who_breaks_the_protocol_is_told_why() -> None:
    async def main(frames: bytes) -> bytes:
        async with _serving(serve_fast) as place:
            stream = await place.upgraded()
            await stream.send_all(encode(TEXT, b"good") + frames)
            return await _rest(stream)

    assert trio.run(main, b"\x81\x02hi") == b"\x81\x04good" + plain_frame(
        0x88, (1002).to_bytes(2) + b"a client's frame is not masked"
    )
    assert trio.run(main, TOO_LARGE).endswith((1009).to_bytes(2) + b"a message above 67108864 bytes")


@BOTH
@pytest.mark.parametrize(
    ("sent", "counts"),
    [
        (b"", Counts(accepted=1, broken=1)),  # comes, and goes
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", Counts(accepted=1, broken=1)),  # a browser
        (b"\x16\x03\x01\x02\x00\x01\x00", Counts(accepted=1, broken=1)),  # TLS
        (UPGRADE[:50], Counts(accepted=1, broken=1)),  # half a request
        (UPGRADE, Counts(accepted=1, upgraded=1, lost=1)),
        (UPGRADE + encode(TEXT, b"hi")[:3], Counts(accepted=1, upgraded=1, lost=1)),  # half a frame
    ],
)
def test_who_leaves_without_a_word(way: Serve, sent: bytes, counts: Counts, monkeypatch: pytest.MonkeyPatch) -> None:
    if counts.broken:  # the other server does not see that such a client has left
        monkeypatch.setattr(server, "UPGRADE_WITHIN_S", 0.05)

    async def main() -> Counts:
        async with _serving(way) as place:
            stream = await place.connect()
            await stream.send_all(sent)
            await stream.send_eof()
            await _rest(stream)
        return place.counts

    assert trio.run(main) == counts


@BOTH
def test_a_refusal(way: Serve) -> None:
    async def main() -> tuple[bytes, Counts]:
        async with _serving(way, TargetOptions(refusal=Refusal(503, 1.0))) as place:
            stream = await place.connect()
            await stream.send_all(UPGRADE)
            return await _rest(stream), place.counts

    answer, counts = trio.run(main)
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"refused by loadws target --reject\n" in answer
    assert counts == Counts(accepted=1, refused={"503": 1})


@BOTH
def test_everyone_is_told_goodbye(way: Serve) -> None:
    async def main() -> Counts:
        async with _serving(way) as place:
            streams = [await place.upgraded() for _ in range(3)]
            place.stop.set()
            for stream in streams:
                assert await _exactly(stream, 4) == b"\x88\x02\x03\xe9"
                await stream.send_all(encode(CLOSE, (1001).to_bytes(2)))
                assert await _rest(stream) == b""
        return place.counts

    assert trio.run(main) == Counts(accepted=3, upgraded=3, closed_by_us=3)


def test_what_comes_after_our_goodbye_is_counted_and_not_answered() -> None:
    async def main() -> Counts:
        async with _serving(serve_fast) as place:
            stream = await place.upgraded()
            place.stop.set()
            await _exactly(stream, 4)
            await stream.send_all(encode(TEXT, b"late") + encode(CLOSE, (1001).to_bytes(2)))
            assert await _rest(stream) == b""
        return place.counts

    assert trio.run(main) == Counts(
        accepted=1, upgraded=1, closed_by_us=1, messages_received=1, bytes_received=4, unsent=1
    )


def test_who_takes_too_long_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that never asks, one that does not end TCP after the last word, one that does not answer our close."""
    for name in ("CLOSE_WITHIN_S", "SWEEP_EVERY_S"):
        monkeypatch.setattr(fast, name, 0.01)

    async def main() -> Counts:
        async with _serving(serve_fast) as place:
            lingers, deaf = await place.upgraded(), await place.upgraded()
            monkeypatch.setattr(fast, "UPGRADE_WITHIN_S", 0.01)  # not before: a busy machine upgrades later than that
            silent = await place.connect()
            assert await silent.receive_some(1) == b""
            await lingers.send_all(encode(CLOSE, (1000).to_bytes(2)))
            assert await _exactly(lingers, 4) == b"\x88\x02\x03\xe8"
            place.stop.set()
        for stream in (silent, lingers, deaf):
            await stream.aclose()
        return place.counts

    assert trio.run(main) == Counts(accepted=3, broken=1, upgraded=2, closed_by_peer={"1000": 1}, closed_by_us=1)


class Held:
    """A host whose kernel takes little: a client is driven by hand over a pair of sockets."""

    def __init__(self) -> None:
        self.counts = Counts()
        self.ours, self.theirs = socket.socketpair()
        for end in (self.ours, self.theirs):
            end.setblocking(False)
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        self.readable = True
        self.writable = False
        self.client = FastClient(self.ours, self)

    def refused_with(self) -> int | None:
        return None

    def opened(self, client: FastClient) -> None: ...

    def must_end_soon(self, client: FastClient) -> None: ...

    def want_writable(self, client: FastClient, wanted: bool) -> None:
        self.writable = wanted

    def want_readable(self, client: FastClient, wanted: bool) -> None:
        self.readable = wanted

    def ended(self, client: FastClient) -> None:
        self.ours.close()

    def take(self) -> bytes:
        """All that the client has for its peer."""
        taken = b""
        while True:
            try:
                taken += self.theirs.recv(1 << 16)
            except BlockingIOError:
                if not self.writable:
                    return taken
                self.client.writable()


@pytest.mark.slow
def test_who_does_not_read_is_not_read() -> None:
    held = Held()
    held.client.received(UPGRADE, 0)
    head = held.take()
    frame = encode(BINARY, bytes(100))
    sent = 0
    while held.readable:
        held.client.received(frame * 100, 0)
        sent += 100
    assert sent * 102 < MOST_WAITING_BYTES + 200 * 102 + (1 << 18)  # what waits, one read more, and the kernel's
    assert held.counts.messages_sent < sent == held.counts.messages_received
    assert held.take() == plain_frame(0x82, bytes(100)) * sent
    assert held.readable
    assert (held.counts.messages_sent, held.counts.bytes_sent) == (sent, 100 * sent)
    assert head.startswith(b"HTTP/1.1 101 ")
    held.client.cut_off()
    held.theirs.close()


def test_answers_that_nobody_took_are_unsent() -> None:
    held = Held()
    held.client.received(UPGRADE, 0)
    while held.readable:
        held.client.received(encode(BINARY, bytes(100)) * 100, 0)
    held.theirs.close()
    held.client.writable()
    counts = held.counts
    assert counts.unsent > 0
    assert counts.messages_received == counts.messages_sent + counts.unsent
    assert (counts.upgraded, counts.lost) == (1, 1)


@pytest.mark.parametrize(
    "options",
    [
        TargetOptions(mode="json"),
        TargetOptions(mode="broadcast"),
        TargetOptions(delay_ns=1),
        TargetOptions(stall=Stall(1, 2)),
        TargetOptions(closing=Closing(1)),
        TargetOptions(drop_share=0.1),
        TargetOptions(storm=Storm(1)),
    ],
)
def test_what_happens_to_a_message_or_an_open_connection_is_not_for_the_fast_way(options: TargetOptions) -> None:
    assert not options.is_plain_echo


def test_an_echo_is_and_one_that_refuses_too() -> None:
    assert PLAIN.is_plain_echo
    assert TargetOptions(refusal=Refusal(503, 0.5)).is_plain_echo


def test_a_full_system_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Out of descriptors once: who waits is served when there are some again."""
    full = [OSError(errno.EMFILE, "too many open files")]

    def accepted(listening: socket.socket) -> object:
        if full:
            raise full.pop()
        return real(listening)

    real = fast._accepted
    monkeypatch.setattr(fast, "_accepted", accepted)
    monkeypatch.setattr(fast, "_FULL_PAUSE_S", 0.0)

    async def main() -> Counts:
        async with _serving(serve_fast) as place:
            stream = await place.upgraded()
            await stream.aclose()
        return place.counts

    assert trio.run(main).upgraded == 1
    assert full == []


def test_a_server_that_never_served_ends() -> None:
    FastServer(PLAIN, Counts()).end()
