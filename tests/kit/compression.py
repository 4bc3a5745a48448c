"""The part of the conformance kit about permessage-deflate, for transports that have it: see ``terms.transports``.

``CHECKS`` are run with a maker of the transport, over sockets, against a peer that is written by hand::

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    def test_compression(check): trio.run(check, MyTransport)
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import msgspec
import trio

from loadws.transport.base import (
    Compression,
    ConnectFailed,
    Connection,
    ConnectRequest,
    Outgoing,
    Payload,
    Transport,
    UncountedWire,
    WireBytes,
)
from loadws.transport.clock.timers import open_timers
from loadws.transport.codec.deflate import Deflater, Inflater
from tests.kit.conformance import PATIENCE_S, Recorder
from tests.kit.raw import BINARY, CLOSE, CONTINUATION, PING, TEXT, Handler, RawConnection, frame, serve

RSV1 = 0b100
_MOST_MESSAGE_BYTES = 1 << 20
MakeTransport = Callable[[], Transport]
Check = Callable[[MakeTransport], Awaitable[None]]


class Terms(msgspec.Struct, frozen=True):
    """An offer, the answer to it, and what the peer then does: its window, and whether each side's window continues."""

    offered: Compression
    answer: str
    window_bits: int = 15
    peer_takes_over: bool = True
    client_takes_over: bool = True


_FORGETS = "permessage-deflate; server_no_context_takeover"
TERMS = (
    Terms(Compression(), "permessage-deflate"),
    Terms(Compression(level=1), _FORGETS, peer_takes_over=False),
    Terms(Compression(), "permessage-deflate; client_no_context_takeover", client_takes_over=False),
    Terms(Compression(context_takeover=False), _FORGETS, peer_takes_over=False, client_takes_over=False),
    # the smallest windows, for which zlib itself writes nothing
    Terms(Compression(), "permessage-deflate; server_max_window_bits=8; client_max_window_bits=8", window_bits=8),
    Terms(Compression(), "permessage-deflate; client_max_window_bits=9; server_max_window_bits=10", window_bits=9),
)
#: The messages sent there and back: repeated, empty, hardly compressible, and larger than one read.
MESSAGES: tuple[Payload, ...] = (
    "hello " * 40,
    "hello " * 40,
    "",
    b"",
    bytes(range(256)) * 3,
    "gr\u00fc\u00dfe",
    "x" * 200_000,
)


async def messages_come_back_under_all_terms(make: MakeTransport) -> None:
    for terms in TERMS:
        wire = UncountedWire()
        async with _talk(make, _echo(terms), terms.offered, wire) as (connection, heard):
            for number, payload in enumerate(MESSAGES):
                await connection.send(payload, Outgoing(), fragments=1 + number % 3)
            await heard.messages_come(len(MESSAGES))
            assert heard.messages == list(MESSAGES), terms
        payload_bytes = sum(len(payload) for payload in MESSAGES)
        assert 0 < wire.wire_sent < payload_bytes / 20, terms
        assert 0 < wire.wire_received < payload_bytes / 20, terms


async def a_server_may_decline(make: MakeTransport) -> None:
    """Check that nothing is compressed then, by the bytes on the wire."""
    seen: list[bytes] = []

    async def plain(peer: RawConnection) -> None:
        request = await peer.read_request()
        assert request.headers["sec-websocket-extensions"].startswith("permessage-deflate")
        await peer.accept(request)
        seen.append(await peer.read_exactly(2))
        await peer.send(frame(TEXT, b"as it is"))
        await peer.read_to_the_end()

    wire = UncountedWire()
    async with _talk(make, plain, Compression(), wire) as (connection, heard):
        await connection.send("a" * 100, Outgoing())
        await heard.messages_come(1)
        assert heard.messages == ["as it is"]
    assert seen == [bytes((0x80 | TEXT, 0x80 | 100))]
    assert (wire.wire_sent, wire.wire_received) == (2 + 4 + 100, 2 + 8)


async def an_answer_that_was_not_offered_fails_the_connect(make: MakeTransport) -> None:
    for answer, offered in (
        ("permessage-deflate", None),
        ("permessage-deflate", Compression(context_takeover=False)),
        ("permessage-deflate; server_max_window_bits=16", Compression()),
        ("permessage-deflate; surprise", Compression()),
        ("permessage-deflate, permessage-deflate", Compression()),
        ("permessage-bzip2", Compression()),
    ):
        try:
            async with _talk(make, _accepting(answer), offered):
                raise AssertionError(f"{answer!r} was taken for an answer to {offered}")
        except ConnectFailed as error:
            assert error.kind == "upgrade.bad_extension", (answer, error)


