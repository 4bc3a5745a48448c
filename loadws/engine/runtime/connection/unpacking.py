"""Between the transport and a conversation that unpacks its messages: each becomes values, which go on one by one.

Only a connection with ``unpack`` has this listener, so that all others pay nothing for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol

from loadws.engine.runtime.connection.conversation import Conversation
from loadws.metrics.ledger import Ledger
from loadws.scenario.matching.message import Message
from loadws.scenario.unpacking.unpack import Unpack, UnpackError
from loadws.transport.base import Connection, End, Payload, payload_bytes


class TakesValues(Protocol):
    """A conversation, or what explains its messages in a trace."""

    def on_value(self, message: Message) -> None:
        """Give a value to the first that it is for."""


class UnpackingListener:
    """A listener that unpacks each message, and passes its values and every other event on.

    A message counts once, as it came. What cannot be unpacked is an error, and no step sees it.
    """

    def __init__(self, conversation: Conversation, taking: TakesValues, unpack: Unpack, ledger: Ledger) -> None:
        self._owner = conversation.owner
        self._taking = taking
        self._unpack = unpack
        self._messages, self._bytes = ledger.messages, ledger.bytes
        self.on_open: Callable[[Connection], None] = conversation.on_open
        self.on_pong: Callable[[bytes, int, int], None] = conversation.on_pong
        self.on_end: Callable[[End], None] = conversation.on_end
        self.on_frame: Callable[[Literal["in", "out"], str, bytes, int], None] = conversation.on_frame

    def on_message(self, payload: Payload, received_ns: int) -> None:
        """Count a message, unpack it, and pass its values on in their order."""
        self._messages.received += 1
        self._bytes.received += payload_bytes(payload)
        try:
            values = self._unpack(payload, received_ns)
        except UnpackError as error:
            self._owner.report(error.kind, "unpack", str(error))
            return
        self._messages.values += len(values)
        for value in values:
            self._taking.on_value(value)
