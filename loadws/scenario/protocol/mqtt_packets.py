"""MQTT 3.1.1 as records of a protocol file: bytes become records, and records bytes. QoS 0 and 1; no I/O.

The numbers in brackets are sections of the standard (https://docs.oasis-open.org/mqtt/mqtt/v3.1.1/mqtt-v3.1.1.html). What
a server sends:

- ``connack``: ``code``, ``session_present``; where the code is not 0 also ``refused``, a word, and ``said``, a sentence.
- ``publish``: ``topic``, ``payload`` (bytes), ``qos``, ``retain``, ``dup``, and with QoS 1 ``id``.
- ``puback`` and ``unsuback``: ``id``. ``suback``: ``id`` and ``granted``, and where it is refused ``code`` and ``said``.
- ``pingresp``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from loadws.scenario.protocol.not_packets import Unreadable
from loadws.scenario.template.values import EvaluationError, show

CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK, PINGREQ, PINGRESP, DISCONNECT = (
    *(1, 2, 3, 4, 8, 9, 10, 11, 12, 13, 14),
)
#: The longest text, and the largest packet, that the format has room for, in bytes.
LONGEST_TEXT, LARGEST = 0xFFFF, 0xFFFFFFF
#: What a subscription is granted where it is refused (3.9.3).
REFUSED = 0x80
_REFUSALS = {  # 3.2.2.3
    1: ("unacceptable_version", "it does not speak this version of MQTT"),
    2: ("identifier_rejected", "it does not allow this client id"),
    3: ("server_unavailable", "MQTT is not available there"),
    4: ("bad_user_name_or_password", "the user name or the password is malformed"),
    5: ("not_authorized", "this client is not authorized"),
}


# -- reading ----------------------------------------------------------------------------------------------------------


class Reader:
    """The packets of one connection. A packet may span frames, and a frame may hold several packets (6).

    ``most`` is the size of the largest packet that is read, in bytes.
    """

    def __init__(self, most: int = LARGEST) -> None:
        self._most = most
        self._rest = bytearray()

    def __call__(self, payload: str | bytes) -> Iterator[tuple[Any, int]]:
        """Yield the record of each packet that a frame completes, with its size in bytes.

        Raises:
            Unreadable: The bytes are no packets that a server sends.
        """
        if isinstance(payload, str):
            raise Unreadable("MQTT has binary frames, and a text frame came")
        if self._rest:
            self._rest += payload
        data, at = self._rest or payload, 0
        while (found := _length(data, at)) is not None:
            start, length = found
            if length > self._most:
                raise Unreadable(f"a packet of {length:,} bytes came, and {self._most:,} are accepted")
            end = start + length
            if end > len(data):
                break
            yield _record(data[at], bytes(data[start:end])), end - at
            at = end
        self._rest = bytearray(data[at:])


def _length(data: bytes | bytearray, at: int) -> tuple[int, int] | None:
    """Return where the content of the packet at ``at`` begins, and its length; None where that has not come yet (2.2.3).

    Raises:
        Unreadable: The length has more than four bytes.
    """
    value = 0
    for place in range(4):
        here = at + 1 + place
        if here >= len(data):
            return None
        value |= (data[here] & 0x7F) << 7 * place
        if data[here] < 0x80:
            return here + 1, value
    raise Unreadable("the length of a packet has more than four bytes")


def _record(head: int, content: bytes) -> dict[str, Any]:
    kind, flags = head >> 4, head & 0x0F
    if kind == PUBLISH:
        return _publish(flags, content)
    read = _READERS.get(kind)
    if read is None:
        raise Unreadable(f"a packet of type {kind} came, which no server sends at QoS 0 and 1")
    if flags:
        raise Unreadable(f"a packet of type {kind} came with the flags {flags:04b}, which are reserved")
    return read(content)


def _publish(flags: int, content: bytes) -> dict[str, Any]:
    qos = flags >> 1 & 3
    if qos > 1:
        raise Unreadable(f"a message of QoS {qos} came; loadws speaks 0 and 1")
    topic, at = _text(content)
    record: dict[str, Any] = {"type": "publish", "topic": topic, "qos": qos}
    if qos:
        record["id"] = _id(content[at : at + 2])
        at += 2
    return {**record, "retain": bool(flags & 1), "dup": bool(flags & 8), "payload": content[at:]}


def _connack(content: bytes) -> dict[str, Any]:
    if len(content) != 2 or content[0] > 1:
        raise Unreadable("a CONNACK came that is none")
    code = content[1]
    record: dict[str, Any] = {"type": "connack", "code": code, "session_present": bool(content[0])}
    if code:
        word, said = _REFUSALS.get(code, (f"code_{code}", f"it answers with the code {code}"))
        record |= {"refused": word, "said": said}
    return record


def _suback(content: bytes) -> dict[str, Any]:
    number, granted = _id(content[:2]), list(content[2:])
    if not granted or any(code not in (0, 1, 2, REFUSED) for code in granted):
        raise Unreadable("a SUBACK came that is none")
    record: dict[str, Any] = {"type": "suback", "id": number, "granted": granted}
    if REFUSED in granted:
        record |= {"code": "0x80", "said": "the server does not grant the subscription (0x80)"}
    return record


def _acknowledgement(kind: str) -> Callable[[bytes], dict[str, Any]]:
    return lambda content: {"type": kind, "id": _id(content)}


def _pingresp(content: bytes) -> dict[str, Any]:
    if content:
        raise Unreadable("a PINGRESP came that is none")
    return {"type": "pingresp"}


_READERS: Mapping[int, Callable[[bytes], dict[str, Any]]] = {
    CONNACK: _connack,
    PUBACK: _acknowledgement("puback"),
    SUBACK: _suback,
    UNSUBACK: _acknowledgement("unsuback"),
    PINGRESP: _pingresp,
}


def _id(content: bytes) -> int:
    number = int.from_bytes(content)
    if len(content) != 2 or not number:
        raise Unreadable("a packet came without a packet identifier")
    return number


def _text(content: bytes) -> tuple[str, int]:
    """Return the text at the beginning (1.5.3), and where it ends.

    Raises:
        Unreadable: There is none.
    """
    end = 2 + int.from_bytes(content[:2])
    if len(content) < 2 or end > len(content):
        raise Unreadable("a text in a packet is longer than the packet")
    try:
        text = content[2:end].decode()
    except UnicodeDecodeError:
        raise Unreadable("a text in a packet is not UTF-8") from None
    if "\0" in text:
        raise Unreadable("a text in a packet holds the character U+0000")
    return text, end


# -- writing ----------------------------------------------------------------------------------------------------------


def framed(record: Any) -> bytes:
    """Return the frame of a record: one packet.

    Raises:
        EvaluationError: It is none that a client sends, or an argument of it is wrong.
    """
    kind = record.get("type")
    write = _WRITERS.get(kind)
    if write is None:
        raise EvaluationError(f"a client of MQTT sends no {kind!r}")
    head, content = write(record)
    if len(content) > LARGEST:
        raise EvaluationError(f"a packet of MQTT holds at most {LARGEST:,} bytes, and this has {len(content):,}")
    return bytes((head, *_written_length(len(content)))) + content


def _written_length(length: int) -> Iterator[int]:
    while length > 0x7F:
        yield length & 0x7F | 0x80
        length >>= 7
    yield length


def _connect(record: Any) -> tuple[int, bytes]:
    client, clean, user, password = (record.get(key) for key in ("client_id", "clean_session", "username", "password"))
    will = record.get("will")
    if password is not None and user is None:
        raise EvaluationError("a password needs a username")
    if not client and not clean:
        raise EvaluationError("clean_session: false needs a client_id, by which the server knows the session")
    flags = bool(clean) << 1 | (password is not None) << 6 | (user is not None) << 7
    parts = [_written(client or "", "client_id")]
    if will is not None:
        if not isinstance(will, dict) or not will.keys() <= {"topic", "payload", "qos", "retain"}:
            raise EvaluationError(f"will is a mapping of topic, payload, qos and retain, and this is {show(will)}")
        flags |= 4 | _qos(will) << 3 | bool(will.get("retain")) << 5
        parts += [_topic(will.get("topic"), "will.topic"), _sized(_bytes(will.get("payload", "")), "will.payload")]
    parts += [_written(value, key) for key, value in (("username", user), ("password", password)) if value is not None]
    keep_alive = min(LONGEST_TEXT, math.ceil(record.get("keep_alive") or 0))
    return CONNECT << 4, b"\x00\x04MQTT\x04" + bytes((flags,)) + keep_alive.to_bytes(2) + b"".join(parts)


def _publishing(record: Any) -> tuple[int, bytes]:
    qos = _qos(record)
    head = PUBLISH << 4 | qos << 1 | bool(record.get("retain"))
    number = _number(record) if qos else b""
    return head, _topic(record.get("topic"), "topic") + number + _bytes(record.get("payload"))


def _subscribe(record: Any) -> tuple[int, bytes]:
    wanted = _written(_filter(record.get("topic")), "topic") + bytes((_qos(record),))
    return SUBSCRIBE << 4 | 2, _number(record) + wanted


def _unsubscribe(record: Any) -> tuple[int, bytes]:
    return UNSUBSCRIBE << 4 | 2, _number(record) + _written(_filter(record.get("topic")), "topic")


def _qos(record: Any) -> int:
    qos = record.get("qos", 0)
    if type(qos) is not int or qos not in (0, 1):
        raise EvaluationError(f"qos is 0 or 1, and this is {show(qos)}")
    return qos


def _number(record: Any) -> bytes:
    number = record.get("id")
    if type(number) is not int or not 0 < number <= LONGEST_TEXT:
        raise EvaluationError(f"a packet identifier is a number from 1 to 65535, and this is {show(number)}")
    return number.to_bytes(2)


def _topic(topic: Any, name: str) -> bytes:
    if not isinstance(topic, str) or not topic or "+" in topic or "#" in topic:
        raise EvaluationError(f"{name} names one topic, without + and #, and this is {show(topic)}")
    return _written(topic, name)


def _filter(topic: Any) -> str:
    """Return a topic filter: + stands for one level, and # at the end for all that follow (4.7.1).

    Raises:
        EvaluationError: It is none.
    """
    levels = topic.split("/") if isinstance(topic, str) else ()
    wrong = any(("+" in level and level != "+") or ("#" in level and level != "#") for level in levels)
    if not topic or not levels or wrong or "#" in levels[:-1]:
        raise EvaluationError(f"topic is a filter as sensors/+/state or sensors/#, and this is {show(topic)}")
    return str(topic)


def _written(text: Any, name: str) -> bytes:
    if not isinstance(text, str) or "\0" in text:
        raise EvaluationError(f"{name} is text without the character U+0000, and this is {show(text)}")
    try:
        return _sized(text.encode(), name)
    except UnicodeEncodeError:
        raise EvaluationError(f"{name} has half of a surrogate pair, which no UTF-8 holds") from None


def _sized(content: bytes, name: str) -> bytes:
    if len(content) > LONGEST_TEXT:
        raise EvaluationError(f"{name} has {len(content):,} bytes, and MQTT has room for {LONGEST_TEXT:,}")
    return len(content).to_bytes(2) + content


def _bytes(payload: Any) -> bytes:
    return payload if isinstance(payload, bytes) else str(payload).encode("utf-8", "replace")


_WRITERS: Mapping[Any, Callable[[Any], tuple[int, bytes]]] = {
    "connect": _connect,
    "publish": _publishing,
    "puback": lambda record: (PUBACK << 4, _number(record)),
    "subscribe": _subscribe,
    "unsubscribe": _unsubscribe,
    "pingreq": lambda record: (PINGREQ << 4, b""),
    "disconnect": lambda record: (DISCONNECT << 4, b""),
}


# -- topics -----------------------------------------------------------------------------------------------------------


def is_of(topic_filter: str, topic: str) -> bool:
    """Return whether a topic meets a filter (4.7). A shared subscription, ``$share/group/filter``, is as its filter."""
    wanted, found = topic_filter.split("/"), topic.split("/")
    if wanted[0] == "$share" and len(wanted) > 2:
        del wanted[:2]
    if topic.startswith("$") and wanted[0] in ("+", "#"):
        return False
    for place, level in enumerate(wanted):
        if level == "#":
            return True
        if place >= len(found) or level not in ("+", found[place]):
            return False
    return len(wanted) == len(found)
