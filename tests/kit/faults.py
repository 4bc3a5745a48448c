"""Named faults: servers on loopback sockets that each do one thing wrong.

Each is an async context manager that yields the URL to connect to.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import trio
import trustme

from loadws.transport.opening.upgrade_response import accept_for
from tests.kit.raw import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Handler,
    RawConnection,
    close_frame,
    frame,
    response,
    serve,
)

Fault = AbstractAsyncContextManager[str]
#: More bytes than the buffers of both kernels hold together: a write of them to a peer that never reads blocks.
A_FLOOD = 16 * 1024 * 1024


@asynccontextmanager
async def _at(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    async with serve(handler, tls) as address:
        yield f"{'wss' if tls else 'ws'}://{address}"


# Before the connection is open.


@asynccontextmanager
async def nothing_listens() -> AsyncIterator[str]:
    """Bind and hold a port on which no program listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"ws://127.0.0.1:{held.getsockname()[1]}"


@asynccontextmanager
async def accepts_nobody() -> AsyncIterator[str]:
    """Let the kernel accept TCP, while no program reads it."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield f"ws://127.0.0.1:{listening.getsockname()[1]}"


def refused(
    status: str = "503 Service Unavailable", headers: tuple[tuple[str, str], ...] = (), body: bytes = b"busy"
) -> Fault:
    """Answer the upgrade with the status and the whole body."""

    async def handle(connection: RawConnection) -> None:
        await connection.read_request()
        length = () if any(name.lower() == "transfer-encoding" for name, _ in headers) else (str(len(body)),)
        await connection.send(response(status, (*headers, *(("Content-Length", value) for value in length)), body))

    return _at(handle)


def refused_chunked() -> Fault:
    """Answer with 403 and a body in chunks."""
    return refused("403 Forbidden", (("Transfer-Encoding", "chunked"),), b"4\r\nkeep\r\n4\r\n out\r\n0\r\n\r\n")


def refused_endlessly() -> Fault:
    """Answer with 503 and a body that never ends."""

    async def handle(connection: RawConnection) -> None:
        await connection.read_request()
        await connection.send(response("503 Service Unavailable"))
        while True:
            await connection.send(b"no " * 1000)

    return _at(handle)


def refused_slowly() -> Fault:
    """Answer with 503 and announce a body that never comes."""

    async def handle(connection: RawConnection) -> None:
        await connection.read_request()
        await connection.send(response("503 Service Unavailable", (("Content-Length", "100"),), b"wai"))
        await connection.read_to_the_end()

    return _at(handle)


def closes_before_101() -> Fault:
    """Read the request and close TCP."""

    async def handle(connection: RawConnection) -> None:
        await connection.read_request()

    return _at(handle)


def resets_before_101() -> Fault:
    async def handle(connection: RawConnection) -> None:
        await connection.read_request()
        connection.reset()

    return _at(handle)


def half_an_answer() -> Fault:
    """Close TCP in the middle of the answer's head."""

    async def handle(connection: RawConnection) -> None:
        await connection.read_request()
        await connection.send(b"HTTP/1.1 101 Switching")

    return _at(handle)


def silent_after_tcp() -> Fault:
    """Read, and never answer the upgrade."""

    async def handle(connection: RawConnection) -> None:
        await connection.read_to_the_end()

    return _at(handle)


def not_http() -> Fault:
    """Send a mail server's greeting."""

    async def handle(connection: RawConnection) -> None:
        await connection.send(b"220 mail.test ESMTP\r\n")
        await connection.read_to_the_end()

    return _at(handle)


def huge_head() -> Fault:
    """Send a head that never ends."""

    async def handle(connection: RawConnection) -> None:
        await connection.read_request()
        await connection.send(b"HTTP/1.1 101 Switching Protocols\r\n" + b"X-More: and more\r\n" * 4000)
        await connection.read_to_the_end()

    return _at(handle)


def _answers_101(change: Callable[[dict[str, str]], object]) -> Fault:
    async def handle(connection: RawConnection) -> None:
        request = await connection.read_request()
        accept = accept_for(request.headers["sec-websocket-key"].encode()).decode()
        headers = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept": accept}
        change(headers)
        await connection.send(response("101 Switching Protocols", tuple(headers.items())))
        await connection.read_to_the_end()

    return _at(handle)


def wrong_accept() -> Fault:
    return _answers_101(lambda headers: headers.update({"Sec-WebSocket-Accept": "bm90IHRoZSByaWdodCBvbmUhIQ=="}))


