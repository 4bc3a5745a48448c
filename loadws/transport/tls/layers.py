"""TLS inside TLS: to a server through a proxy that is itself reached over TLS. The ciphertext of the inner is data of
the outer.
"""

from __future__ import annotations

import ssl

import trio

from loadws.transport.tls.contexts import TlsSession, TlsStream


class LayeredSession:
    """An inner session, with the server, inside an outer one, with the proxy. A connection uses it as one session."""

    __slots__ = ("_inner", "_outer")

    def __init__(self, outer: TlsSession, inner: TlsSession) -> None:
        self._outer = outer
        self._inner = inner

    @property
    def at_eof(self) -> bool:
        return self._inner.at_eof or self._outer.at_eof

    @property
    def failure(self) -> ssl.SSLError | None:
        return self._inner.failure or self._outer.failure

    def remember(self) -> None:
        self._inner.remember()

    def to_send(self) -> bytes:
        return self._outer.encrypt(self._inner.to_send())

    def encrypt(self, data: bytes) -> bytes:
        return self._outer.encrypt(self._inner.encrypt(data))

    def decrypt(self, data: bytes) -> bytes:
        return self._inner.decrypt(self._outer.decrypt(data))

    def goodbye(self) -> bytes:
        return self._outer.encrypt(self._inner.goodbye()) + self._outer.goodbye()


Session = TlsSession | LayeredSession


def session_of(stream: trio.abc.Stream) -> Session | None:
    """Return the TLS between the socket and the stream; None where the stream is TCP."""
    if not isinstance(stream, TlsStream):
        return None
    below = stream.below
    return LayeredSession(below.session, stream.session) if isinstance(below, TlsStream) else stream.session
