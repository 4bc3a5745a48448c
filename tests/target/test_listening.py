"""wss:// with a certificate of the target's own making, over real sockets."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import pytest
import trio
from trio_websocket import open_websocket_url

from loadws.target.counts import Counts
from loadws.target.listening import listen, make_tls
from loadws.target.options import Address, TargetOptions
from loadws.target.server import serve

Client = Callable[[str, ssl.SSLContext], Awaitable[str | bytes]]


async def _echo(url: str, trust: ssl.SSLContext) -> str | bytes:
    async with open_websocket_url(url, ssl_context=trust) as client:
        await client.send_message("secret")
        return await client.get_message()


async def _shake_hands(url: str, trust: ssl.SSLContext) -> str | bytes:
    stream = await trio.open_ssl_over_tcp_stream("127.0.0.1", int(url.rpartition(":")[2]), ssl_context=trust)
    try:
        await stream.do_handshake()
    except trio.BrokenResourceError as error:
        return type(error.__cause__).__name__
    finally:
        await trio.aclose_forcefully(stream)
    return "trusted"


async def _served(
    host: str, ca_file: Path, client: Client, trust: Callable[[], ssl.SSLContext]
) -> tuple[object, Counts]:
    """What the client got, and what a target that lived as long as the client counted."""
    listening, stop, counts = await listen(Address(host, 0), make_tls(host, ca_file)), trio.Event(), Counts()
    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve, listening, TargetOptions(), counts, stop)
            seen = await client(listening.url, trust())
            stop.set()
    return seen, counts


def test_who_trusts_the_file_is_served(tmp_path: Path) -> None:
    ca_file = tmp_path / "ca.pem"
    trust = partial(ssl.create_default_context, cafile=str(ca_file))
    seen, counts = trio.run(_served, "localhost", ca_file, _echo, trust)
    assert (seen, counts.upgraded, counts.broken) == ("secret", 1, 0)


def test_who_does_not_trust_it_is_a_broken_connection(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    seen, counts = trio.run(_served, "127.0.0.1", tmp_path / "ca.pem", _shake_hands, ssl.create_default_context)
    assert (seen, counts.accepted, counts.broken) == ("SSLCertVerificationError", 1, 1)
    assert capfd.readouterr() == ("", "")
