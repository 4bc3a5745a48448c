"""TLS with real sockets and certificates of the tests' own making: both transports through the same cases."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest
import trio
import trio.testing
import trustme

from loadws.terms.transports import NAMES
from loadws.transport.base import ConnectFailed, Connection, Connector, HandshakeRefused, NotOpen, Outgoing
from loadws.transport.tls.contexts import TlsSession
from loadws.transport.tls_memory import TlsMemory
from tests.kit.raw import CLOSE, TEXT, Handler, RawConnection, close_frame, frame, serve
from tests.transport.talk import Notes, connected, opened

each_transport = pytest.mark.parametrize("name", NAMES)
each_version = pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])

AUTHORITY = trustme.CA()
STRANGER = trustme.CA()


@cache
def certificate(*names: str, **more: Any) -> trustme.LeafCert:
    return AUTHORITY.issue_cert(*names, **more)


def server_context(*names: str, wants_client: bool = False, **more: Any) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate(*(names or ("localhost", "127.0.0.1")), **more).configure_cert(context)
    if wants_client:
        AUTHORITY.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def client_context(authority: trustme.CA = AUTHORITY, user: trustme.LeafCert | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(context)
    if user is not None:
        user.configure_cert(context)
    return context


async def echo(connection: RawConnection) -> None:
    await connection.accept()
    while True:
        opcode, payload = await connection.read_frame()
        await connection.send(frame(opcode, payload))
        if opcode == CLOSE:
            return


def alerting(context: ssl.SSLContext) -> Handler:
    """Shakes hands and says why where that fails, which ``trio.SSLStream`` does not; then it reads on."""

    async def handle(connection: RawConnection) -> None:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(incoming, outgoing, server_side=True)
        while True:
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                await connection.send(outgoing.read())
                incoming.write(await connection.read_some())
            except ssl.SSLError:
                await connection.send(outgoing.read())
                await connection.read_to_the_end()
                return

    return handle


async def failure_of(connector: Connector, url: str, **request: Any) -> str:
    with pytest.raises(ConnectFailed) as failure:
        await connected(connector, url, **request)
    return failure.value.kind


def _expired() -> ssl.SSLContext:
    return server_context("localhost", not_after=datetime.now(UTC) - timedelta(days=1))


def _only_old() -> ssl.SSLContext:
    context = server_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context


def _only_new() -> ssl.SSLContext:
    context = client_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


def _wants_client(version: ssl.TLSVersion) -> ssl.SSLContext:
    context = server_context(wants_client=True)
    context.minimum_version = context.maximum_version = version
    return context


NEW, OLD = ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2


@each_transport
@pytest.mark.parametrize(
    ("server", "client", "kind"),
    [
        # signed by a CA that nobody named
        (server_context(), client_context(STRANGER), "tls.untrusted"),
        # for another name than the one that was dialled
        (server_context("chat.test"), client_context(), "tls.wrong_host"),
        (_expired(), client_context(), "tls.expired"),
        # the server speaks 1.2 at most, the client 1.3 at least
        (_only_old(), _only_new(), "tls.version"),
        # a client certificate is missing: TLS 1.3 has an alert for it, 1.2 has not
        (_wants_client(NEW), client_context(), "tls.certificate_required"),
        (_wants_client(OLD), client_context(), "tls.refused"),
        # a client certificate that the server's CA did not sign
        (_wants_client(NEW), client_context(user=STRANGER.issue_cert("eve")), "tls.certificate_rejected"),
        (_wants_client(OLD), client_context(user=STRANGER.issue_cert("eve")), "tls.certificate_rejected"),
    ],
)
def test_each_failure_has_its_kind(name: str, server: ssl.SSLContext, client: ssl.SSLContext, kind: str) -> None:
    async def main() -> None:
        async with serve(alerting(server)) as address, opened(name) as connector:
            port = address.rpartition(":")[2]
            assert await failure_of(connector, f"wss://localhost:{port}", tls=client) == kind

    trio.run(main)


@each_transport
def test_a_port_that_speaks_no_tls(name: str) -> None:
    async def greet(connection: RawConnection) -> None:
        await connection.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await connection.read_to_the_end()

    async def main() -> None:
        async with serve(greet) as address, opened(name) as connector:
            assert await failure_of(connector, f"wss://{address}", tls=client_context()) == "tls.not_tls"

    trio.run(main)


@each_transport
@each_version
def test_each_user_has_a_certificate_of_its_own(name: str, version: ssl.TLSVersion) -> None:
    seen = Notes()

    async def look(connection: RawConnection) -> None:
        await connection.accept()
        seen.note(connection.client_name)
        await connection.read_until_close()

    async def main() -> None:
        async with serve(look, _wants_client(version)) as address, opened(name) as connector:
            for number, user in enumerate(("ada", "bob", "cyd"), 1):
                context = client_context(user=certificate(f"{user}@users.test", common_name=user))
                connection, _ = await connected(connector, f"wss://{address}", tls=context)
                await seen.come(number)
                connection.drop()
            assert seen.rows == ["ada", "bob", "cyd"]

    trio.run(main)


@each_transport
@pytest.mark.parametrize(
    ("host", "server_name", "asked", "proved"),
    [
        ("localhost", None, "localhost", ("localhost",)),
        ("127.0.0.1", None, None, ("127.0.0.1",)),  # no SNI for an address (RFC 6066, 3), and its own SAN
        ("127.0.0.1", "chat.test", "chat.test", ("chat.test",)),
        ("localhost", "127.0.0.1", None, ("127.0.0.1",)),
    ],
)
def test_the_name_that_is_asked_for_and_proved(
    name: str, host: str, server_name: str | None, asked: str | None, proved: tuple[str, ...]
) -> None:
    seen = Notes()
    context = server_context(*proved)
    context.sni_callback = lambda _, said, __: seen.note(("sni", said))

    async def look(connection: RawConnection) -> None:
        request = await connection.read_request()
        seen.note(("host", request.headers["host"].partition(":")[0]))
        await connection.accept(request)
        await connection.read_until_close()

    async def main() -> None:
        async with serve(look, context) as address, opened(name) as connector:
            url = f"wss://{host}:{address.rpartition(':')[2]}"
            connection, _ = await connected(connector, url, tls=client_context(), server_name=server_name)
            assert await seen.come(2) == [("sni", asked), ("host", host)]
            connection.drop()

    trio.run(main)


@each_transport
def test_a_server_name_that_the_certificate_has_not(name: str) -> None:
    async def main() -> None:
        async with serve(echo, server_context()) as address, opened(name) as connector:
            kind = await failure_of(connector, f"wss://{address}", tls=client_context(), server_name="chat.test")
            assert kind == "tls.wrong_host"

    trio.run(main)


# Sessions.


@each_transport
@each_version
def test_a_user_takes_up_its_own_session_and_no_other(name: str, version: ssl.TLSVersion) -> None:
    ada, bob, context = TlsMemory(), TlsMemory(), client_context()
    context.minimum_version = context.maximum_version = version

    async def main() -> None:
        async with serve(echo, server_context()) as address, opened(name) as connector:
            resumed = []
            for memory in (ada, ada, bob, ada, bob, None, None):
                connection, _ = await connected(connector, f"wss://{address}", tls=context, tls_memory=memory)
                resumed.append(connection.timings.tls_resumed)
                await connection.close()
            assert resumed == [False, True, False, True, True, False, False]

    trio.run(main)


@each_transport
def test_a_refused_upgrade_leaves_a_session_too(name: str) -> None:
    """A crowd that is turned away comes back, and real clients come back with the short handshake."""
    memory, context = TlsMemory(), client_context()

    async def refuse(connection: RawConnection) -> None:
        await connection.read_request()
        await connection.send(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")

    async def main() -> None:
        async with serve(refuse, server_context()) as address, opened(name) as connector:
            with pytest.raises(HandshakeRefused):
                await connected(connector, f"wss://{address}", tls=context, tls_memory=memory)
        assert len(memory) == 1

    trio.run(main)


# The end.


@asynccontextmanager
async def strict(handler: Handler) -> AsyncIterator[str]:
    """A server to whom TCP's end without TLS's goodbye is an error, as the standard has it."""

    async def handle(tcp: trio.SocketStream) -> None:
        stream = trio.SSLStream(tcp, server_context(), server_side=True, https_compatible=False)
        await handler(RawConnection(stream, tcp))
        await trio.aclose_forcefully(stream)

    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, handle, listeners)
        yield f"wss://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("who", ["us", "peer"])
def test_an_orderly_close_ends_with_tls_s_own_goodbye(who: str) -> None:
    """Over trio-websocket TCP just ends: its ``SSLStream`` would close TCP too, and first."""
    seen = Notes()

    async def handle(connection: RawConnection) -> None:
        await connection.accept()
        if who == "peer":
            await connection.send(close_frame(1000))
            await connection.read_until_close()
        else:
            payload = await connection.read_until_close()
            await connection.send(frame(CLOSE, payload))
        try:
            seen.note(await connection.read_some())
        except trio.BrokenResourceError:
            seen.note("TCP ended without it")

    async def main() -> None:
        async with strict(handle) as url, opened("native") as connector:
            connection, heard = await connected(connector, url, tls=client_context())
            if who == "us":
                await connection.close()
            end = await heard.has_ended()
            assert (end.by, end.kind) == (who, None)
            assert await seen.come(1) == [b""]

    trio.run(main)


@each_transport
def test_a_peer_that_says_no_goodbye_is_no_error(name: str) -> None:
    """Browsers do not mind either, once the close frames were exchanged."""

    async def handle(connection: RawConnection) -> None:
        await connection.accept()
        await connection.send(frame(CLOSE, await connection.read_until_close()))
        connection.cut()

    async def main() -> None:
        async with serve(handle, server_context()) as address, opened(name) as connector:
            connection, heard = await connected(connector, f"wss://{address}", tls=client_context())
            await connection.close()
            assert (heard.end.by, heard.end.code, heard.end.kind) == ("us", 1000, None)

    trio.run(main)


@each_transport
def test_a_message_that_tcp_cuts_off_is_lost(name: str) -> None:
    """An attacker can end TCP as well as a server can: half a message is never taken for a whole one."""

    async def handle(connection: RawConnection) -> None:
        await connection.accept()
        await connection.send(frame(TEXT, b"whole") + frame(TEXT, b"only half")[:-4])
        connection.cut()

    async def main() -> None:
        async with serve(handle, server_context()) as address, opened(name) as connector:
            _, heard = await connected(connector, f"wss://{address}", tls=client_context())
            end = await heard.has_ended()
            assert heard.messages == ["whole"]
            assert (end.by, end.kind) == ("lost", "eof")

    trio.run(main)


# Back-pressure.


@asynccontextmanager
async def stuck(name: str) -> AsyncIterator[Connection]:
    """A connection to a server that never reads."""

    async def handle(connection: RawConnection) -> None:
        await connection.accept()
        await trio.sleep_forever()

    async with serve(handle, server_context()) as address, opened(name) as connector:
        connection, _ = await connected(connector, f"wss://{address}", tls=client_context())
        yield connection
        connection.drop()


def test_nothing_is_encrypted_that_the_kernel_does_not_take(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is encrypted and waits is one frame at most: a peer that stops reading does not grow our memory."""
    encrypted = []
    encrypt = TlsSession.encrypt

    def counted(session: TlsSession, data: bytes) -> bytes:
        encrypted.append(len(data))
        return encrypt(session, data)

    monkeypatch.setattr(TlsSession, "encrypt", counted)
    size, tries = 100_000, 1_000

    async def main() -> None:
        async with stuck("native") as connection:
            accepted, kinds = [], set()
            for _ in range(tries):
                out = Outgoing()
                try:
                    connection.send_soon(b"x" * size, out)
                    accepted.append(out)
                except NotOpen as full:
                    kinds.add(full.kind)
                await trio.testing.wait_all_tasks_blocked()
            waiting = [out for out in accepted if not out.sent_ns]
            assert kinds == {"backlog"}
            assert 0 < len(waiting) * size <= 1 << 20
            begun = [out for out in accepted if out.sent_ns]
            frames = [length for length in encrypted if length > size]
            assert len(frames) == len(begun)  # none ahead of its turn
            assert [out.written_ns >= out.sent_ns > 0 for out in begun[:-1]] == [True] * (len(begun) - 1)
            assert begun[-1].written_ns == 0

    trio.run(main)


@each_transport
def test_a_stuck_write_over_tls_is_stamped_when_it_is_begun(name: str) -> None:
    async def main() -> None:
        async with stuck(name) as connection:
            out = Outgoing()
            with trio.move_on_after(0.05):
                await connection.send(b"x" * (16 << 20), out)
            assert (out.sent_ns > 0, out.written_ns) == (True, 0)

    trio.run(main)
