"""``--mode mqtt``: a broker of MQTT 3.1.1, QoS 0 and 1. It keeps no sessions and no retained messages.

The client id ``refused`` and the password ``wrong`` are refused, and so are subscriptions to ``private``. What a client
publishes goes to all subscribers, the publisher too; the topic ``tick`` ticks. A client that breaks the protocol is closed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

import msgspec

from loadws.target.speaking.talk import Payload, Talk


class Kind(IntEnum):
    """The type of a packet."""

    CONNECT, CONNACK, PUBLISH, PUBACK = 1, 2, 3, 4
    SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK = 8, 9, 10, 11
    PINGREQ, PINGRESP, DISCONNECT = 12, 13, 14


_VERSION, _ID_REJECTED, _BAD_PASSWORD = 1, 2, 4
_REFUSED = 0x80


class BrokenRules(Exception):
    """A client sent what MQTT does not allow."""


@dataclass(slots=True)
class Fields:
    """The content of a packet, read from the front."""

    content: bytes
    at: int = 0

    def number(self, size: int) -> int:
        """Return the next ``size`` bytes as a number."""
        return int.from_bytes(self.some(size))

    def some(self, size: int) -> bytes:
        """Return the next ``size`` bytes.

        Raises:
            BrokenRules: There are fewer.
        """
        if self.at + size > len(self.content):
            raise BrokenRules
        self.at += size
        return self.content[self.at - size : self.at]

    def text(self) -> str:
        """Return the next text, which has its length before it.

        Raises:
            BrokenRules: It is no UTF-8.
        """
        try:
            return self.some(self.number(2)).decode()
        except UnicodeDecodeError:
            raise BrokenRules from None

    @property
    def is_over(self) -> bool:
        return self.at >= len(self.content)

    def rest(self) -> bytes:
        """Return what is left."""
        return self.some(len(self.content) - self.at)


class Published(msgspec.Struct, frozen=True):
    """A message on its way to the subscribers."""

    topic: str
    payload: bytes
    qos: int


@dataclass(slots=True, eq=False)
class Mqtt(Talk):
    """A broker's side of one connection."""

    _waiting: bytes = b""
    _is_connected: bool = False
    _filters: dict[str, int] = field(default_factory=dict)  # each with the QoS that was granted
    _last_id: int = 0
    _published: list[Published] = field(default_factory=list)

    def heard(self, message: Payload) -> Sequence[Payload]:
        """Answer the packets that are complete now."""
        if isinstance(message, str):
            self.is_over = True
            return ()
        said: list[Payload] = []
        self._waiting += message
        try:
            for kind, flags, content in self._packets():
                said += self._answers(kind, flags, Fields(content))
        except BrokenRules:
            self.is_over = True
        return said

    def answers(self, message: str) -> Sequence[Payload]:
        """Answer nothing: MQTT has no text."""
        return ()

    def _packets(self) -> Iterator[tuple[int, int, bytes]]:
        while (found := length_of(self._waiting)) is not None and found[0] + found[1] <= len(self._waiting):
            start, length = found
            head, content = self._waiting[0], self._waiting[start : start + length]
            self._waiting = self._waiting[start + length :]
            yield head >> 4, head & 15, content

    def _answers(self, kind: int, flags: int, fields: Fields) -> list[bytes]:
        if self._is_connected == (kind == Kind.CONNECT):
            raise BrokenRules
        match kind:
            case Kind.CONNECT:
                return [packet(Kind.CONNACK, bytes((0, self._connected(fields))))]
            case Kind.PUBLISH:
                return self._publish(flags, fields)
            case Kind.PUBACK:
                return []
            case Kind.SUBSCRIBE:
                number = fields.some(2)
                return [packet(Kind.SUBACK, number + bytes(self._granted(fields)))]
            case Kind.UNSUBSCRIBE:
                number = fields.some(2)
                while not fields.is_over:
                    self._filters.pop(fields.text(), None)
                return [packet(Kind.UNSUBACK, number)]
            case Kind.PINGREQ:
                return [packet(Kind.PINGRESP, b"")]
            case Kind.DISCONNECT:
                self._is_connected = False
                self.is_over = True
                return []
        raise BrokenRules

    def _connected(self, fields: Fields) -> int:
        """Return the code of the answer to CONNECT: 0, or why it is refused.

        Raises:
            BrokenRules: It is no MQTT.
        """
        name, version, flags, _keep_alive, client = fields.text(), *map(fields.number, (1, 1, 2)), fields.text()
        if name != "MQTT":
            raise BrokenRules
        if flags & 4:
            fields.text()
            fields.some(fields.number(2))
        if flags & 128:
            fields.text()
        password = fields.some(fields.number(2)) if flags & 64 else b""
        code = _VERSION if version != 4 else _ID_REJECTED if client == "refused" else 0
        code = code or (_BAD_PASSWORD if password == b"wrong" else 0)
        self._is_connected = not code
        self.is_over = bool(code)
        return code

    def _granted(self, fields: Fields) -> Iterator[int]:
        while not fields.is_over:
            topic, qos = fields.text(), min(1, fields.number(1))
            if topic == "private":
                yield _REFUSED
            else:
                self._filters[topic] = qos
                yield qos

    def _publish(self, flags: int, fields: Fields) -> list[bytes]:
        topic, qos = fields.text(), flags >> 1 & 3
        if qos > 1:
            raise BrokenRules
        acknowledged = [packet(Kind.PUBACK, fields.some(2))] if qos else []
        self._published.append(Published(topic, fields.rest(), qos))
        return acknowledged

    def take_published(self) -> Sequence[Published]:
        """Return what the client has published since the last call."""
        published, self._published = self._published, []
        return published

    def relayed(self, published: object) -> Sequence[Payload]:
        """Return the packet with a message that some client published, where this one has subscribed to its topic."""
        assert isinstance(published, Published)
        granted = [qos for topic, qos in self._filters.items() if is_of(topic.split("/"), published.topic.split("/"))]
        if not granted:
            return ()
        qos, topic = min(published.qos, max(granted)), published.topic.encode()
        self._last_id = self._last_id % 0xFFFF + 1
        number = self._last_id.to_bytes(2) if qos else b""
        return (packet(Kind.PUBLISH, len(topic).to_bytes(2) + topic + number + published.payload, qos << 1),)

    def tick(self, number: int) -> Sequence[Payload]:
        """Publish the number of the tick."""
        return self.relayed(Published("tick", b'{"number":%d}' % number, 0))


