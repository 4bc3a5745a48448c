"""``--trace``: of each message, who might have wanted it, in the order in which they are asked, and why it is not theirs.

It stands between the transport and a conversation, only where there is a trace, and looks before the conversation does: the
order is that of ``conversation``'s docstring, and a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Literal

from loadws.scenario.matching.message import Message
from loadws.scenario.template.template import EvaluationError, Scope
from loadws.transport.base import Connection, End, Payload

if TYPE_CHECKING:
    from loadws.engine.runtime.connection.conversation import Conversation
    from loadws.engine.runtime.tracing import Tracer
    from loadws.scenario.matching.matching import Conditions


class Sought:
    """Who waits for a message, as people call it, and what holds a message against its conditions."""

    __slots__ = ("_where", "scope", "who")

    def __init__(self, who: str, where: Conditions | None, scope: Scope) -> None:
        self.who = who
        self.scope = scope
        self._where = where

    def why_not(self, message: Message) -> str | None:
        """None where the message is its."""
        if self._where is None:
            return None
        try:
            return self._where.why(message, self.scope)
        except EvaluationError as error:
            return str(error)


class Explaining:
    """A listener that tells the trace about each message, and hands everything on."""

    def __init__(self, conversation: Conversation, tracer: Tracer) -> None:
        self._conversation = conversation
        self._tracer = tracer
        self.on_open: Callable[[Connection], None] = conversation.on_open
        self.on_pong: Callable[[bytes, int, int], None] = conversation.on_pong
        self.on_end: Callable[[End], None] = conversation.on_end
        self.on_frame: Callable[[Literal["in", "out"], str, bytes, int], None] = conversation.on_frame

    def on_message(self, payload: Payload, received_ns: int) -> None:
        for line in self._lines(Message(payload, received_ns)):
            self._tracer.note(line)
        self._conversation.on_message(payload, received_ns)

    def _lines(self, message: Message) -> Iterator[str]:
        for sought in self._asked_in_turn(message):
            why_not = sought.why_not(message)
            if why_not is None:
                yield f"   taken by {sought.who}"
                return
            yield f"   not by {sought.who}: {why_not}"
        yield "   nobody waits for it" + (": kept for a later wait_for" if self._conversation.keeps else "")

    def _asked_in_turn(self, message: Message) -> Iterator[Sought]:
        conversation = self._conversation
        yield from self._handlers(conversation)
        for pending in conversation.expected():
            if pending.sought is not None and 0 < pending.sent_ns <= message.received_ns:
                yield pending.sought

    def _handlers(self, conversation: Conversation) -> Iterator[Sought]:
        user = conversation.user
        for number, handler in enumerate(user.kind.messages, 1):
            if handler.on is None or handler.on == conversation.name:
                yield Sought(f"message handler {number}", handler.where, user.main.scope)
