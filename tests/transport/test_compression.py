"""permessage-deflate and fragments over sockets: the kit, a server that is not ours, and what counts as wire bytes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial

import pytest
import trio
from websockets.exceptions import ConnectionClosed
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.sync.server import ServerConnection, serve

from loadws.terms.transports import NAMES, TRANSPORTS
from loadws.transport.base import Compression, Connection, ConnectRequest, Outgoing, Payload, UncountedWire
from loadws.transport.clock.timers import open_timers
from loadws.transport.registry import transport
from tests.kit.behaviour import echo
from tests.kit.compression import CHECKS, Check
from tests.kit.conformance import PATIENCE_S, Recorder
from tests.kit.loopback import loopback_peer

COMPRESSING = [name for name in NAMES if "compression" not in TRANSPORTS[name].lacks]
SAID: list[Payload] = [*['{"op": "say", "text": "hello"}'] * 50, "", b"", b"\x00" * 5000, "gr\u00fc\u00dfe " * 100]


@pytest.mark.parametrize("name", COMPRESSING)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_kit(name: str, check: Check) -> None:
    trio.run(check, partial(transport, name))


async def _say(
    name: str,
    url: str,
    said: list[Payload],
    wire: UncountedWire,
    fragments: int = 1,
    compression: Compression | None = None,
) -> tuple[Connection, Recorder]:
    """Says all of it, one after another, and waits for as many answers."""
    heard = Recorder()
    with trio.fail_after(PATIENCE_S):
        async with open_timers() as timers, transport(name).open(timers, wire) as connector:
            connection = await connector.connect(ConnectRequest(url, compression=compression), heard)
            for payload in said:
                await connection.send(payload, Outgoing(), fragments)
            await heard.messages_come(len(said))
            await connection.close()
    return connection, heard


@contextmanager
def _websockets_echo(factory: ServerPerMessageDeflateFactory) -> Iterator[tuple[str, list[str]]]:
    """Python's ``websockets``, in threads; yields its URL, and what it agreed on with each client."""
    agreed: list[str] = []

    def handle(connection: ServerConnection) -> None:
        agreed.extend(repr(extension) for extension in connection.protocol.extensions)
        with suppress(ConnectionClosed):
            for message in connection:
                connection.send(message)

    with serve(handle, "127.0.0.1", 0, compression=None, extensions=[factory]) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}", agreed
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("factory", "compression", "agreed"),
    [
        # remote_ and local_ are the server's words: its own windows, and whether it or the client forgets
        (ServerPerMessageDeflateFactory(), Compression(), (False, False, 15, 15)),
        (ServerPerMessageDeflateFactory(), Compression(1, context_takeover=False), (True, True, 15, 15)),
        (ServerPerMessageDeflateFactory(True, True), Compression(), (True, True, 15, 15)),
        (
            ServerPerMessageDeflateFactory(server_max_window_bits=12, client_max_window_bits=9),
            Compression(9),
            (False, False, 9, 12),
        ),
    ],
)
def test_the_websockets_package_agrees_and_says_the_same(
    factory: ServerPerMessageDeflateFactory, compression: Compression, agreed: tuple[bool, bool, int, int]
) -> None:
    wire = UncountedWire()
    with _websockets_echo(factory) as (url, seen):
        _, heard = trio.run(partial(_say, "native", url, SAID, wire, compression=compression))
    remote_forgets, local_forgets, remote_bits, local_bits = agreed
    assert seen == [
        f"PerMessageDeflate(remote_no_context_takeover={remote_forgets}, local_no_context_takeover={local_forgets}, "
        f"remote_max_window_bits={remote_bits}, local_max_window_bits={local_bits})"
    ]
    assert heard.messages == SAID
    payload_bytes = sum(len(payload.encode() if isinstance(payload, str) else payload) for payload in SAID)
    assert 0 < wire.wire_sent < payload_bytes / 2
    assert 0 < wire.wire_received < payload_bytes / 2


@pytest.mark.parametrize("fragments", [1, 2, 7])
def test_the_websockets_package_puts_fragments_together(fragments: int) -> None:
    with _websockets_echo(ServerPerMessageDeflateFactory()) as (url, _):
        for compression in (None, Compression()):
            _, heard = trio.run(partial(_say, "native", url, SAID, UncountedWire(), fragments, compression))
            assert heard.messages == SAID


@pytest.mark.parametrize("name", NAMES)
def test_wire_bytes_are_those_of_every_frame_after_the_handshake(name: str) -> None:
    async def main() -> UncountedWire:
        wire = UncountedWire()
        async with loopback_peer(echo()) as peer:
            await _say(name, peer.url, ["a" * 100, b"b" * 200], wire)
        return wire

    wire = trio.run(main)
    close = 2 + 2  # its code
    assert wire.wire_sent == (2 + 4 + 100) + (4 + 4 + 200) + (close + 4)  # each masked with a key of four bytes
    assert wire.wire_received == (2 + 100) + (4 + 200) + close
