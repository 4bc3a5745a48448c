"""``--trace``: for each message, what might have received it, in the order in which it is asked, and why it did not.

The listener here stands between the transport and a conversation, only where there is a trace. It must ask in the order
of ``conversation``'s docstring; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

from loadws.engine.runtime.connection.conversation import Conversation
from loadws.engine.runtime.tracing import TracedUser, Tracer
from loadws.scenario.matching.message import Message
from loadws.scenario.template.values import show
from loadws.transport.base import Connection, End, Payload


class ExplainingListener:
    """A listener that explains each message in the trace, and passes every event on.

    ``unpacks``: a message may hold several values, each of which is shown.
    """

    def __init__(self, conversation: Conversation, tracer: Tracer, user: TracedUser, *, unpacks: bool = False) -> None:
        self._conversation = conversation
        self._unpacks = unpacks
        self._tracer = tracer
        self._user = user
        self.on_open: Callable[[Connection], None] = conversation.on_open
        self.on_pong: Callable[[bytes, int, int], None] = conversation.on_pong
        self.on_end: Callable[[End], None] = conversation.on_end
        self.on_frame: Callable[[Literal["in", "out"], str, bytes, int], None] = conversation.on_frame

    def on_message(self, payload: Payload, received_ns: int) -> None:
        """Explain a message, and pass it on."""
        for message in self._conversation.messages_in(payload, received_ns):
            self._explain(message)
        self._conversation.on_message(payload, received_ns)

    def on_value(self, message: Message) -> None:
        """Explain a value of a message, which is all of it where it was not unpacked, and pass it on."""
        if self._unpacks:
            self._tracer.note(self._user, f"   holds {show(message.payload)}")
        self._explain(message)
        self._conversation.on_value(message)

    def _explain(self, message: Message) -> None:
        for line in self._lines(message):
            self._tracer.note(self._user, line)

    def _lines(self, message: Message) -> Iterator[str]:
        for candidate in self._conversation.candidates(message):
            why_not = candidate.why_not(message)
            if why_not is None:
                yield f"   taken by {candidate.name}"
                return
            yield f"   not by {candidate.name}: {why_not}"
        yield "   nothing waits for it" + (": kept for a later wait_for" if self._conversation.keeps else "")