def unasked_subprotocol() -> Fault:
    return _answers_101(lambda headers: headers.update({"Sec-WebSocket-Protocol": "surprise.v1"}))


def unasked_extension() -> Fault:
    return _answers_101(lambda headers: headers.update({"Sec-WebSocket-Extensions": "permessage-deflate"}))


def not_upgraded() -> Fault:
    """Send a 101 without the headers of an upgrade."""
    return _answers_101(lambda headers: headers.update({"Upgrade": "h2c"}))


def without_upgrade() -> Fault:
    """Send a 101 with the right Accept, and no header Upgrade."""
    return _answers_101(lambda headers: headers.pop("Upgrade"))


def without_connection() -> Fault:
    """Send a 101 with the right Accept, whose header Connection names something else."""
    return _answers_101(lambda headers: headers.update({"Connection": "keep-alive"}))


def malformed_answer() -> Fault:
    """Send a head that begins as HTTP does, and has a line that is not a header."""

    async def handle(connection: RawConnection) -> None:
        await connection.read_request()
        await connection.send(b"HTTP/1.1 101 Switching Protocols\r\nno header at all\r\n\r\n")
        await connection.read_to_the_end()

    return _at(handle)


def plain_on_a_tls_port() -> Fault:
    """Serve TLS behind a URL without TLS, and answer with an alert."""

    async def handle(connection: RawConnection) -> None:
        await connection.read_some()
        await connection.send(b"\x15\x03\x03\x00\x02\x02\x0a")

    return _at(handle)


def slow_handshake(seconds: float = 0.05) -> Fault:
    """Send the 101 late, a few bytes at a time, and then echo."""

    async def handle(connection: RawConnection) -> None:
        request = await connection.read_request()
        accept = accept_for(request.headers["sec-websocket-key"].encode()).decode()
        rows = (("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", accept))
        answer = response("101 Switching Protocols", rows)
        for at in range(0, len(answer), 40):
            await trio.sleep(seconds / 4)
            await connection.send(answer[at : at + 40])
        await _echo(connection)

    return _at(handle)


# TLS.


@asynccontextmanager
async def untrusted_tls() -> AsyncIterator[str]:
    """Serve with a certificate of an unknown authority."""
    async with _at(_accept_and_echo, _server_tls(trustme.CA())) as url:
        yield url


@asynccontextmanager
async def echo_tls(directory: Path) -> AsyncIterator[tuple[str, Path]]:
    """Echo over TLS; yield the URL and the file of the authority to trust, written to the directory."""
    authority = trustme.CA()
    ca_file = directory / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    async with _at(_accept_and_echo, _server_tls(authority)) as url:
        yield url, ca_file


def tls_closed() -> Fault:
    """Close TCP in the middle of the TLS handshake."""

    async def handle(connection: RawConnection) -> None:
        await connection.read_some()

    return _as_wss(_at(handle))


def tls_is_plain() -> Fault:
    """Serve without TLS behind a URL with it."""

    async def handle(connection: RawConnection) -> None:
        await connection.read_some()
        await connection.send(response("400 Bad Request"))

    return _as_wss(_at(handle))


def tls_silent() -> Fault:
    """Read the beginning of the TLS handshake and send nothing."""

    async def handle(connection: RawConnection) -> None:
        await connection.read_to_the_end()

    return _as_wss(_at(handle))


@asynccontextmanager
async def _as_wss(fault: Fault) -> AsyncIterator[str]:
    async with fault as url:
        yield url.replace("ws://", "wss://")


def _server_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    return context


# Once it is open.


def echo() -> Fault:
    """Serve without any fault."""
    return _at(_accept_and_echo)


def says(*data: bytes, then: Handler | None = None, with_the_101: bool = False) -> Fault:
    """Accept, send the bytes, and read until the client is gone (or do what ``then`` does)."""

    async def handle(connection: RawConnection) -> None:
        await connection.accept(with_it=b"".join(data) if with_the_101 else b"")
        if not with_the_101:
            for part in data:
                await connection.send(part)
        await (then or RawConnection.read_to_the_end)(connection)

    return _at(handle)


def silent_after_101() -> Fault:
    """Accept, read, and send nothing, neither a pong nor a close."""
    return says()


def never_answers_close() -> Fault:
    """Echo, also after a close frame."""

    async def handle(connection: RawConnection) -> None:
        await connection.accept()
        while True:
            opcode, payload = await connection.read_frame()
            if opcode in (TEXT, BINARY):
                await connection.send(frame(opcode, payload))

    return _at(handle)


