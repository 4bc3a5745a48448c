"""The server's side of the opening handshake: what is accepted, and what the rest is told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadws.target.upgrade import NoUpgrade, Upgrade

LINES = {
    "request": "GET /chat HTTP/1.1",
    "host": "Host: target.test",
    "connection": "Connection: keep-alive, Upgrade",
    "upgrade": "Upgrade: WebSocket",
    "version": "Sec-WebSocket-Version: 13",
    "key": "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",  # the example of RFC 6455, 1.3
}


def _request(**changes: str) -> bytes:
    lines = {**LINES, **changes}
    return "\r\n".join((*(line for line in lines.values() if line), "", "")).encode()


def test_an_upgrade_is_accepted() -> None:
    upgrade = Upgrade()
    assert upgrade.receive(_request())
    assert upgrade.accept() == (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
    )
    assert upgrade.rest == b""


def test_byte_by_byte_and_what_comes_behind_it() -> None:
    upgrade, request = Upgrade(), _request()
    assert not any(upgrade.receive(request[at : at + 1]) for at in range(len(request) - 1))
    assert upgrade.receive(request[-1:] + b"\x81\x80abcd")
    upgrade.accept()
    assert upgrade.rest == b"\x81\x80abcd"


def test_the_first_subprotocol_is_taken() -> None:
    upgrade = Upgrade()
    upgrade.receive(_request(protocol="Sec-WebSocket-Protocol: chat.v2, chat.v1"))
    assert b"\r\nSec-WebSocket-Protocol: chat.v2\r\n" in upgrade.accept()


@pytest.mark.parametrize(
    ("status", "line"),
    [
        (503, b"HTTP/1.1 503 Service Unavailable\r\n"),
        (304, b"HTTP/1.1 304 Not Modified\r\n"),  # has no body
        (599, b"HTTP/1.1 599 \r\n"),  # has no name
    ],
)
def test_a_refusal_has_its_status(status: int, line: bytes) -> None:
    upgrade = Upgrade()
    upgrade.receive(_request())
    answer = upgrade.refuse(status, b"no\n")
    assert answer.startswith(line)
    assert answer.endswith(b"\r\n\r\n" if status == 304 else b"\r\n\r\nno\n")


@pytest.mark.parametrize(
    ("changes", "status", "why"),
    [
        ({"request": "POST / HTTP/1.1"}, 426, "an upgrade is GET and HTTP/1.1"),
        ({"request": "GET / HTTP/1.0"}, 426, "an upgrade is GET and HTTP/1.1"),
        ({"upgrade": ""}, 426, "no Upgrade: websocket"),
        ({"upgrade": "Upgrade: h2c"}, 426, "no Upgrade: websocket"),
        ({"connection": ""}, 426, "no Connection: Upgrade"),
        ({"version": "Sec-WebSocket-Version: 8"}, 426, "no Sec-WebSocket-Version: 13"),
        ({"key": ""}, 426, "no Sec-WebSocket-Key"),
        ({"host": ""}, 400, "Missing mandatory Host: header"),
        ({"request": "hello"}, 400, "illegal request line"),
        ({"body": "Content-Length: 3"}, 400, "a request with a body"),
    ],
)
def test_what_is_no_upgrade_is_told_why(changes: dict[str, str], status: int, why: str) -> None:
    with pytest.raises(NoUpgrade) as raised:
        Upgrade().receive(_request(**changes) + b"abc")
    assert str(raised.value).startswith(why)
    assert raised.value.answer.startswith(b"HTTP/1.1 %d " % status)


def test_a_request_that_never_ends_is_not_kept() -> None:
    with pytest.raises(NoUpgrade) as raised:
        Upgrade().receive(_request(host="Host: " + "a" * 120_000)[:-4])
    assert raised.value.answer.startswith(b"HTTP/1.1 431 ")


@given(st.lists(st.binary(max_size=60), max_size=5))
def test_nothing_breaks_it(pieces: list[bytes]) -> None:
    upgrade = Upgrade()
    try:
        for piece in pieces:
            upgrade.receive(piece)
    except NoUpgrade:
        pass
