"""A message handler's ``deliver``: which connections receive a probe, from when on, and how its messages are recorded.

A connection is a receiver from its opening on, or from the end of the step that ``after`` names, because a room is
joined only when the server has confirmed it. It stops being one at its end, or before the step that ``until`` names.
"""

from __future__ import annotations

from loadws.engine.runtime.connection.conversation import Conversation
from loadws.engine.runtime.connection.probing import Probing
from loadws.metrics.recording.probe_id import EVERYONE, audience_of
from loadws.metrics.recording.probes import ProbeLog
from loadws.scenario.matching.capture import compile_place
from loadws.scenario.matching.message import Message
from loadws.scenario.model.model import Deliver, MessageHandler
from loadws.scenario.template.template import EvaluationError, Scope, compile_template
from loadws.transport.base import Timers


class Delivering:
    """A compiled ``deliver``. ``on`` is the name of its handler's connection, None for any."""

    def __init__(self, handler: MessageHandler, deliver: Deliver, log: ProbeLog, timers: Timers) -> None:
        self._log = log
        self._now_ns = timers.now_ns
        self._find = compile_place(deliver.id).find
        self._is_ordered = deliver.ordered
        self._in = compile_template(deliver.in_) if deliver.in_ is not None else None
        self.on = handler.on
        self.after = deliver.after
        self.until = deliver.until

    def take(self, message: Message, conversation: Conversation) -> None:
        """Record the delivery of the probe that a message carries."""
        probing = conversation.probing
        member = None if probing is None else probing.members.get(self._log)
        self._log.received(self._find(message), member, message.received_ns)

    def opened(self, conversation: Conversation, scope: Scope) -> None:
        """Make a connection that has just opened a receiver, unless a step makes it one later."""
        if self.after is None:
            self.join(conversation, scope)

    def join(self, conversation: Conversation, scope: Scope) -> None:
        """Make a connection a receiver of its audience. A receiver of another audience leaves that one."""
        if not conversation.is_open or (self.on is not None and self.on != conversation.name):
            return
        try:
            audience = EVERYONE if self._in is None else audience_of(self._in.text(scope))
        except EvaluationError as error:
            conversation.owner.report("template", "on.message", str(error))
            return
        members, now_ns = probing_of(conversation).members, self._now_ns()
        before = members.get(self._log)
        if before is not None:
            if before.audience == audience:
                return
            self._log.leave(before, now_ns)
        members[self._log] = self._log.join(audience, now_ns, is_ordered=self._is_ordered)

    def leave(self, conversation: Conversation) -> None:
        """Stop treating a connection as a receiver. Nothing happens where it is none."""
        member = None if conversation.probing is None else conversation.probing.members.pop(self._log, None)
        if member is not None:
            self._log.leave(member, self._now_ns())


def probing_of(conversation: Conversation) -> Probing:
    """Return the probes of a connection, made at the first call."""
    if conversation.probing is None:
        conversation.probing = Probing()
    return conversation.probing
