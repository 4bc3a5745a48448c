"""The packets of MQTT: what is read however it is cut, and what a client writes."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadws.scenario.protocol.mqtt_packets import LARGEST, Reader, framed, is_of
from loadws.scenario.protocol.not_packets import Unreadable
from loadws.scenario.template.values import EvaluationError
from loadws.target.speaking import mqtt as server
from loadws.target.speaking.mqtt import Kind, packet

IDS = st.integers(1, 0xFFFF)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
TOPICS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0+#"), min_size=1, max_size=20)


def sized(text: str) -> bytes:
    content = text.encode()
    return len(content).to_bytes(2) + content


def published(topic: str, payload: bytes, number: int, *, retain: bool, dup: bool) -> tuple[bytes, dict[str, Any]]:
    """Return a packet as the target writes it, and its record; QoS 1 where ``number`` is not 0."""
    flags = (2 if number else 0) | retain | dup << 3
    content = sized(topic) + (number.to_bytes(2) if number else b"") + payload
    record: dict[str, Any] = {"type": "publish", "topic": topic, "qos": int(number > 0), "payload": payload}
    return packet(Kind.PUBLISH, content, flags), {
        **record,
        **({"id": number} if number else {}),
        "retain": retain,
        "dup": dup,
    }


#: Packets of a server, each with the record that it is.
PACKETS = st.one_of(
    st.builds(published, TOPICS, st.binary(max_size=300), st.just(0) | IDS, retain=st.booleans(), dup=st.booleans()),
    st.builds(lambda n: (packet(Kind.PUBACK, n.to_bytes(2)), {"type": "puback", "id": n}), IDS),
    st.builds(lambda n: (packet(Kind.UNSUBACK, n.to_bytes(2)), {"type": "unsuback", "id": n}), IDS),
    st.builds(
        lambda n, qos: (
            packet(Kind.SUBACK, n.to_bytes(2) + bytes((qos,))),
            {"type": "suback", "id": n, "granted": [qos]},
        ),
        IDS,
        st.integers(0, 2),
    ),
    st.just((packet(Kind.PINGRESP, b""), {"type": "pingresp"})),
    st.just((packet(Kind.CONNACK, b"\1\0"), {"type": "connack", "code": 0, "session_present": True})),
)


@given(st.lists(PACKETS, max_size=6), st.data())
def test_packets_are_the_same_however_they_are_cut_into_frames(
    packets: list[tuple[bytes, dict[str, Any]]], data: st.DataObject
) -> None:
    stream = b"".join(written for written, _ in packets)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    frames = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    reader = Reader()
    read = [each for frame in frames for each in reader(frame)]
    assert [record for record, _ in read] == [record for _, record in packets]
    assert [size for _, size in read] == [len(written) for written, _ in packets]


@given(st.lists(PACKETS, max_size=3))
def test_packets_are_the_same_byte_by_byte(packets: list[tuple[bytes, dict[str, Any]]]) -> None:
    reader, stream = Reader(), b"".join(written for written, _ in packets)
    read = [record for byte in stream for record, _ in reader(bytes((byte,)))]
    assert read == [record for _, record in packets]


@given(st.lists(st.binary(max_size=40) | st.text(max_size=3), max_size=5))
def test_any_frames_are_records_or_unreadable(frames: list[bytes | str]) -> None:
    reader = Reader()
    with suppress(Unreadable):
        for frame in frames:
            assert all(isinstance(record["type"], str) for record, _ in reader(frame))


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        # text is not what MQTT is written in (6)
        ("hello", "MQTT has binary frames, and a text frame came"),
        # a length of five bytes (2.2.3)
        (b"\x30\xff\xff\xff\xff\x01", "the length of a packet has more than four bytes"),
        # more than may be read
        (b"\x30\xff\x7f", "a packet of 16,383 bytes came, and 1,000 are accepted"),
        # QoS 2, and the QoS that there is not
        (b"\x34\x05\0\1a\0\1", "a message of QoS 2 came; loadws speaks 0 and 1"),
        (b"\x36\x05\0\1a\0\1", "a message of QoS 3 came; loadws speaks 0 and 1"),
        # a packet that only clients send, and a type that is reserved
        (b"\xc0\x00", "a packet of type 12 came, which no server sends at QoS 0 and 1"),
        (b"\x00\x00", "a packet of type 0 came, which no server sends at QoS 0 and 1"),
        # flags that are reserved
        (b"\x41\x02\0\1", "a packet of type 4 came with the flags 0001, which are reserved"),
        # no id, and the id that there is not
        (b"\x40\x01\1", "a packet came without a packet identifier"),
        (b"\x40\x02\0\0", "a packet came without a packet identifier"),
        # texts
        (b"\x30\x03\0\5a", "a text in a packet is longer than the packet"),
        (b"\x30\x03\0\1\xff", "a text in a packet is not UTF-8"),
        (b"\x30\x03\0\1\0", "a text in a packet holds the character U+0000"),
        # contents that are none
        (b"\x20\x01\0", "a CONNACK came that is none"),
        (b"\x90\x03\0\1\3", "a SUBACK came that is none"),
        (b"\x90\x02\0\1", "a SUBACK came that is none"),
        (b"\xd0\x01\0", "a PINGRESP came that is none"),
    ],
    ids=range(17),
)
def test_what_is_unreadable_is_said(frame: bytes | str, expected: str) -> None:
    with pytest.raises(Unreadable) as raised:
        list(Reader(1000)(frame))
    assert str(raised.value) == expected


@pytest.mark.parametrize(
    ("code", "word"),
    [
        (1, "unacceptable_version"),
        (2, "identifier_rejected"),
        (3, "server_unavailable"),
        (4, "bad_user_name_or_password"),
        (5, "not_authorized"),
        (9, "code_9"),
    ],
)
def test_a_refusal_has_a_word(code: int, word: str) -> None:
    [(record, _)] = Reader()(packet(Kind.CONNACK, bytes((0, code))))
    assert (record["code"], record["refused"]) == (code, word)


# -- what a client writes ---------------------------------------------------------------------------------------------


@given(TOPICS, st.binary(max_size=300) | TEXTS, st.none() | IDS, st.booleans())
def test_what_is_published_is_read_as_such(topic: str, payload: Any, number: int | None, retain: bool) -> None:
    record = {"type": "publish", "topic": topic, "qos": int(number is not None), "retain": retain, "payload": payload}
    [(read, _)] = Reader()(framed({**record, "id": number}))
    content = payload if isinstance(payload, bytes) else payload.encode()
    assert read == {**record, "payload": content, "dup": False, **({} if number is None else {"id": number})}


def connected(**more: Any) -> bytes:
    return framed({"type": "connect", "client_id": "a", "clean_session": True, "keep_alive": 30, **more})


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        # protocol name, level, flags, keep-alive, client id (3.1)
        (connected(), b"\x10\x0d\0\4MQTT\4\2\0\x1e\0\1a"),
        # a part of a second is rounded up, and no time is no keep-alive
        (connected(keep_alive=0.2), b"\x10\x0d\0\4MQTT\4\2\0\1\0\1a"),
        (connected(keep_alive=0, client_id=""), b"\x10\x0c\0\4MQTT\4\2\0\0\0\0"),
        (connected(username="u", password="p"), b"\x10\x13\0\4MQTT\4\xc2\0\x1e\0\1a\0\1u\0\1p"),
        (
            connected(will={"topic": "w", "payload": "x", "qos": 1, "retain": True}),
            b"\x10\x13\0\4MQTT\4\x2e\0\x1e\0\1a\0\1w\0\1x",
        ),
        (framed({"type": "subscribe", "id": 7, "topic": "a/+/#", "qos": 1}), b"\x82\x0a\0\7\0\5a/+/#\1"),
        (framed({"type": "unsubscribe", "id": 7, "topic": "a"}), b"\xa2\x05\0\7\0\1a"),
        (framed({"type": "puback", "id": 258}), b"\x40\x02\1\2"),
        (framed({"type": "pingreq"}), b"\xc0\x00"),
        (framed({"type": "disconnect"}), b"\xe0\x00"),
        # lengths of two bytes begin at 128
        (framed({"type": "publish", "topic": "a", "payload": "x" * 125})[:3], b"\x30\x80\1"),
    ],
    ids=range(11),
)
def test_packets_are_those_of_the_standard(written: bytes, expected: bytes) -> None:
    assert written == expected


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"type": "pubrec"}, "a client of MQTT sends no 'pubrec'"),
        (
            {"type": "publish", "topic": "a/+", "payload": ""},
            'topic names one topic, without + and #, and this is "a/+"',
        ),
        ({"type": "publish", "topic": "", "payload": ""}, "topic names one topic, without + and #, and this is "),
        ({"type": "publish", "topic": 5, "payload": ""}, "topic names one topic, without + and #, and this is 5"),
        ({"type": "publish", "topic": "a", "qos": 2, "payload": ""}, "qos is 0 or 1, and this is 2"),
        ({"type": "puback", "id": 0}, "a packet identifier is a number from 1 to 65535, and this is 0"),
        (
            {"type": "subscribe", "id": 1, "topic": "a/#/b"},
            'topic is a filter as sensors/+/state or sensors/#, and this is "a/#/b"',
        ),
        (
            {"type": "subscribe", "id": 1, "topic": "a+"},
            'topic is a filter as sensors/+/state or sensors/#, and this is "a+"',
        ),
        (
            {"type": "publish", "topic": "\0", "payload": ""},
            "topic is text without the character U+0000, and this is",
        ),
        (
            {"type": "publish", "topic": "\ud800", "payload": ""},
            "topic has half of a surrogate pair, which no UTF-8 holds",
        ),
        (
            {"type": "publish", "topic": "a" * 65_536, "payload": ""},
            "topic has 65,536 bytes, and MQTT has room for 65,535",
        ),
        ({"type": "connect", "password": "x", "clean_session": True}, "a password needs a username"),
        (
            {"type": "connect", "client_id": "", "clean_session": False},
            "clean_session: false needs a client_id, by which the server knows the session",
        ),
        (
            {"type": "connect", "clean_session": True, "will": 5},
            "will is a mapping of topic, payload, qos and retain, and this is 5",
        ),
        (
            {"type": "publish", "topic": "a", "payload": bytes(LARGEST)},
            "a packet of MQTT holds at most 268,435,455 bytes, ",
        ),
    ],
    ids=range(15),
)
def test_what_cannot_be_written_is_said(record: dict[str, Any], expected: str) -> None:
    with pytest.raises(EvaluationError) as raised:
        framed(record)
    assert str(raised.value).startswith(expected)


# -- topics -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("topic_filter", "topic", "expected"),
    [
        ("a/b", "a/b", True),
        ("a/b", "a/b/c", False),
        ("a/+", "a/b", True),
        ("a/+", "a", False),
        ("a/+", "a/b/c", False),
        ("+/+", "/b", True),
        ("a/#", "a", True),  # the level above is one of them (4.7.1.2)
        ("a/#", "a/b/c", True),
        ("#", "a/b", True),
        ("#", "$SYS/load", False),  # 4.7.2
        ("+/load", "$SYS/load", False),
        ("$SYS/#", "$SYS/load", True),
        ("a//b", "a//b", True),
        ("a/+/b", "a//b", True),
        ("$share/group/a/+", "a/b", True),
        ("$share/group/a/+", "b/b", False),
    ],
)
def test_topics_meet_filters(topic_filter: str, topic: str, expected: bool) -> None:
    assert is_of(topic_filter, topic) is expected


LEVELS = st.lists(st.sampled_from(["a", "b", "", "$a"]), min_size=1, max_size=4)


@given(st.lists(st.sampled_from(["a", "b", "", "+"]), min_size=1, max_size=4), st.booleans(), LEVELS)
def test_the_target_finds_the_same(levels: list[str], open_end: bool, topic: list[str]) -> None:
    wanted = [*levels, "#"] if open_end else levels
    assert is_of("/".join(wanted), "/".join(topic)) == server.is_of(wanted, topic)