def packet(kind: int, content: bytes, flags: int = 0) -> bytes:
    """Return a packet."""
    length, written = len(content), b""
    while True:
        more = length > 127
        written += bytes((length & 127 | (128 if more else 0),))
        length >>= 7
        if not more:
            return bytes((kind << 4 | flags,)) + written + content


def length_of(data: bytes) -> tuple[int, int] | None:
    """Return where the content of the first packet begins, and its length; None where that has not come yet.

    Raises:
        BrokenRules: The length has more than four bytes.
    """
    length = 0
    for place, byte in enumerate(data[1:5]):
        length |= (byte & 127) << 7 * place
        if byte < 128:
            return place + 2, length
    if len(data) >= 5:
        raise BrokenRules
    return None


def is_of(wanted: list[str], topic: list[str]) -> bool:
    """Return whether the levels of a topic meet those of a filter."""
    if topic and topic[0].startswith("$") and wanted and wanted[0] in ("+", "#"):
        return False
    return _meets(wanted, topic)


def _meets(wanted: list[str], topic: list[str]) -> bool:
    if not wanted or not topic:
        return not topic and (not wanted or wanted == ["#"])
    return wanted[0] == "#" or (wanted[0] in ("+", topic[0]) and _meets(wanted[1:], topic[1:]))