def close_with(code: int | None, reason: str = "") -> Fault:
    """Accept, and close with the code, or without one."""
    return says(close_frame(code, reason))


def close_after_messages(messages: int, code: int | None = 1000) -> Fault:
    """Echo that many messages, then close."""

    async def handle(connection: RawConnection) -> None:
        await connection.accept()
        for _ in range(messages):
            await connection.send(frame(*await connection.read_frame()))
        await connection.send(close_frame(code))
        await connection.read_to_the_end()

    return _at(handle)


def closes_tcp() -> Fault:
    """Accept, send ``bye``, and close TCP without a close frame."""

    async def bye(connection: RawConnection) -> None:
        connection.cut()

    return says(frame(TEXT, b"bye"), then=bye)


def reset_mid_message() -> Fault:
    """Send half of a message, then RST."""

    async def reset(connection: RawConnection) -> None:
        await connection.read_frame()  # so that the half was read, and is not lost with the reset
        connection.reset()

    return says(frame(TEXT, b"only the beginning")[:10], then=reset)


def invalid_utf8() -> Fault:
    return says(frame(TEXT, b"before"), frame(TEXT, b"\xff\xfe"))


def reserved_bits() -> Fault:
    return says(frame(TEXT, b"before"), frame(TEXT, b"compressed?", reserved=4))


def unknown_opcode() -> Fault:
    return says(frame(TEXT, b"before"), frame(3, b"?"))


def masked_frame() -> Fault:
    return says(frame(TEXT, b"before"), b"\x81\x82\x00\x00\x00\x00hi")


def too_large_message(size: int = (1 << 20) + 1) -> Fault:
    """Send a message one byte above the default ``max_message_size``, in many frames."""
    part = frame(CONTINUATION, b"x" * 65_536, fin=False)
    return says(
        frame(TEXT, b"before") + frame(TEXT, b"x", fin=False),
        *[part] * (size // 65_536),
        frame(CONTINUATION, b"the end"),
    )


def fragments_without_end(payload: bytes = b"", with_the_101: bool = False) -> Fault:
    """Send a message, then one that never ends: frames of this payload, as fast as they are read."""
    begun = frame(TEXT, b"before") + frame(TEXT, payload, fin=False)
    more = frame(CONTINUATION, payload, fin=False) * 10_000

    async def handle(connection: RawConnection) -> None:
        await connection.accept(with_it=begun + more if with_the_101 else b"")
        if not with_the_101:
            await connection.send(begun)
        while True:
            await connection.send(more)

    return _at(handle)


def push(messages: int, with_the_101: bool = True) -> Fault:
    """Send that many numbered messages, in the same write as the 101, and answer nothing."""
    return says(*[frame(TEXT, b"%d" % number) for number in range(messages)], with_the_101=with_the_101)


def fragmenting() -> Fault:
    """Send a text in three frames that cut a character, with control frames between them, and then a binary message."""
    text = "gr\u00fc\u00dfe".encode()
    return says(
        frame(TEXT, text[:3], fin=False),
        frame(PING, b"between"),
        frame(CONTINUATION, text[3:5], fin=False),
        frame(PONG, b"nobody asked"),
        frame(CONTINUATION, text[5:]),
        frame(BINARY, b"\x00\x01"),
    )


def pings_after_our_close() -> Fault:
    """Answer a close frame with a ping, a message, and only then a close frame."""

    async def answer(connection: RawConnection) -> None:
        payload = await connection.read_until_close()
        await connection.send(frame(PING, b"late") + frame(TEXT, b"one more") + close_frame(1000))
        assert payload
        await connection.read_to_the_end()

    return says(then=answer)


def never_reads(messages: int = 0) -> Fault:
    """Accept and never read again; ping and send that many messages once the client's writes block."""

    async def talk(connection: RawConnection) -> None:
        await trio.sleep(0.05)
        for number in range(messages):
            await connection.send(frame(PING, b"still there?") + frame(TEXT, b"%d" % number))
        await trio.sleep_forever()

    return says(then=talk)


async def _accept_and_echo(connection: RawConnection) -> None:
    await connection.accept()
    await _echo(connection)


async def _echo(connection: RawConnection) -> None:
    """Serve as a server should: echo, answer pings and closes."""
    while True:
        opcode, payload = await connection.read_frame()
        await connection.send(frame(PONG if opcode == PING else opcode, payload))
        if opcode == CLOSE:
            return
