"""Between the transport and a conversation whose messages are unpacked, or begin and end measurements.

Each message becomes values, which go on one by one. Only connections with ``unpack``, and users with a ``measure``, have
this listener, so that all others pay nothing for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol

from loadws.engine.runtime.connection.conversation import Conversation
from loadws.engine.runtime.connection.measuring import Measuring
from loadws.metrics.ledger import Ledger
from loadws.scenario.matching.message import Message
from loadws.scenario.unpacking.unpack import Unpack, UnpackError
from loadws.transport.base import Connection, End, Payload, payload_bytes


class TakesValues(Protocol):
    """A conversation, or what explains its messages in a trace."""

    def on_value(self, message: Message) -> None:
        """Give a value to the first that it is for."""


class ReadingListener:
    """A listener that reads each message as values, and passes these and every other event on.

    A message counts once, as it came. What cannot be unpacked is an error, and no step sees it.
    """

    def __init__(
        self,
        conversation: Conversation,
        taking: TakesValues,
        ledger: Ledger,
        unpack: Unpack | None,
        measuring: Measuring | None,
    ) -> None:
        self._conversation = conversation
        self._taking = taking
        self._unpack = unpack
        self._measuring = measuring
        self._messages, self._bytes = ledger.messages, ledger.bytes
        self.on_open: Callable[[Connection], None] = conversation.on_open
        self.on_pong: Callable[[bytes, int, int], None] = conversation.on_pong
        self.on_frame: Callable[[Literal["in", "out"], str, bytes, int], None] = conversation.on_frame

    def on_message(self, payload: Payload, received_ns: int) -> None:
        """Count a message, read it, and pass its values on in their order."""
        self._messages.received += 1
        self._bytes.received += payload_bytes(payload)
        for value in self._values(payload, received_ns):
            if self._measuring is not None:
                self._measuring.on_value(value, self._conversation.name)
            self._taking.on_value(value)

    def on_end(self, end: End) -> None:
        """Settle what waits for a message that cannot come any more, and pass the end on."""
        if self._measuring is not None:
            self._measuring.connection_ended(self._conversation.name, is_lost=end.by != "us")
        self._conversation.on_end(end)

    def _values(self, payload: Payload, received_ns: int) -> list[Message]:
        if self._unpack is None:
            return [Message(payload, received_ns)]
        try:
            values = self._unpack(payload, received_ns)
        except UnpackError as error:
            self._conversation.owner.report(error.kind, "unpack", str(error))
            return []
        self._messages.values += len(values)
        if not values:
            self._conversation.note_emptied(received_ns)
        return values
