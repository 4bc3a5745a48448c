"""The frames of STOMP: what is read however it is cut, and what a client writes."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadws.scenario.protocol.not_packets import Unreadable
from loadws.scenario.protocol.stomp_frames import LONGEST_HEAD, Reader, framed
from loadws.scenario.template.values import EvaluationError
from loadws.target.speaking.stomp import frame

MOST = 10_000
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
BODIES = st.binary(max_size=200)


def message(destination: str, body: bytes, ack: str | None, *, sized: bool) -> tuple[bytes, dict[str, Any]]:
    """Return a frame as the target writes it, and its record; without ``sized`` the body must have no NUL."""
    headers = {"destination": destination, "subscription": "s1", **({} if ack is None else {"ack": ack})}
    body = body if sized else body.replace(b"\0", b"")
    record = {"type": "message", **headers, "body": body}
    if sized:
        headers["content-length"] = str(len(body))
    return frame("MESSAGE", headers, body), {**record, "headers": headers}


#: Frames of a server, each with the record that it is.
FRAMES = st.one_of(
    st.builds(message, TEXTS, BODIES, st.none() | TEXTS, sized=st.booleans()),
    st.builds(
        lambda of: (frame("RECEIPT", {"receipt-id": of}), {"type": "receipt", "id": of, "headers": {"receipt-id": of}}),
        TEXTS,
    ),
    st.just(
        (
            frame("CONNECTED", {"version": "1.2", "heart-beat": "500,0"}),
            {
                "type": "connected",
                "heart_beat": {"sends": 0.5, "wants": 0},
                "headers": {"version": "1.2", "heart-beat": "500,0"},
            },
        )
    ),
)


@given(st.lists(st.tuples(FRAMES, st.sampled_from([b"", b"\n", b"\r\n\n"])), max_size=5), st.data())
def test_frames_are_the_same_however_they_are_cut(
    frames: list[tuple[tuple[bytes, dict[str, Any]], bytes]], data: st.DataObject
) -> None:
    stream = b"".join(written + ends for (written, _), ends in frames)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    pieces = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    reader = Reader(MOST)
    read = [record for piece in pieces for record, _ in reader(piece) if record["type"] != "heartbeat"]
    assert read == [record for (_, record), _ in frames]


@given(st.lists(FRAMES, max_size=3))
def test_frames_are_the_same_byte_by_byte(frames: list[tuple[bytes, dict[str, Any]]]) -> None:
    reader, stream = Reader(MOST), b"".join(written for written, _ in frames)
    assert [record for byte in stream for record, _ in reader(bytes((byte,)))] == [record for _, record in frames]


@given(st.lists(st.binary(max_size=40) | st.text(max_size=20), max_size=5))
def test_any_frames_are_records_or_unreadable(frames: list[bytes | str]) -> None:
    reader = Reader(MOST)
    with suppress(Unreadable):
        for each in frames:
            assert all(isinstance(record["type"], str) for record, _ in reader(each))


@given(st.sampled_from(["MESSAGE", "ERROR", "RECEIPT", "CONNECTED"]), st.lists(st.text(max_size=9)), BODIES)
def test_any_headers_are_records_or_unreadable(command: str, lines: list[str], body: bytes) -> None:
    head = "\n".join((command, *lines)).encode("utf-8", "replace")
    with suppress(Unreadable):
        list(Reader(MOST)(head + b"\n\n" + body + b"\0"))


def test_a_line_end_by_itself_is_a_heartbeat_and_one_behind_a_frame_is_not() -> None:
    reader = Reader(MOST)
    assert [record["type"] for record, _ in reader("\n")] == ["heartbeat"]
    assert [record["type"] for record, _ in reader(b"\r\n\n")] == ["heartbeat", "heartbeat"]
    assert [record["type"] for record, _ in reader("RECEIPT\nreceipt-id:1\n\n\0\n")] == ["receipt"]


def test_the_first_of_equal_headers_counts_and_a_colon_in_a_value_stays() -> None:
    [(record, _)] = Reader(MOST)("MESSAGE\na:1:2\na:3\ncolon\\c:x\\ny\\\\\n\nbody\0")
    assert record["headers"] == {"a": "1:2", "colon:": "x\ny\\"}


def test_an_error_says_what_its_message_says_else_its_body() -> None:
    assert [
        record["said"] for record, _ in Reader(MOST)("ERROR\nmessage:no\n\nmore\0ERROR\n\n more \0ERROR\n\n\0")
    ] == [
        "no",
        "more",
        "an ERROR without a message",
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        # what only clients send, and what nobody does
        ("SEND\n\n\0", 'a frame "SEND" came, which no server sends'),
        ("hello\n\n", 'a frame "hello" came, which no server sends'),
        # headers
        ("RECEIPT\nreceipt-id\n\n\0", 'a frame RECEIPT has a header without a colon: "receipt-id"'),
        ("RECEIPT\nreceipt-id:\\t\n\n\0", 'a header has an escape that STOMP does not have: "\\\\t"'),
        ("MESSAGE\ncontent-length:-1\n\n\0", 'a frame MESSAGE has the content-length "-1"'),
        ("CONNECTED\nheart-beat:5\n\n\0", 'a frame CONNECTED has the heart-beat "5"'),
        (b"MESSAGE\na:\xff\n\n\0", "the headers of a frame are not UTF-8"),
        # a body that is longer than it says, and bodies that are longer than is read
        ("MESSAGE\ncontent-length:1\n\nab\0", "a frame goes on behind the end that its content-length says"),
        ("MESSAGE\ncontent-length:10001\n\n", "a frame with a body of 10,001 bytes came, and 10,000 are accepted"),
        ("MESSAGE\n\n" + "x" * 10_001, "a frame with a body of 10,001 bytes came, and 10,000 are accepted"),
        # headers without end
        ("MESSAGE\n" + "x" * LONGEST_HEAD, "a frame came with more than 65,536 bytes of headers"),
    ],
    ids=range(11),
)
def test_what_is_unreadable_is_said(content: str | bytes, expected: str) -> None:
    with pytest.raises(Unreadable) as raised:
        list(Reader(MOST)(content))
    assert str(raised.value) == expected


# -- what a client writes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (
            {"type": "connect", "host": "/", "login": "a:b", "heart_beat": 0.5},
            "CONNECT\naccept-version:1.2\nhost:/\nlogin:a:b\nheart-beat:500,500\n\n\0",  # nothing is escaped in it
        ),
        (
            {"type": "send", "destination": "/a:b", "receipt": "r1", "headers": {"n": 4}, "body": "é"},
            "SEND\nn:4\ndestination:/a\\cb\nreceipt:r1\ncontent-length:2\n\né\0",
        ),
        ({"type": "send", "destination": "/a", "body": b"\0"}, b"SEND\ndestination:/a\ncontent-length:1\n\n\0\0"),
        (
            {"type": "subscribe", "id": "s1", "destination": "/a", "ack": "client", "receipt": "r1"},
            "SUBSCRIBE\nid:s1\ndestination:/a\nack:client\nreceipt:r1\n\n\0",
        ),
        ({"type": "unsubscribe", "id": "s1", "receipt": "r1"}, "UNSUBSCRIBE\nid:s1\nreceipt:r1\n\n\0"),
        ({"type": "ack", "id": "m\\1"}, "ACK\nid:m\\\\1\n\n\0"),
        ({"type": "nack", "id": "m1"}, "NACK\nid:m1\n\n\0"),
        ({"type": "disconnect"}, "DISCONNECT\n\n\0"),
        ({"type": "heartbeat"}, "\n"),
    ],
    ids=range(9),
)
def test_frames_are_those_of_the_specification(record: dict[str, Any], expected: str | bytes) -> None:
    assert framed(record) == expected


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"type": "begin"}, "a client of STOMP sends no 'begin'"),
        ({"type": "send", "destination": [1]}, "a header of STOMP is text or a number, and this is [1]"),
        ({"type": "send", "destination": "a", "headers": 5}, "headers are a mapping, and this is 5"),
        ({"type": "connect", "passcode": "a\nb"}, 'a header of CONNECT has no line ends, and this is "a\\nb"'),
    ],
    ids=range(4),
)
def test_what_cannot_be_written_is_said(record: dict[str, Any], expected: str) -> None:
    with pytest.raises(EvaluationError) as raised:
        framed(record)
    assert str(raised.value) == expected
