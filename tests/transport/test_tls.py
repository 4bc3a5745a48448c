"""TLS in memory, against a server in memory."""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import ssl
import sys
from collections.abc import Iterator

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from loadws.transport.tls.contexts import PIECE_SIZE, RECORD_SIZE, TlsSession
from loadws.transport.tls.offer import TlsOffer
from loadws.transport.tls_memory import TlsMemory

AUTHORITY = trustme.CA()
SERVER_CONTEXT = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
AUTHORITY.issue_cert("localhost").configure_cert(SERVER_CONTEXT)
CLIENT_CONTEXT = ssl.create_default_context()
CLIENT_CONTEXT.options |= ssl.OP_NO_RENEGOTIATION
AUTHORITY.configure_trust(CLIENT_CONTEXT)


def offer(memory: TlsMemory | None = None, context: ssl.SSLContext = CLIENT_CONTEXT) -> TlsOffer:
    return TlsOffer(context, "localhost", 443, memory)


class Server:
    """The other end, with a certificate for ``localhost``."""

    def __init__(self) -> None:
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = SERVER_CONTEXT.wrap_bio(self.incoming, self.outgoing, server_side=True)

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
        heard = b""
        with contextlib.suppress(ssl.SSLWantReadError):
            while part := self.tls.read(1 << 20):
                heard += part
        return heard

    def goodbye(self) -> bytes:
        with contextlib.suppress(ssl.SSLWantReadError):
            self.tls.unwrap()
        return self.outgoing.read()


def shaken(memory: TlsMemory | None = None, context: ssl.SSLContext = CLIENT_CONTEXT) -> tuple[TlsSession, Server]:
    session, server = TlsSession(offer(memory, context)), Server()
    said, done = None, False
    while not done:
        done = session.shake(said)
        said = server.shake(session.to_send())
    session.decrypt(said or b"")  # TLS 1.3: tickets
    return session, server


def only(version: ssl.TLSVersion) -> ssl.SSLContext:
    context = ssl.create_default_context()
    AUTHORITY.configure_trust(context)
    context.minimum_version = context.maximum_version = version
    context.options |= ssl.OP_NO_RENEGOTIATION
    return context


@pytest.fixture
def pair() -> tuple[TlsSession, Server]:
    return shaken()


def test_both_understand_each_other(pair: tuple[TlsSession, Server]) -> None:
    session, server = pair
    assert server.hears(session.encrypt(b"to the server")) == b"to the server"
    assert session.decrypt(server.says(b"to us")) == b"to us"


def test_records_are_decrypted_when_they_are_whole(pair: tuple[TlsSession, Server]) -> None:
    session, server = pair
    record = server.says(b"x" * 1000) + server.says(b"y")
    assert [session.decrypt(record[:500]), session.decrypt(record[500:])] == [b"", b"x" * 1000 + b"y"]
    assert not session.at_eof


@pytest.mark.slow
@given(sizes=st.lists(st.integers(1, 3 * RECORD_SIZE), min_size=1, max_size=5), cuts=st.lists(st.integers(1, 40_000)))
def test_whatever_the_pieces_the_same_comes_out(sizes: list[int], cuts: list[int]) -> None:
    """Records larger than a read, and many records in one read."""
    session, server = LONG_LIVED
    said = [bytes([at]) * size for at, size in enumerate(sizes)]
    wire = b"".join(map(server.says, said))
    heard = b"".join(map(session.decrypt, _pieces(wire, cuts)))
    assert heard == b"".join(said)
    assert (session.at_eof, session.failure) == (False, None)


LONG_LIVED = shaken()


def _pieces(wire: bytes, cuts: list[int]) -> Iterator[bytes]:
    for size in cuts:
        if wire:
            yield wire[:size]
            wire = wire[size:]
    if wire:
        yield wire


def test_a_record_byte_by_byte(pair: tuple[TlsSession, Server]) -> None:
    session, server = pair
    wire = server.says(b"slowly")
    assert [session.decrypt(bytes([byte])) for byte in wire] == [b""] * (len(wire) - 1) + [b"slowly"]


@pytest.mark.parametrize("size", [0, 1, PIECE_SIZE, PIECE_SIZE + 1, 5 * PIECE_SIZE + 7])
def test_what_is_encrypted_in_pieces_is_whole(pair: tuple[TlsSession, Server], size: int) -> None:
    session, server = pair
    assert server.hears(session.encrypt(b"x" * size)) == b"x" * size


def test_the_peers_goodbye_is_the_end(pair: tuple[TlsSession, Server]) -> None:
    session, server = pair
    assert session.decrypt(server.says(b"last") + server.goodbye()) == b"last"
    assert (session.at_eof, session.failure) == (True, None)


def test_our_goodbye_is_heard(pair: tuple[TlsSession, Server]) -> None:
    session, server = pair
    assert server.hears(session.encrypt(b"last") + session.goodbye()) == b"last"
    assert server.tls.read(1) == b""


