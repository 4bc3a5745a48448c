"""The answer to an upgrade: whole, byte by byte, with trailing bytes, and wrong."""

from __future__ import annotations

from itertools import pairwise

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadws.transport.base import ConnectFailed, HandshakeRefused
from loadws.transport.opening.upgrade_response import MOST_BODY_BYTES, Answer, Shape, _reader, accept_for, plain_upgrade

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # RFC 6455, 1.3
GOOD = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n"
    b"Sec-WebSocket-Accept: " + ACCEPT + b"\r\nSec-WebSocket-Protocol: chat.v2\r\n\r\n"
)


def answer() -> Answer:
    return Answer(KEY, ("chat.v1", "chat.v2"))


def verdict(data: bytes, *more: bytes) -> str:
    reading = answer()
    try:
        for part in (data, *more):
            if reading.feed(part) is not None:
                return "upgraded"
    except (ConnectFailed, HandshakeRefused) as failure:
        return failure.kind
    return "more"


def test_the_accept_of_the_rfc() -> None:
    assert accept_for(KEY) == ACCEPT


@pytest.mark.slow
@given(st.lists(st.integers(0, len(GOOD)), max_size=5), st.binary(max_size=50))
def test_a_good_answer_passes_in_any_pieces_with_what_follows_it(cuts: list[int], rest: bytes) -> None:
    reading = answer()
    at = [0, *sorted(cuts), len(GOOD)]
    passed = None
    for start, stop in pairwise(at):
        piece = GOOD[start:stop] + (rest if stop == len(GOOD) else b"")
        if piece and passed is None:
            passed = reading.feed(piece)
    assert passed == GOOD + rest


def test_byte_by_byte() -> None:
    reading = answer()
    assert [reading.feed(GOOD[at : at + 1]) for at in range(len(GOOD) - 1)] == [None] * (len(GOOD) - 1)
    assert reading.feed(GOOD[-1:]) == GOOD


NAMES = ["Upgrade", "Connection", "Sec-WebSocket-Accept", "Server", "X-~"]
VALUES = ["websocket", "Upgrade", "  padded\t", "two  words", "7", ACCEPT.decode()]
PLAIN = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(VALUES)), min_size=1, max_size=5)
FRAMING = ["Content-Length", "Transfer-Encoding"]
ODD_VALUES = ["", "chunked", "caf\xe9", "a\x00b", "a\n b"]
ANY = st.lists(st.tuples(st.sampled_from(NAMES + FRAMING), st.sampled_from(VALUES + ODD_VALUES)), max_size=4)


def head(status: str, rows: list[tuple[str, str]]) -> bytes:
    lines = "".join(f"{name}:{value}\r\n" for name, value in rows)
    return f"HTTP/1.1 {status}\r\n{lines}\r\n".encode("latin-1")


def read_by_h11(data: bytes) -> tuple[tuple[tuple[str, str], ...], bytes]:
    reader = _reader()
    reader.receive_data(data)
    event = reader.next_event()
    assert isinstance(event, h11.InformationalResponse)
    assert event.status_code == 101
    headers = tuple((name.decode(), value.decode()) for name, value in event.headers)
    return headers, bytes(reader.trailing_data[0])


@pytest.mark.slow
@given(PLAIN, st.sampled_from(["101 ", "101 Switching Protocols"]), st.binary(max_size=20))
def test_a_plain_101_is_read_as_h11_reads_it(rows: list[tuple[str, str]], status: str, rest: bytes) -> None:
    data = head(status, rows) + rest
    assert plain_upgrade(data) == read_by_h11(data)


@pytest.mark.slow
@given(ANY, st.sampled_from(["101", "101 ", "101 Switching", "101\tno", "200 OK"]))
def test_what_is_taken_for_plain_is_a_101_to_h11_too(rows: list[tuple[str, str]], status: str) -> None:
    data = head(status, rows)
    plain = plain_upgrade(data)
    assert plain is None or plain == read_by_h11(data)


def test_a_plain_101_needs_no_h11() -> None:
    assert plain_upgrade(GOOD + b"\x81\x00") is not None
    assert plain_upgrade(GOOD[:-1]) is None


