"""TLS in memory, against a server in memory."""

from __future__ import annotations

import contextlib
import ssl

import pytest
import trustme

from loadws.transport.tls import TlsSession


class Server:
    """The other end, with a certificate for ``localhost``."""

    def __init__(self) -> None:
        authority = trustme.CA()
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("localhost").configure_cert(context)
        self.client_context = ssl.create_default_context()
        authority.configure_trust(self.client_context)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_side=True)

    def shake(self, data: bytes) -> bytes:
        self.incoming.write(data)
        with contextlib.suppress(ssl.SSLWantReadError):
            self.tls.do_handshake()
        return self.outgoing.read()

    def says(self, data: bytes) -> bytes:
        self.tls.write(data)
        return self.outgoing.read()

    def hears(self, data: bytes) -> bytes:
        self.incoming.write(data)
        return self.tls.read(1 << 20)


@pytest.fixture
def pair() -> tuple[TlsSession, Server]:
    server = Server()
    session = TlsSession(server.client_context, "localhost")
    said, done = None, False
    while not done:
        done = session.shake(said)
        said = server.shake(session.to_send())
    session.decrypt(said or b"")  # TLS 1.3: tickets
    return session, server


def test_both_understand_each_other(pair: tuple[TlsSession, Server]) -> None:
    session, server = pair
    assert server.hears(session.encrypt(b"to the server")) == b"to the server"
    assert session.decrypt(server.says(b"to us")) == b"to us"


def test_records_are_decrypted_when_they_are_whole(pair: tuple[TlsSession, Server]) -> None:
    session, server = pair
    record = server.says(b"x" * 1000) + server.says(b"y")
    assert [session.decrypt(record[:500]), session.decrypt(record[500:])] == [b"", b"x" * 1000 + b"y"]
    assert not session.at_eof


def test_the_peers_goodbye_is_the_end(pair: tuple[TlsSession, Server]) -> None:
    session, server = pair
    last = server.says(b"last")
    with pytest.raises(ssl.SSLWantReadError):
        server.tls.unwrap()
    assert session.decrypt(last + server.outgoing.read()) == b"last"
    assert session.at_eof


def test_a_record_that_was_changed_is_an_error(pair: tuple[TlsSession, Server]) -> None:
    session, server = pair
    record = bytearray(server.says(b"x" * 100))
    record[-1] ^= 1
    with pytest.raises(ssl.SSLError):
        session.decrypt(bytes(record))
