"""What waits for a message on a connection: a request for its answer, or a step for messages that no request asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from loadws.engine.runtime.connection.candidate import Candidate
from loadws.engine.runtime.parker import Parker
from loadws.scenario.matching.index import Predicate, Wanted
from loadws.scenario.matching.message import Message
from loadws.scenario.unpacking.where import Chosen
from loadws.transport.base import Outgoing


class Pending(Outgoing, kw_only=True, eq=False):
    """A request, from before it is sent until its outcome is fixed, once: answered, timed_out or unanswered.

    ``wanted`` are the conditions of ``where`` that its answer must meet, and ``until`` those of a streamed answer's last
    message; each is None where the step has none. ``message`` is the answer (its last message), ``first_ns`` the time at
    which a streamed answer's first message was received. ``counted`` says whether it is among the messages sent. ``number``
    counts the requests with ``where`` of one connection. ``candidate`` is the name by which a trace shows it. ``reads``
    returns the values of a message that fit a ``where`` with ``unpack``; such a request always has an ``until``.
    """

    parker: Parker
    wanted: Wanted | None = None
    until: Predicate | None = None
    fate: Literal["answered", "timed_out", "unanswered"] | None = None
    message: Message | None = None
    first_ns: int = 0
    counted: bool = False
    number: int = 0
    candidate: Candidate | None = None
    reads: Callable[[Message], Sequence[Message]] | None = None


class MessageWait:
    """A ``wait_for`` or an ``expect_none`` under way: the next ``count`` messages that match belong to it.

    ``sent_ns`` is 1, so that every message counts as received later. A ``Chosen`` predicate takes values of messages.
    """

    __slots__ = ("candidate", "count", "found", "parker", "predicate", "sent_ns")

    def __init__(
        self, parker: Parker, predicate: Predicate | None, count: int, candidate: Candidate | None = None
    ) -> None:
        self.candidate = candidate
        self.sent_ns = 1
        self.parker = parker
        self.predicate = predicate
        self.count = count
        self.found: list[Message] = []

    @property
    def is_done(self) -> bool:
        """Return whether all its messages have come."""
        return len(self.found) >= self.count

    def takes(self, message: Message) -> bool:
        """Return whether the message belongs to it."""
        return not self.is_done and (self.predicate is None or self.predicate(message))

    def take(self, message: Message) -> int:
        """Add a message that belongs to it, or the values of it that fit; return how many values these are."""
        if not isinstance(self.predicate, Chosen):
            self.found.append(message)
            return 0
        values = self.predicate.values(message)[: self.count - len(self.found)]
        self.found += values
        return len(values)

    def why_unread(self) -> str:
        """Return a clause on the messages that its ``where`` could not unpack; empty where there were none."""
        return self.predicate.describe() if isinstance(self.predicate, Chosen) else ""
