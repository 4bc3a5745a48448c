"""The codec against wsproto: what one writes the other must read the same, however the reads split it."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from wsproto.frame_protocol import FrameProtocol, Opcode

from loadws.transport.base import LOSS_KINDS, close_payload
from loadws.transport.codec.deflate import Inflater
from loadws.transport.codec.frames import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    TEXT,
    Decoder,
    Event,
    Prepared,
    ProtocolViolation,
    cut_reason,
    encode,
    encode_fragmented,
    read_close,
)
from tests.transport.oracle import LIMIT, NEWER_CLOSE_CODE, read_by_wsproto, told, told_by_wsproto

# What a server sends, as wsproto writes it, and what we must make of it.


def served(opcode: int, payload: bytes, fin: bool = True) -> bytes:
    return bytes(FrameProtocol(client=False, extensions=[])._serialize_frame(Opcode(opcode), payload, fin))


@dataclass(frozen=True)
class Sent:
    wire: bytes
    events: list[Event]


def sent_text(text: str, cuts: list[int]) -> Sent:
    """In fragments that are cut anywhere, also inside of a character."""
    fragments = split(text.encode(), cuts)
    last = len(fragments) - 1
    frames = [served(0 if n else TEXT, part, n == last) for n, part in enumerate(fragments)]
    return Sent(b"".join(frames), [(TEXT, text)])


def sent_binary(fragments: list[tuple[bytes, list[tuple[int, bytes]]]]) -> Sent:
    """Each fragment with the control frames that come before it."""
    wire, events, last = b"", list[Event](), len(fragments) - 1
    for number, (part, controls) in enumerate(fragments):
        wire += b"".join(served(opcode, payload) for opcode, payload in controls)
        wire += served(0 if number else BINARY, part, number == last)
        events += controls
    return Sent(wire, [*events, (BINARY, b"".join(part for part, _ in fragments))])


controls = st.tuples(st.sampled_from([PING, PONG]), st.binary(max_size=125))
fragments_and_controls = st.tuples(st.binary(max_size=300), st.lists(controls, max_size=2))
messages = st.lists(
    st.builds(sent_text, st.text(max_size=200), st.lists(st.integers(0, 600), max_size=3))
    | st.builds(sent_binary, st.lists(fragments_and_controls, min_size=1, max_size=4)),
    max_size=6,
)


def split(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    at = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    return [data[start:stop] for start, stop in pairwise(at)]


def each_byte(data: bytes) -> list[bytes]:
    return [data[n : n + 1] for n in range(len(data))]


def decoded(reads: Iterable[bytes], decoder: Decoder | None = None) -> list[Event]:
    decoder = decoder or Decoder(LIMIT)
    return [event for read in reads for event in decoder.feed(read)]


@pytest.mark.slow
@given(messages, st.lists(st.integers(0, 3000), max_size=8))
def test_what_wsproto_writes_is_read_the_same(sent: list[Sent], cuts: list[int]) -> None:
    wire = b"".join(message.wire for message in sent)
    events = [event for message in sent for event in message.events]
    assert decoded([wire]) == events
    assert decoded(each_byte(wire)) == events
    assert decoded(split(wire, cuts)) == events


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 0xFFFF, 0x10000, 300_000])
@pytest.mark.parametrize("reads_of", [7, 4096, 1 << 20])
def test_every_way_of_saying_a_size(size: int, reads_of: int) -> None:
    for opcode, payload, expected in ((BINARY, b"b" * size, b"b" * size), (TEXT, b"t" * size, "t" * size)):
        wire = served(opcode, payload) + served(PING, b"next")
        reads = split(wire, range(0, len(wire), reads_of))
        is_same = decoded(reads) == [(opcode, expected), (PING, b"next")]
        assert is_same  # pytest would compare what is not the same for ever


# Any bytes, sensible or not: wsproto is the oracle of what is forbidden, too.

headers = st.tuples(
    st.sampled_from([0x81, 0x01, 0x80, 0x00, 0x82, 0x02, 0x88, 0x89, 0x8A]) | st.integers(0, 255), st.integers(0, 255)
)
pieces = (
    headers.map(bytes)
    | st.binary(max_size=20)
    | st.builds(served, st.sampled_from([0, 1, 2, 8, 9, 10]), st.binary(max_size=125), st.booleans())
    | st.builds(served, st.sampled_from([0, 1]), st.text(max_size=40).map(str.encode), st.booleans())
    | st.builds(
        lambda code, reason: served(CLOSE, close_payload(code, reason)), st.integers(900, 5100), st.text(max_size=40)
    )
)
anything = st.lists(pieces, max_size=8).map(b"".join)


@pytest.mark.slow
@given(anything)
def test_whatever_comes_wsproto_says_the_same(data: bytes) -> None:
    assume(NEWER_CLOSE_CODE not in data)
    data += bytes(16)  # wsproto judges whole headers only
    events, _, code = told([data])
    assert (events, code) == told_by_wsproto(data)


@pytest.mark.slow
@given(anything | st.binary(max_size=200), st.lists(st.integers(0, 600), max_size=8))
def test_how_the_reads_split_it_changes_nothing(data: bytes, cuts: list[int]) -> None:
    expected = told([data], Decoder(100))
    assert told(each_byte(data), Decoder(100)) == expected
    assert told(split(data, cuts), Decoder(100)) == expected


@pytest.mark.slow
@given(st.lists(anything | messages.map(lambda sent: b"".join(each.wire for each in sent)), max_size=4))
def test_the_only_message_of_a_read_is_what_feed_would_say(reads: list[bytes]) -> None:
    """Asked before each read, whatever came before it."""
    asked, fed = Decoder(100), Decoder(100)
    for read in reads:
        try:
            events = fed.feed(read)
        except ProtocolViolation:
            assert asked.only_message(read) is None
            return
        only = asked.only_message(read)
        if only is None:
            assert asked.feed(read) == events
        else:
            assert [(TEXT if isinstance(only, str) else BINARY, only)] == events


def test_a_small_message_is_the_only_one_of_its_read() -> None:
    decoder = Decoder(LIMIT)
    assert decoder.only_message(served(TEXT, "é".encode())) == "é"
    assert decoder.only_message(served(BINARY, b"")) == b""
    assert decoder.only_message(served(TEXT, b"a") * 2) is None


@pytest.mark.slow
@given(
    st.lists(pieces | st.binary(min_size=1, max_size=30).map(lambda part: bytes((0xC1, len(part))) + part), max_size=8)
)
def test_only_a_violation_escapes_and_its_kind_is_a_loss(data: list[bytes]) -> None:
    _, kind, code = told(data, Decoder(50, Inflater(max_size=50)))
    assert kind is None or kind in LOSS_KINDS
    assert code in (None, 1002, 1007, 1009)


# Each violation by its name.

FRAME, UTF8, LARGE = ("protocol.frame", 1002), ("protocol.utf8", 1007), ("protocol.too_large", 1009)
VIOLATIONS = {
    "masked": (b"\x81\x81abcd1", FRAME, "a server's frame is masked"),
    "RSV1 without an extension": (b"\xc1\x011", FRAME, "a reserved bit is set"),
    "RSV2": (b"\xa1\x011", FRAME, "a reserved bit is set"),
    "RSV3": (b"\x91\x011", FRAME, "a reserved bit is set"),
    "RSV1 of a ping": (b"\xc9\x00", FRAME, "a reserved bit is set"),
    "reserved data opcode": (b"\x83\x00", FRAME, "opcode 3 is reserved"),
    "reserved control opcode": (b"\x8b\x00", FRAME, "opcode 11 is reserved"),
    "fragmented ping": (b"\x09\x00", FRAME, "a control frame is fragmented"),
    "fragmented close": (b"\x08\x00", FRAME, "a control frame is fragmented"),
    "long ping": (b"\x89\x7e\x00\x7e" + bytes(126), FRAME, "a control frame above 125 bytes"),
    "continuation of nothing": (b"\x80\x00", FRAME, "a continuation, and nothing to continue"),
    "continuation after the last": (b"\x01\x00\x80\x00\x80\x00", FRAME, "a continuation, and nothing to continue"),
    "text within a message": (b"\x01\x00\x81\x00", FRAME, "a new message before the last was whole"),
    "binary within a message": (b"\x02\x01a\x82\x01b", FRAME, "a new message before the last was whole"),
    "two bytes for 125": (b"\x82\x7e\x00\x7d" + bytes(125), FRAME, "a size in more bytes than it needs"),
    "eight bytes for 65535": (b"\x82\x7f" + (0xFFFF).to_bytes(8), FRAME, "a size in more bytes than it needs"),
    "size of 64 bits": (b"\x82\x7f" + b"\xff" * 8, FRAME, "a size of 64 bits"),
    "half a close code": (b"\x88\x01\x03", FRAME, "a close frame with half a code"),
    "close code below 1000": (b"\x88\x02\x03\xe7", FRAME, "a close frame with code 999"),
    "close reason not UTF-8": (b"\x88\x03\x03\xe8\xff", UTF8, "text is not UTF-8: invalid start byte"),
    "text not UTF-8": (b"\x81\x02a\xff", UTF8, "text is not UTF-8: invalid start byte"),
    "text ends within a character": (b"\x81\x02a\xc3", UTF8, "text is not UTF-8: unexpected end of data"),
    "message ends within a character": (b"\x01\x01\xc3\x80\x00", UTF8, "text is not UTF-8: unexpected end of data"),
    "too large in one frame": (b"\x82\x7e\x03\xe9", LARGE, "a message above 1000 bytes"),
    "too large in two": (b"\x02\x01a\x80\x7e\x03\xe8", LARGE, "a message above 1000 bytes"),
    "too large by far": (b"\x82\x7f\x7f" + b"\xff" * 7, LARGE, "a message above 1000 bytes"),
}  # fmt: skip


@pytest.mark.parametrize(("wire", "kind_and_code", "detail"), VIOLATIONS.values(), ids=VIOLATIONS)
@pytest.mark.parametrize("reads", [lambda wire: [wire], each_byte], ids=["whole", "byte by byte"])
def test_violations(
    reads: Callable[[bytes], list[bytes]], wire: bytes, kind_and_code: tuple[str, int], detail: str
) -> None:
    decoder = Decoder(1000)
    events: list[Event] = []
    with pytest.raises(ProtocolViolation) as raised:
        for read in reads(b"\x81\x02hi\x89\x01p" + wire + b"\x81\x00"):
            events += decoder.feed(read)
    violation = raised.value
    assert (violation.kind, violation.code, violation.detail) == (*kind_and_code, detail)
    assert (events + violation.events)[:2] == [(TEXT, "hi"), (PING, b"p")]
    assert decoder.feed(b"\x81\x02hi") == []


def test_a_limit_below_the_smallest_frames() -> None:
    assert decoded([b"\x81\x03abc"], Decoder(3)) == [(TEXT, "abc")]
    assert told([b"\x81\x04abcd"], Decoder(3)) == ([], *LARGE)
    assert told([b"\x02\x02ab\x80\x02cd"], Decoder(3)) == ([], *LARGE)
    assert decoded([b"\x02\x02ab\x89\x7d" + bytes(125)], Decoder(3)) == [(PING, bytes(125))]


@pytest.mark.parametrize(
    ("text", "first_wrong"),
    [
        (b"\xce\xba\xe1\xbd\xb9\xed\xa0\x80", 7),  # a surrogate: Python's decoder looks at its third byte too
        (b"ab\xf4\x90\x80\x80", 3),  # above U+10FFFF
        (b"\xc0\xaf", 0),  # an overlong slash
        (b"\xe0\x80\xaf", 1),  # the same in three bytes
        (b"a\x80", 1),  # a continuation that continues nothing
        (b"\xf0\x9f\x98a", 3),  # a character that breaks off
        (b"\xf5", 0),  # no character begins so
    ],
)
def test_text_fails_at_the_first_byte_that_is_wrong(text: bytes, first_wrong: int) -> None:
    decoder = Decoder(LIMIT)
    assert decoder.feed(b"\x81\x7e\x03\xe8") == []
    for byte in each_byte(text[:first_wrong]):
        assert decoder.feed(byte) == []
    with pytest.raises(ProtocolViolation, match=r"protocol\.utf8"):
        decoder.feed(text[first_wrong : first_wrong + 1])


def test_too_large_fails_at_the_header() -> None:
    decoder = Decoder(70_000)
    assert decoder.feed(b"\x82\x7f" + (70_001).to_bytes(8)[:7]) == []
    with pytest.raises(ProtocolViolation, match="a message above 70000 bytes"):
        decoder.feed((70_001).to_bytes(8)[7:])


def test_line_ends_stay_as_they_are() -> None:
    assert decoded(each_byte(served(TEXT, b"a\r\nb\rc\n"))) == [(TEXT, "a\r\nb\rc\n")]


@pytest.mark.slow
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_a_message_under_way_takes_little_more_than_its_bytes(opcode: int) -> None:
    size = 200_000
    decoder = Decoder(size)
    wire = served(opcode, b"x" * size)
    tracemalloc.start()
    try:
        for start in range(0, size, 3):
            decoder.feed(wire[start : start + 3])
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size / 2 < held < size * 3 / 2


# Close frames.


def test_after_a_close_frame_nothing_is_read() -> None:
    decoder = Decoder(LIMIT)
    assert decoder.feed(b"\x81\x01a\x88\x02\x03\xe8\x81\x01b\xff\xff") == [(TEXT, "a"), (CLOSE, b"\x03\xe8")]
    assert decoder.feed(b"\x81\x01c\xff\xff") == []


LEGAL_CODES = {*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)}


@pytest.mark.slow
def test_every_close_code() -> None:
    passed = {code for code in range(0x10000) if told([b"\x88\x02" + code.to_bytes(2)])[1] is None}
    assert passed == LEGAL_CODES


def test_read_close() -> None:
    assert read_close(b"") == (None, "")
    assert read_close(b"\x03\xe8") == (1000, "")
    assert read_close(b"\x0f\xa0" + "späť".encode()) == (4000, "späť")


# What a client sends, as wsproto reads it.


def at_server(wire: bytes) -> list[tuple[int, str | bytes | tuple[int, str]]]:
    return list(read_by_wsproto(wire))


@given(st.binary(max_size=1300))
def test_encode(payload: bytes) -> None:
    assert at_server(encode(BINARY, payload)) == [(BINARY, payload)]
    assert encode(BINARY, payload, fin=False)[0] == 0x02
    assert encode(TEXT, payload, rsv1=True)[0] == 0xC1
    assert encode(TEXT, payload, fin=False, rsv1=True)[0] == 0x41


#: Around each border: of the ways to say a size, and of the ways to mask.
SIZES = [*range(10), *range(120, 130), *range(1020, 1030), 4099, 0xFFFE, 0xFFFF, 0x10000, 0x10001]


@pytest.mark.parametrize("size", SIZES)
def test_encode_every_size(size: int) -> None:
    payload = bytes(byte & 0xFF for byte in range(1, size + 1))
    prepared = Prepared(BINARY, payload)
    for frame in (encode(BINARY, payload), prepared.frame(), prepared.frame()):
        is_same = at_server(frame) == [(BINARY, payload)]
        assert is_same  # pytest would compare what is not the same for ever
        assert len(frame) == len(served(BINARY, payload)) + 4


@given(st.text(max_size=700))
def test_encode_text(text: str) -> None:
    assert at_server(encode(TEXT, text.encode())) == [(TEXT, text)]
    assert at_server(Prepared(TEXT, text.encode()).frame()) == [(TEXT, text)]


@pytest.mark.slow
@given(st.text(max_size=100), st.integers(1, 130))
def test_encode_fragmented(text: str, fragments: int) -> None:
    wire = encode_fragmented(TEXT, text.encode(), fragments)
    assert at_server(wire) == [(TEXT, text)]
    assert len(wire) == len(text.encode()) + 6 * fragments


def test_only_the_first_fragment_has_rsv1() -> None:
    wire = encode_fragmented(BINARY, b"abc", 3, rsv1=True)
    assert [wire[at] for at in range(0, len(wire), 7)] == [0x42, 0x00, 0x80]


def test_encode_control_frames() -> None:
    assert at_server(encode(PING, b"p" * 125) + encode(PONG, b"q") + encode(PING, b"")) == [
        (PING, b"p" * 125),
        (PONG, b"q"),
        (PING, b""),
    ]


@pytest.mark.parametrize(
    ("reason", "cut"),
    [
        ("", ""),
        ("späť", "späť"),
        ("x" * 200, "x" * 123),
        ("x" * 122 + "é", "x" * 122),  # never half a character
        ("\ud800", "?"),  # what no frame can carry
    ],
)
def test_a_reason_is_cut_to_what_a_close_frame_carries(reason: str, cut: str) -> None:
    assert cut_reason(reason) == cut
    assert at_server(encode(CLOSE, close_payload(4321, cut_reason(reason)))) == [(CLOSE, (4321, cut))]


@pytest.mark.parametrize("size", [64, 2000])
def test_every_frame_has_a_key_of_its_own(size: int) -> None:
    # More than are drawn at once. Two of 3,000 keys of 32 bits are the same once in a thousand runs; ten never.
    payload = bytes(size)
    prepared = Prepared(BINARY, payload)
    at = len(encode(BINARY, payload)) - size - 4
    keys = {make()[at : at + 4] for _ in range(1500) for make in (prepared.frame, lambda: encode(BINARY, payload))}
    assert len(keys) > 2990


# In turns, and within a bound.


def told_in_turns(reads: Iterable[bytes], at_once: int) -> tuple[list[Event], str | None, int]:
    """Like ``told``, of a decoder that stops after so many frames; and the most events of one turn."""
    decoder = Decoder(LIMIT, frames_at_once=at_once)
    events: list[Event] = []
    most = 0
    for read in reads:
        rest = read
        while True:
            try:
                turn = decoder.feed(rest)
            except ProtocolViolation as violation:
                return [*events, *violation.events], violation.kind, max(most, len(violation.events))
            events += turn
            most = max(most, len(turn))
            if not decoder.is_behind:
                break
            rest = b""
    return events, None, most


@pytest.mark.slow
@given(
    anything | messages.map(lambda sent: b"".join(one.wire for one in sent)),
    st.lists(st.integers(0, 600)),
    st.integers(1, 5),
)
def test_what_is_decoded_in_turns_is_the_same_and_never_more_at_once(
    data: bytes, cuts: list[int], at_once: int
) -> None:
    events, kind, _ = told([data], Decoder(LIMIT))
    in_turns = told_in_turns(split(data, cuts), at_once)
    assert in_turns[:2] == (events, kind)
    assert in_turns[2] <= at_once


def test_a_message_has_so_many_frames_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loadws.transport.codec.violation.FEW_FRAMES", 10)
    empty = served(0, b"", False)
    for between in (b"", served(PING, b"")):
        good = served(TEXT, b"a", False) + (empty + between) * 8 + served(0, b"b")
        assert decoded([good])[-1] == (TEXT, "ab")
        assert decoded([good, good])[-1] == (TEXT, "ab")
        events, kind, code = told([served(TEXT, b"a", False) + (empty + between) * 10])
        assert (kind, code) == ("protocol.fragments", 1008)
        assert (TEXT, "a") not in events


def test_fragments_that_carry_something_are_bounded_by_the_size_of_the_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loadws.transport.codec.violation.FEW_FRAMES", 10)
    part = served(0, b"8 bytes.", False)
    assert decoded([served(TEXT, b"8 bytes.", False) + part * 100 + served(0, b"")]) == [(TEXT, "8 bytes." * 101)]
    _, kind, _ = told([served(TEXT, b"", False) + part[:1] + b"\x01x" + (part[:1] + b"\x01x") * 20])
    assert kind == "protocol.fragments"