def test_an_early_hint_is_left_out() -> None:
    assert answer().feed(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + GOOD + b"\x81\x00") == GOOD + b"\x81\x00"


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"HTT", "more"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "upgrade.not_http"),
        (b"\x15\x03\x01\x00\x02\x02\x46", "upgrade.not_http"),  # a TLS alert, inside of TLS
        (b"HTTP/1.1 abc\r\n\r\n", "upgrade.malformed"),
        (b"HTTP/1.1 101 X\r\nbroken header\r\n\r\n", "upgrade.malformed"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 21, "upgrade.malformed"),
        (b"HTTP/1.1 101 X\r\n" + b"X: y\r\n" * 5000, "upgrade.too_large"),
        (GOOD.replace(ACCEPT, b"x" * 28), "upgrade.bad_accept"),
        (GOOD.replace(b"Sec-WebSocket-Accept", b"Sec-WebSocket-Key"), "upgrade.bad_accept"),
        (GOOD.replace(b"chat.v2", b"chat.v3"), "upgrade.bad_subprotocol"),
        (GOOD.replace(b"Sec-WebSocket-Accept: " + ACCEPT + b"\r\n", b""), "upgrade.bad_accept"),
        (GOOD.replace(b"Upgrade: WebSocket\r\n", b""), "upgrade.no_upgrade"),
        (GOOD.replace(b"WebSocket\r\nConn", b"h2c\r\nConn"), "upgrade.no_upgrade"),
        (GOOD.replace(b"Connection: keep-alive, Upgrade\r\n", b""), "upgrade.no_connection"),
        (GOOD.replace(b"keep-alive, Upgrade", b"close"), "upgrade.no_connection"),
        (GOOD.replace(b"keep-alive, Upgrade", b"Upgrade, \xe9"), "upgrade.no_connection"),  # wsproto takes ASCII only
        (GOOD[:-2] + b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n", "upgrade.bad_extension"),
        (b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", "http.302"),
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbu", "more"),
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy", "http.503"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "http.200"),
    ],
)
def test_what_is_wrong_with_it(data: bytes, kind: str) -> None:
    assert verdict(data) == kind


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "upgrade.closed"),
        (GOOD[:30], "upgrade.closed"),
        (b"HTTP/1.1 503 Busy\r\n\r\nas it is", "http.503"),  # such a body ends with TCP
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 9\r\n\r\ncut", "http.503"),
        (b"HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ncut", "http.503"),
    ],
)
def test_tcp_may_close_at_any_point(data: bytes, kind: str) -> None:
    parts = (data, b"") if data else (b"",)
    assert verdict(*parts) == kind


@pytest.mark.parametrize(
    ("data", "is_plain", "detail"),
    [
        (b"", True, "TCP was closed before the answer to the upgrade; a TLS port does so: is it wss:// and not ws://?"),
        (b"", False, "TCP was closed before the answer to the upgrade"),
        (b"HTTP/1", True, "TCP was closed before the answer to the upgrade after b'HTTP/1'"),
        (b"\x15\x03\x01\x00\x02\x02\x46", True, "what answered is TLS: is it wss:// and not ws://?"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n", True,
         "the server answered the upgrade with 400; its answer speaks of TLS: is it wss:// and not ws://?"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\nMissing header", True, "the server answered the upgrade with 400"),
    ],
)  # fmt: skip
def test_a_tls_port_is_told_from_other_answers(data: bytes, is_plain: bool, detail: str) -> None:
    reading = Answer(KEY, (), is_plain=is_plain)
    with pytest.raises((ConnectFailed, HandshakeRefused)) as failure:
        for part in (data, b""):
            reading.feed(part)
    assert failure.value.detail == detail


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ((b"Upgrade: WebSocket\r\n", b""), "a 101 whose Upgrade is not there, and not 'websocket'"),
        ((b"keep-alive, Upgrade", b"close"), "a 101 whose Connection is 'close', and does not name 'Upgrade'"),
        ((ACCEPT, b"x"), "a 101 whose Sec-WebSocket-Accept is 'x', which does not fit our key"),
        ((b"chat.v2", b"chat.v3"), "the server chose 'chat.v3', which was not offered"),
    ],
)
def test_what_is_wrong_with_a_101_is_said(change: tuple[bytes, bytes], detail: str) -> None:
    with pytest.raises(ConnectFailed) as failure:
        answer().feed(GOOD.replace(*change))
    assert failure.value.detail == detail


