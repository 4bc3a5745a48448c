"""What is said on one connection: who gets which message.

A ``Conversation`` is the transport's listener. It is synchronous and never raises. A message goes, in this order, to the
first of: a ``message`` handler that claims it; a request whose ``where`` it matches; a ``wait_for`` or ``expect_none``
that waits for it; the oldest request without ``where``; the kept messages, in flows that have a ``wait_for``. Else it is
unclaimed.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from loadws.engine.runtime.connection import unreadable
from loadws.engine.runtime.connection.ends import describe, end_code, end_kind, is_failure, is_unasked
from loadws.engine.runtime.connection.in_flight import InFlight
from loadws.engine.runtime.connection.inbox import KeptMessages
from loadws.engine.runtime.parker import Parker
from loadws.scenario.matching.index import Predicate, Wanted
from loadws.scenario.matching.message import Message
from loadws.transport.base import Connection, End, Outgoing, Payload

if TYPE_CHECKING:
    import trio

    from loadws.engine.runtime.explaining import Sought
    from loadws.engine.runtime.reconnect import Replacement
    from loadws.engine.runtime.strand import Strand
    from loadws.engine.steps.connect import Opener
    from loadws.engine.steps.publish import Probing
    from loadws.engine.users.user import VirtualUser

#: Requests without ``where`` that may wait for an answer, those that timed out and keep their place among them.
MOST_UNANSWERED = 1000


def payload_bytes(payload: Payload) -> int:
    """The size on the wire: text is UTF-8, and ``len`` of it only where it is ASCII."""
    if isinstance(payload, bytes) or payload.isascii():
        return len(payload)
    return len(payload.encode("utf-8", "replace"))


class Pending(Outgoing, kw_only=True, eq=False):
    """A request, from before it is sent until its fate is fixed: answered, timed_out or unanswered, once."""

    parker: Parker
    wanted: Wanted | None = None
    until: Predicate | None = None
    fate: Literal["answered", "timed_out", "unanswered"] | None = None
    message: Message | None = None
    first_ns: int = 0
    counted: bool = False  # among the messages sent
    number: int = 0  # among those in flight that have a ``where``
    sought: Sought | None = None  # for a trace


class Watch:
    """A ``wait_for`` or an ``expect_none`` that waits: the next ``count`` messages that match are its."""

    __slots__ = ("count", "found", "parker", "predicate", "sent_ns", "sought")

    def __init__(self, parker: Parker, predicate: Predicate | None, count: int, sought: Sought | None = None) -> None:
        self.sought = sought  # for a trace
        self.sent_ns = 1  # as if it had always been there
        self.parker = parker
        self.predicate = predicate
        self.count = count
        self.found: list[Message] = []

    @property
    def is_done(self) -> bool:
        return len(self.found) >= self.count

    def takes(self, message: Message) -> bool:
        return not self.is_done and (self.predicate is None or self.predicate(message))


class Conversation:
    """The listener of one connection of one user. ``name`` is what ``connect`` said: ``as``."""

    __slots__ = (
        "_bytes",
        "_close_waiters",
        "_handlers",
        "_in_flight",
        "_kept",
        "_ledger",
        "_messages",
        "_next",
        "_pings",
        "_unreadable",
        "_waiting",
        "_watches",
        "connection",
        "end",
        "end_reported",
        "healing",
        "is_breaking",
        "name",
        "opener",
        "probing",
        "recovery",
        "replacement",
        "turn",
        "user",
    )

    def __init__(
        self, user: VirtualUser, name: str | None, *, keeps: bool, replacement: Replacement | None = None
    ) -> None:
        self.user = user
        self.name = name
        self.connection: Connection | None = None
        self.end: End | None = None
        self.end_reported = False
        self.opener: Opener | None = None  # how it was opened, and can be again
        self.healing: trio.CancelScope | None = None  # it has ended, and another is being opened in its place
        self.is_breaking = False  # a step has found that it cannot be written any more; its end is about to be told
        self.probing: Probing | None = None  # what it publishes and listens for; None: nothing yet
        self.replacement = replacement  # of the connection that had ended before it
        self.recovery = replacement if replacement is not None and replacement.lost_ns else None  # until a good answer
        self.turn = 0  # the number of the innermost turn that it was opened in; 0: the session
        self._handlers = user.handlers
        self._ledger = ledger = user.run.recorder.ledger
        self._messages, self._bytes = ledger.messages, ledger.bytes
        self._next: deque[Pending] = deque()  # requests without where, oldest first
        self._in_flight: InFlight[Pending] | None = None  # requests with where; None before the first
        self._watches: list[Watch] = []
        self._waiting: set[Parker] = set()  # strands that wait for the end of the connection
        self._close_waiters = 0  # how many of them are a wait_for: {close: ..}, which judges the end itself
        self._pings: dict[bytes, tuple[Parker, list[int]]] = {}
        self._unreadable: unreadable.Unreadable | None = None  # None before the first
        self._kept = KeptMessages(user.run.kept_room) if keeps else None

    # -- what the transport says --------------------------------------------------------------------------------------

    def on_open(self, connection: Connection) -> None:
        self.connection = connection
        if self.replacement is not None:
            self.replacement.opened_ns = self.user.run.timers.now_ns()
            self.user.take_up(self)
            self.user.run.recorder.reconnects += 1
        self._ledger.connections.opened += 1
        self.user.run.recorder.open_connections.rise()
        for delivering in self.user.kind.deliverings:
            delivering.opened(self)

    def on_message(self, payload: Payload, received_ns: int) -> None:
        self._messages.received += 1
        self._bytes.received += len(payload) if payload.isascii() else payload_bytes(payload)
        message = Message(payload, received_ns)
        if self._handlers is not None and self._handlers.claims(message, self):
            return
        if self._in_flight is not None and self._answers_matching(self._in_flight, message):
            return
        if self._watches and self._is_watched_for(message):
            return
        if self._next:
            pending = self._next[0]  # the plain case of ``_answers_next``, and nearly every message
            if pending.fate is None and pending.until is None and 0 < pending.sent_ns <= received_ns:
                self._next.popleft()
                pending.fate = "answered"
                pending.message = message
                pending.parker.wake()
                if self.recovery is not None:
                    self._recovered(received_ns)
                return
            if self._answers_next(message):
                return
        self._keep(message)

    def on_pong(self, payload: bytes, sent_ns: int, received_ns: int) -> None:
        waiting = self._pings.pop(payload, None)
        if waiting is not None:
            parker, received = waiting
            received.append(received_ns)
            parker.wake()
        elif sent_ns:  # a keepalive of the transport's; an unsolicited pong has no sent_ns
            self.user.run.recorder.duration("ping_time", "keepalive", sent_ns, received_ns - sent_ns)

    def on_end(self, end: End) -> None:
        if self.end is not None:
            return
        self.end = end
        self._count_end(end)
        if self.probing is not None:
            self.probing.leave(self.user.run.timers.now_ns())
        self._begin_healing(end)
        trying, waiting = self._end_tries(), self.waiting
        self.wake_waiting()
        if not is_unasked(end):
            if is_failure(end) and not (trying or waiting):
                self.report_end("connection")
        elif not (self._close_waiters or self.user.expects_close(self, end)):
            self.user.lost(self, is_a_try=not trying, handled_by=trying | waiting)
        if self._handlers is not None:
            self._handlers.on_close(end, self)

    def _end_tries(self) -> frozenset[Parker]:
        """Settle what waited for an answer, and return where its steps wait: each of them reports the end as its failure."""
        in_flight, self._in_flight = self._in_flight or (), None
        unanswered = [pending for pending in (*self._next, *in_flight) if pending.fate is None]
        self._next.clear()
        for pending in unanswered:
            self._settle(pending, "unanswered")
        for watch in self._watches:
            watch.parker.wake()
        for parker, _ in self._pings.values():
            parker.wake()
        watching = (watch.parker for watch in self._watches)
        pinging = (parker for parker, _ in self._pings.values())
        return frozenset((*(pending.parker for pending in unanswered), *watching, *pinging))

    def on_frame(self, direction: Literal["in", "out"], what: str, payload: bytes, at_ns: int) -> None:
        tracer = self.user.run.tracer
        if tracer is not None:
            tracer.frame(direction, what, payload, at_ns, self.name)

    def report_end(self, step: str) -> None:
        """Counts an end that somebody did not want, once, whoever notices first."""
        if self.end is None:
            return
        if self.end_reported:
            self.user.last_error = (end_kind(self.end), describe(self.end))
        else:
            self.end_reported = True
            self.user.report(end_kind(self.end), step, describe(self.end))

    # -- what a trace asks --------------------------------------------------------------------------------------------

    @property
    def keeps(self) -> bool:
        return self._kept is not None

    def expected(self) -> Iterator[Pending | Watch]:
        """Who waits for a message, in the order in which they are asked."""
        yield from self._in_flight or ()
        yield from (watch for watch in self._watches if not watch.is_done)
        yield from itertools.islice(self._next, 1)

    # -- what the steps ask -------------------------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        return self.connection is not None and self.end is None

    @property
    def is_going_on(self) -> bool:
        """It is open, or an attempt to open it, or another in its place, is under way."""
        return self.end is None or self.healing is not None

    @property
    def may_heal(self) -> bool:
        """Its end, unless it was ours, is not the end of the session."""
        return self.opener is not None and self.opener.policy is not None

    def expect(self, pending: Pending) -> bool:
        """From now on a message may answer it; called before the request is sent, since its answer may be quicker.

        False where too many wait already.
        """
        waiting = self._next
        if len(waiting) >= MOST_UNANSWERED:
            return False
        if pending.wanted is None:
            waiting.append(pending)
            return True
        if self._in_flight is None:
            self._in_flight = InFlight()
        self._in_flight.add(pending)
        return True

    def time_out(self, pending: Pending) -> None:
        """Its deadline came. One without ``where`` keeps its place, so that its late answer is not taken for the next."""
        pending.fate = "timed_out"
        if pending.wanted is not None and self._in_flight is not None:
            self._in_flight.settle(pending, is_owed=True)

    def abandon(self, pending: Pending) -> None:
        """It was never sent whole, or its user was cut off: nobody waits for its answer any more."""
        if pending.fate is None:
            pending.fate = "unanswered"
            if pending.wanted is not None and self._in_flight is not None:
                self._in_flight.forget(pending)
        if pending in self._next:
            self._next.remove(pending)

    def watch(self, watch: Watch) -> None:
        """Kept messages are looked at first."""
        if self._kept is not None:
            while not watch.is_done and (message := self._kept.take(watch.predicate)) is not None:
                watch.found.append(message)
        self._watches.append(watch)

    def unwatch(self, watch: Watch) -> None:
        self._watches.remove(watch)

    def wait_beside(self, parker: Parker) -> None:
        """It is woken at the end, and when what became of the end is known."""
        self._waiting.add(parker)

    def stop_waiting(self, parker: Parker) -> None:
        self._waiting.discard(parker)

    def wake_waiting(self) -> None:
        for parker in self._waiting:
            parker.wake()

    @property
    def is_judged(self) -> bool:
        """Return whether a ``wait_for: {close: ..}`` waits for its end, or has looked at it."""
        return bool(self._close_waiters) or self.end_reported

    @property
    def waiting(self) -> frozenset[Parker]:
        """Where strands wait beside the connection; each of them deals with its end by itself."""
        return frozenset(self._waiting)

    async def wait_for_end(self, strand: Strand, deadline_ns: int, *, judges: bool = False) -> End | None:
        """Wait until the connection has ended, and return how; None at the deadline, or where the user is to go.

        ``judges``: the caller says what becomes of the end, so it is no failure by itself.
        """
        self._waiting.add(strand.parker)
        self._close_waiters += judges
        try:
            while self.end is None and not strand.ends_waiting:
                if not await strand.wait(deadline_ns):
                    break
        finally:
            self._waiting.discard(strand.parker)
            self._close_waiters -= judges
        return self.end

    async def wait_for_pong(self, payload: bytes, parker: Parker, deadline_ns: int) -> int | None:
        """When the pong was received; None where the deadline or the end of the connection came first."""
        received: list[int] = []
        self._pings[payload] = (parker, received)
        try:
            while not received and self.end is None:
                if not await parker.wait(deadline_ns):
                    break
        finally:
            self._pings.pop(payload, None)
        return received[0] if received else None

    def forget_kept(self) -> None:
        """Count what it kept as unclaimed: the session is over."""
        if self._kept is not None:
            self._unclaimed(self._kept.let_go())

    def _unclaimed(self, count: int) -> None:
        self._ledger.messages.unclaimed += count
        self._stray(count)

    def _late(self) -> None:
        self._ledger.messages.late += 1
        self._stray(1)

    def _stray(self, count: int) -> None:
        """Count messages that nothing claimed where requests without ``where`` take the next one: it may be another's."""
        beside = self.user.kind.plain_requests.get(self.name)
        if beside and count:
            run = self.user.run
            for step in beside:
                run.recorder.labelled("stray_messages", step, run.timers.now_ns(), count)

    # -- who gets a message -------------------------------------------------------------------------------------------

    def _answers_matching(self, in_flight: InFlight[Pending], message: Message) -> bool:
        pending = in_flight.answered_by(message, _is_after) if in_flight.waits else None
        if pending is None:
            return False
        if pending.until is None or self._is_last_of(pending, message):
            in_flight.settle(pending, is_owed=False)
            pending.fate = "answered"  # one that waits has none yet
            pending.message = message
            pending.parker.wake()
            if self.recovery is not None:
                self._recovered(message.received_ns)
        return True

    def _answers_next(self, message: Message) -> bool:
        pending = self._next[0]
        if not _is_after(message, pending):
            return False
        if self._is_last_of(pending, message):
            self._next.popleft()
            if pending.fate == "timed_out":
                self._late()
            else:
                self._settle(pending, "answered", message)
        return True

    def _is_last_of(self, pending: Pending, message: Message) -> bool:
        """A streamed answer goes on until its ``until`` holds; its first message is stamped."""
        if not pending.first_ns:
            pending.first_ns = message.received_ns
        if pending.until is None or pending.until(message):
            return True
        if message.is_unreadable:
            self._note_unreadable(message)
        return False

    def _is_watched_for(self, message: Message) -> bool:
        for watch in self._watches:
            if watch.takes(message):
                if self.recovery is not None:
                    self._recovered(message.received_ns)
                watch.found.append(message)
                if watch.is_done:
                    watch.parker.wake()
                return True
        return False

    def unreadable_since(self, at_ns: int, *, with_kept: bool = False) -> str:
        """Return a clause on the messages that came since then, or were kept before, and are not JSON; else nothing."""
        kept = self._kept if with_kept else None
        before = [] if kept is None else [each for each in kept if each.is_unreadable and each.received_ns < at_ns]
        since = self._unreadable.since(at_ns) if self._unreadable is not None else []
        return unreadable.describe([*before, *since])

    def _note_unreadable(self, message: Message) -> None:
        if self._unreadable is None:
            self._unreadable = unreadable.Unreadable()
        self._unreadable.note(message)

    def _keep(self, message: Message) -> None:
        if message.is_unreadable:
            self._note_unreadable(message)
        again = None if self._in_flight is None else self._in_flight.came_again(message)
        if again == "late":
            self._late()
            return
        if again == "duplicate":
            self._ledger.messages.duplicate += 1
            return
        self._unclaimed(1 if self._kept is None or self.end is not None else self._kept.keep(message))

    # -- counting -----------------------------------------------------------------------------------------------------

    def _settle(
        self, pending: Pending, fate: Literal["answered", "unanswered"], message: Message | None = None
    ) -> None:
        if pending.fate is None:
            pending.fate = fate
            pending.message = message
            pending.parker.wake()
            if message is not None and self.recovery is not None:
                self._recovered(message.received_ns)

    def _recovered(self, at_ns: int) -> None:
        """Record how long the outage lasted, at the first good answer after it."""
        recovery, self.recovery = self.recovery, None
        if recovery is not None:
            recovery.recovered(at_ns)

    def _begin_healing(self, end: End) -> None:
        user = self.user
        if end.by != "us" and user.healing is not None and self.opener is not None and self.may_heal:
            user.healing.begin(self, self.opener)

    def _count_end(self, end: End) -> None:
        connections = self._ledger.connections
        self.user.run.recorder.open_connections.fall()
        if end.kind == "cut_off":
            connections.open_at_end += 1
            return
        match end.by:
            case "us":
                connections.closed_by_us += 1
            case "peer":
                connections.closed_by_peer += 1
            case "lost":
                connections.lost += 1
        key = f"{end.by}.{end_code(end)}"
        self._ledger.close_codes[key] = self._ledger.close_codes.get(key, 0) + 1


def _is_after(message: Message, pending: Pending) -> bool:
    """A request never matches a message that was read before it was sent."""
    return 0 < pending.sent_ns <= message.received_ns
