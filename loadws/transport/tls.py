"""TLS without a socket: ciphertext in, bytes out, and the other way round.

The handshake is driven over the TCP stream of the attempt. After it the same ``TlsSession`` goes on inside the connection's
state machine, so that the socket under it is read, and stamped, like any other.
"""

from __future__ import annotations

import contextlib
import ssl

import trio

from loadws.transport.dial import tls_failure
from loadws.transport.tcp import READ_SIZE, TcpStream


class TlsSession:
    """One TLS connection. ``at_eof``: the peer has said that nothing more comes."""

    __slots__ = ("_incoming", "_object", "_outgoing", "at_eof")

    def __init__(self, context: ssl.SSLContext, host: str) -> None:
        """Raises ValueError for a host that no certificate can name."""
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._object = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host.partition("%")[0])
        self.at_eof = False

    def shake(self, data: bytes | None) -> bool:
        """A step of the handshake with what the peer said; empty is the end of TCP. True when it is done."""
        if data:
            self._incoming.write(data)
        elif data is not None:
            self._incoming.write_eof()
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    def to_send(self) -> bytes:
        """What TLS itself has to say: a handshake's messages, an alert, new keys."""
        return self._outgoing.read()

    def encrypt(self, data: bytes) -> bytes:
        """All of it, and what TLS has to say before it."""
        if data:
            self._object.write(data)
        return self._outgoing.read()

    def decrypt(self, data: bytes) -> bytes:
        """What is whole by now, perhaps nothing. Raises ``ssl.SSLError`` where the peer breaks the protocol."""
        self._incoming.write(data)
        parts: list[bytes] = []
        try:
            while part := self._object.read(READ_SIZE):
                parts.append(part)
            self.at_eof = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self.at_eof = True
        return parts[0] if len(parts) == 1 else b"".join(parts)


class TlsStream(trio.abc.Stream):
    """A ``TlsSession`` over TCP, for as long as tasks read and write it."""

    def __init__(self, tcp: TcpStream, session: TlsSession) -> None:
        self._tcp = tcp
        self.session = session

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._tcp.send_all(self.session.encrypt(bytes(data)))

    async def wait_send_all_might_not_block(self) -> None:
        await self._tcp.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """More than ``max_bytes`` where one read brought more: it is never kept back."""
        while not self.session.at_eof and (data := await self._tcp.receive_some(max_bytes)):
            try:
                if plain := self.session.decrypt(data):
                    return plain
            except ssl.SSLError as error:
                raise trio.BrokenResourceError(str(error)) from error
        return b""

    async def aclose(self) -> None:
        await self._tcp.aclose()


async def start_session(tcp: TcpStream, context: ssl.SSLContext, host: str) -> TlsStream:
    """The TLS handshake; raises ``ConnectFailed``."""
    try:
        stream = TlsStream(tcp, TlsSession(context, host))
        await _shake_hands(tcp, stream.session)
    except (trio.BrokenResourceError, ssl.SSLError, ValueError) as error:
        raise tls_failure(error) from error
    return stream


async def _shake_hands(tcp: TcpStream, session: TlsSession) -> None:
    data: bytes | None = None
    done = False
    while not done:
        try:
            done = session.shake(data)
        except ssl.SSLError:
            with contextlib.suppress(trio.BrokenResourceError):  # an alert: the peer may well be gone
                await tcp.send_all(session.to_send())
            raise
        await tcp.send_all(session.to_send())
        if not done:
            data = await tcp.receive_some()