def test_a_body_is_cut() -> None:
    with pytest.raises(HandshakeRefused) as refused:
        answer().feed(b"HTTP/1.1 500 Oops\r\nX-Why: \xe9\r\n\r\n" + b"x" * 10_000)
    assert (refused.value.status, refused.value.body) == (500, b"x" * MOST_BODY_BYTES)
    assert refused.value.headers == (("x-why", "\u00e9"),)


def test_a_chunk_that_is_none_does_not_hide_the_refusal() -> None:
    reading = answer()
    with pytest.raises(HandshakeRefused):
        reading.feed(b"HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\n")


def test_out_of_time() -> None:
    reading = answer()
    assert reading.out_of_time().kind == "upgrade.timeout"
    assert not reading.head_has_come
    reading.feed(b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbu")
    assert reading.head_has_come
    refusal = reading.out_of_time()
    assert isinstance(refusal, HandshakeRefused)
    assert refusal.body == b"bu"


@given(st.binary(max_size=300))
def test_whatever_comes_has_a_verdict(data: bytes) -> None:
    assert verdict(b"HTTP/1.1 " + data) in {
        "more",
        *(f"upgrade.{kind}" for kind in ("malformed", "no_upgrade", "no_connection", "bad_accept")),
        *(f"http.{status}" for status in range(100, 1000)),
    }


OTHER_KEY = b"AAAAAAAAAAAAAAAAAAAAAA=="
_NAMES = st.sampled_from(["Date", "Server", "Set-Cookie", "X-Id"])
_VALUES = st.sampled_from(["x", "Thu, 01 Jan 1970", accept_for(OTHER_KEY).decode(), ACCEPT.decode(), "a=1; Path=/"])


@given(
    st.lists(st.tuples(_NAMES, _VALUES), max_size=3),
    st.lists(st.tuples(_NAMES, _VALUES), max_size=3),
    st.binary(max_size=4),
    st.sampled_from([accept_for(OTHER_KEY), ACCEPT, b"wrong"]),
)
def test_an_answer_like_the_one_before_is_read_as_if_it_were_the_first(
    before: list[tuple[str, str]], after: list[tuple[str, str]], rest: bytes, accept: bytes
) -> None:
    """Whatever the first answer was, the second has the same outcome as without it."""
    shape = Shape()
    Answer(KEY, (), shape=shape).feed(_good(before, ACCEPT, before))
    data = _good(before, accept, after) + rest
    assert _outcome(Answer(OTHER_KEY, (), shape=shape), data) == _outcome(Answer(OTHER_KEY, ()), data)


def test_an_answer_like_the_one_before_is_not_parsed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    shape = Shape()
    Answer(KEY, (), shape=shape).feed(_good([("Date", "now")], ACCEPT, []))
    monkeypatch.setattr("loadws.transport.opening.upgrade_response.plain_upgrade", None)
    again = Answer(OTHER_KEY, (), shape=shape)
    assert again.feed(_good([("Date", "now")], accept_for(OTHER_KEY), []) + b"rest")
    assert (again.after, dict(again.headers)["sec-websocket-accept"]) == (b"rest", accept_for(OTHER_KEY).decode())


def _good(before: list[tuple[str, str]], accept: bytes, after: list[tuple[str, str]]) -> bytes:
    rows = [
        *before,
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Accept", accept.decode()),
        *after,
    ]
    lines = "".join(f"{name}: {value}\r\n" for name, value in rows)
    return f"HTTP/1.1 101 Switching Protocols\r\n{lines}\r\n".encode()


def _outcome(reading: Answer, data: bytes) -> object:
    try:
        passed = reading.feed(data)
    except ConnectFailed as failure:
        return failure.kind, failure.detail
    return passed, reading.headers, reading.subprotocol, reading.after
