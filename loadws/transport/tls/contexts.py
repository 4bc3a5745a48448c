"""TLS without a socket: ciphertext in, bytes out, and the other way round.

The handshake is driven over the TCP stream of the attempt. After it the same ``TlsSession`` goes on inside the connection's
state machine, so that the socket under it is read, and stamped, like any other.
"""

from __future__ import annotations

import contextlib
import ssl

import trio

from loadws.transport.tls.failure import late_alert, tls_failure
from loadws.transport.tls.offer import TlsOffer

#: What one TLS record can hold (RFC 8446, 5.1), so what one read of OpenSSL can bring.
RECORD_SIZE = 16 * 1024
#: A message is encrypted in pieces of this size: OpenSSL's buffer keeps the room of the largest piece as long as it lives.
PIECE_SIZE = 4 * RECORD_SIZE


class TlsSession:
    """One TLS connection, a client's end.

    ``at_eof``: the peer has said that nothing more comes. ``failure``: it broke the protocol, or sent a fatal alert; what
    was whole before is handed over all the same. ``is_resumed``: the handshake took up a session of before.
    """

    __slots__ = ("_incoming", "_object", "_offer", "_outgoing", "at_eof", "failure")

    def __init__(self, offer: TlsOffer) -> None:
        """Prepare a session. Raises ``ValueError`` for a name that no certificate can have."""
        self._offer: TlsOffer | None = offer
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._object = offer.context.wrap_bio(
            self._incoming, self._outgoing, server_hostname=offer.name, session=offer.session
        )
        self.at_eof = False
        self.failure: ssl.SSLError | None = None

    @property
    def is_resumed(self) -> bool:
        return bool(self._object.session_reused)

    def shake(self, data: bytes | None) -> bool:
        """Do a step of the handshake with the peer's bytes; empty is the end of TCP. Return True when it is done."""
        if data:
            self._incoming.write(data)
        elif data is not None:
            self._incoming.write_eof()
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    def remember(self) -> None:
        """Keep the session for a shorter next handshake, once the first data has come. Later calls do nothing."""
        if self._offer is not None:
            offer, self._offer = self._offer, None
            offer.remember(self._object.session)

    def to_send(self) -> bytes:
        """Return the bytes that TLS itself has to send: a handshake's messages, an alert, new keys."""
        return self._outgoing.read()

    def encrypt(self, data: bytes) -> bytes:
        """Return the data, encrypted, after the bytes that TLS itself has to send."""
        if len(data) <= PIECE_SIZE:
            if data:
                self._object.write(data)
            return self._outgoing.read()
        rest, parts = memoryview(data), []
        while rest:
            self._object.write(rest[:PIECE_SIZE])
            parts.append(self._outgoing.read())
            rest = rest[PIECE_SIZE:]
        return b"".join(parts)

    def decrypt(self, data: bytes) -> bytes:
        """Return the complete data so far, which may be empty."""
        self._incoming.write(data)
        parts: list[bytes] = []
        try:
            # To ask once more would cost an exception a message: OpenSSL has taken in all that there is.
            while self._incoming.pending or self._object.pending():
                part = self._object.read(RECORD_SIZE)
                if not part:
                    self.at_eof = True
                    break
                parts.append(part)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self.at_eof = True
        except ssl.SSLError as error:
            self.failure = error
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def goodbye(self) -> bytes:
        """Return TLS's close alert (close_notify), after the bytes that were waiting. Nothing can be encrypted after
        it.
        """
        with contextlib.suppress(ssl.SSLError):  # the peer's own is not waited for
            self._object.unwrap()
        return self._outgoing.read()


class TlsStream(trio.abc.Stream):
    """A ``TlsSession`` over TCP, or over another one inside a proxy's tunnel, for as long as tasks read and write it."""

    def __init__(self, below: trio.abc.Stream, session: TlsSession) -> None:
        self.below = below
        self.session = session

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self.below.send_all(self.session.encrypt(bytes(data)))

    async def wait_send_all_might_not_block(self) -> None:
        await self.below.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Return data; more than ``max_bytes`` where one read brought more, because none is kept back.

        Raises ``ConnectFailed`` where an alert came in place of the first data.
        """
        session = self.session
        while (
            not session.at_eof and session.failure is None and (data := bytes(await self.below.receive_some(max_bytes)))
        ):
            if plain := session.decrypt(data):
                session.remember()
                return plain
        if session.failure is not None:
            raise late_alert(session.failure) or trio.BrokenResourceError(str(session.failure)) from session.failure
        return b""

    async def aclose(self) -> None:
        await self.below.aclose()


async def start_session(below: trio.abc.Stream, offer: TlsOffer) -> tuple[TlsStream, bool]:
    """Shake hands; return the stream, and whether it resumed an earlier session.

    Raises:
        ConnectFailed: The handshake failed.
    """  # noqa: DOC501
    try:
        stream = TlsStream(below, TlsSession(offer))
        await _shake_hands(below, stream.session)
    except (trio.BrokenResourceError, ssl.SSLError, ValueError) as error:
        raise tls_failure(error) from error
    return stream, stream.session.is_resumed


async def _shake_hands(below: trio.abc.Stream, session: TlsSession) -> None:
    data: bytes | None = None
    done = False
    while not done:
        try:
            done = session.shake(data)
        except ssl.SSLError:
            with contextlib.suppress(trio.BrokenResourceError):  # an alert: the peer may well be gone
                await below.send_all(session.to_send())
            raise
        await below.send_all(session.to_send())
        if not done:
            data = bytes(await below.receive_some())