async def what_the_peer_may_not_send_ends_the_connection(make: MakeTransport) -> None:
    deflater = Deflater(context_takeover=False)
    for wire, kind in (
        (frame(BINARY, deflater.compress(bytes(_MOST_MESSAGE_BYTES + 1)), reserved=RSV1), "protocol.too_large"),
        (frame(TEXT, deflater.compress(b"\xff"), reserved=RSV1), "protocol.utf8"),
        (frame(TEXT, b"\xff\xff", reserved=RSV1), "protocol.frame"),  # no DEFLATE
        (frame(PING, b"", reserved=RSV1), "protocol.frame"),
        (frame(TEXT, b"", fin=False) + frame(CONTINUATION, b"", reserved=RSV1), "protocol.frame"),
        (frame(TEXT, b"", reserved=0b010), "protocol.frame"),
    ):
        async with _talk(make, _accepting("permessage-deflate", wire), Compression()) as (_, heard):
            end = await heard.has_ended()
            assert (end.by, end.kind) == ("lost", kind)
            assert heard.messages == []


async def control_frames_may_stand_between_the_fragments(make: MakeTransport) -> None:
    data = Deflater().compress(b"one message of three frames")
    frames = (
        frame(TEXT, data[:5], fin=False, reserved=RSV1),
        frame(PING, b"between"),
        frame(CONTINUATION, data[5:9], fin=False),
        frame(PING, b"again"),
        frame(CONTINUATION, data[9:]),
    )
    async with _talk(make, _accepting("permessage-deflate", *frames), Compression()) as (_, heard):
        await heard.messages_come(1)
        assert heard.messages == ["one message of three frames"]


async def a_message_goes_out_in_so_many_frames(make: MakeTransport) -> None:
    for offered, answer, reserved in ((None, "", 0), (Compression(), "permessage-deflate", RSV1)):
        heads: list[int] = []

        async def read(peer: RawConnection, answer: str = answer, heads: list[int] = heads) -> None:
            await peer.accept(headers=_extension(answer))
            while not heads or heads[-1] & 0x0F != CLOSE:
                first, _ = await _read_frame(peer)
                heads.append(first)
            await peer.send(frame(CLOSE))

        async with _talk(make, read, offered) as (connection, _):
            await connection.send("three frames", Outgoing(), fragments=3)
            connection.send_soon(b"two", Outgoing(), fragments=2)
            await connection.close()
        first = reserved << 4
        assert heads == [first | TEXT, CONTINUATION, 0x80, first | BINARY, 0x80, 0x80 | CLOSE]


CHECKS: tuple[Check, ...] = (
    messages_come_back_under_all_terms,
    a_server_may_decline,
    an_answer_that_was_not_offered_fails_the_connect,
    what_the_peer_may_not_send_ends_the_connection,
    control_frames_may_stand_between_the_fragments,
    a_message_goes_out_in_so_many_frames,
)


@asynccontextmanager
async def _talk(
    make: MakeTransport, handler: Handler, offered: Compression | None, wire: WireBytes | None = None
) -> AsyncIterator[tuple[Connection, Recorder]]:
    heard = Recorder()
    with trio.fail_after(PATIENCE_S):
        async with serve(handler) as address, open_timers() as timers, make().open(timers, wire) as connector:
            request = ConnectRequest(f"ws://{address}/", compression=offered, max_message_size=_MOST_MESSAGE_BYTES)
            connection = await connector.connect(request, heard)
            yield connection, heard
            connection.drop()


def _extension(answer: str) -> tuple[tuple[str, str], ...]:
    return (("Sec-WebSocket-Extensions", answer),) if answer else ()


def _accepting(answer: str, *frames: bytes) -> Handler:
    async def accept(peer: RawConnection) -> None:
        await peer.accept(headers=_extension(answer))
        for each in frames:
            await peer.send(each)
        await peer.read_to_the_end()

    return accept


def _echo(terms: Terms) -> Handler:
    """Return a handler that sends every message back, inflated and deflated anew."""

    async def echo(peer: RawConnection) -> None:
        await peer.accept(headers=_extension(terms.answer))
        inflater = Inflater(terms.window_bits, terms.client_takes_over)
        deflater = Deflater(terms.window_bits, terms.peer_takes_over)
        opcode, deflated = 0, b""
        while True:
            first, payload = await _read_frame(peer)
            opcode, deflated = opcode or first & 0x0F, deflated + payload
            if first & 0x80:
                message = b"".join([*inflater.feed(deflated), *inflater.finish()])
                await peer.send(frame(opcode, deflater.compress(message), reserved=RSV1))
                opcode, deflated = 0, b""

    return echo


async def _read_frame(peer: RawConnection) -> tuple[int, bytes]:
    """Return the first byte of a frame, with its FIN and its reserved bits, and the payload."""
    head = await peer.read_exactly(2)
    size = head[1] & 0x7F
    if size > 125:
        size = int.from_bytes(await peer.read_exactly(2 if size == 126 else 8))
    mask = await peer.read_exactly(4)
    masked = await peer.read_exactly(size)
    return head[0], bytes(byte ^ mask[index % 4] for index, byte in enumerate(masked))