def test_a_goodbye_twice_is_no_error(pair: tuple[TlsSession, Server]) -> None:
    session, server = pair
    session.decrypt(server.goodbye())
    assert session.goodbye() != b""
    assert session.goodbye() == b""


def test_a_record_that_was_changed_breaks_the_connection_after_what_was_whole(pair: tuple[TlsSession, Server]) -> None:
    session, server = pair
    whole, broken = server.says(b"whole"), bytearray(server.says(b"x" * 100))
    broken[-1] ^= 1
    assert session.decrypt(whole + bytes(broken)) == b"whole"
    assert isinstance(session.failure, ssl.SSLError)
    with pytest.raises(ssl.SSLError, match="BAD_RECORD_MAC"):  # the alert says why
        server.incoming.write(session.to_send())
        server.tls.read(1)


# A session that is taken up again.


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_the_second_handshake_takes_up_the_session_of_the_first(version: ssl.TLSVersion) -> None:
    memory, context = TlsMemory(), only(version)
    resumed = []
    for _ in range(3):
        session, server = shaken(memory, context)
        assert session.decrypt(server.says(b"data")) == b"data"
        session.remember()
        resumed.append(session.is_resumed)
    assert resumed == [False, True, True]


def test_before_the_first_data_there_is_nothing_to_remember() -> None:
    """TLS 1.3: what the handshake itself leaves behind cannot be taken up again."""
    memory = TlsMemory()
    session, server = TlsSession(offer(memory, only(ssl.TLSVersion.TLSv1_3))), Server()
    said, done = None, False
    while not done:
        done = session.shake(said)
        said = server.shake(session.to_send())
    session.remember()
    assert len(memory) == 0


def test_another_context_or_another_server_begins_anew() -> None:
    memory = TlsMemory()
    session, _ = shaken(memory)
    session.remember()
    peer = ("localhost", 443)
    assert memory.session_for(CLIENT_CONTEXT, peer) is not None
    assert memory.session_for(only(ssl.TLSVersion.TLSv1_3), peer) is None
    assert memory.session_for(CLIENT_CONTEXT, ("localhost", 444)) is None


def test_a_memory_is_bounded_and_forgets_the_oldest() -> None:
    memory = TlsMemory()
    session, _ = shaken(memory)
    for port in (1, 2, 3, 4, 1, 5):
        memory.keep(CLIENT_CONTEXT, ("localhost", port), session._object.session)
    kept = [port for port in range(1, 6) if memory.session_for(CLIENT_CONTEXT, ("localhost", port))]
    assert (len(memory), kept) == (4, [1, 3, 4, 5])


# What OpenSSL can do and Python's ssl cannot ask of it: the server's end is asked by its C name.


def _openssl(server: Server, call: str, *arguments: int) -> int:
    """Calls ``int call(SSL *, …)`` with the server's SSL, which stands behind one pointer of CPython's object."""
    if sys.implementation.name != "cpython" or sys.version_info >= (3, 14):
        pytest.skip("where the SSL stands in this Python's object is not known")
    library = ctypes.CDLL(importlib.import_module("_ssl").__file__)
    if not hasattr(library, call):
        pytest.skip("OpenSSL's own names cannot be reached in this Python")
    function = getattr(library, call)
    function.argtypes = [ctypes.c_void_p, *(ctypes.c_int for _ in arguments)]
    of_python: object = vars(server.tls)["_sslobj"]
    address = id(of_python) + object.__basicsize__ + ctypes.sizeof(ctypes.c_void_p)
    result: int = function(ctypes.c_void_p.from_address(address), *arguments)
    return result


def test_new_keys_in_the_middle() -> None:
    """TLS 1.3 KeyUpdate (RFC 8446, 4.6.3), and the peer asks for new keys of ours, too."""
    session, server = shaken(context=only(ssl.TLSVersion.TLSv1_3))
    assert _openssl(server, "SSL_key_update", 1) == 1
    assert session.decrypt(server.says(b"with new keys")) == b"with new keys"
    assert server.hears(session.encrypt(b"and ours")) == b"and ours"
    assert session.failure is None


def test_a_renegotiation_is_refused_and_the_connection_goes_on() -> None:
    """A server that may ask for handshakes without end could keep the generator busy with nothing else."""
    session, server = shaken(context=only(ssl.TLSVersion.TLSv1_2))
    assert _openssl(server, "SSL_renegotiate") == 1
    assert _openssl(server, "SSL_do_handshake") == 1
    assert session.decrypt(server.outgoing.read()) == b""
    answer = session.to_send()
    assert len(answer) > 0
    assert (session.failure, session.at_eof) == (None, False)
    assert session.decrypt(server.says(b"and on it goes")) == b"and on it goes"
