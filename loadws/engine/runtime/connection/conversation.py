"""One connection of a user, and what receives its messages.

A ``Conversation`` is the transport's listener. It is synchronous and never raises. A message goes, in this order, to the
first of: a ``message`` handler that claims it; a request whose ``where`` it matches; a ``wait_for`` or ``expect_none``
that waits for it; the oldest request without ``where``; the inbox, in flows that have a ``wait_for``. Otherwise it is
unclaimed.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Literal, Protocol, cast

import trio

from loadws.engine.runtime.connection import unreadable
from loadws.engine.runtime.connection.candidate import Candidate
from loadws.engine.runtime.connection.ends import describe, end_code, end_kind, is_failure, is_unasked
from loadws.engine.runtime.connection.in_flight import InFlight
from loadws.engine.runtime.connection.inbox import Inbox
from loadws.engine.runtime.connection.measuring import Measuring
from loadws.engine.runtime.connection.pending import MessageWait, Pending
from loadws.engine.runtime.connection.probing import Probing
from loadws.engine.runtime.connection.replacement import Replacement
from loadws.engine.runtime.parker import Parker
from loadws.engine.runtime.shared import Shared
from loadws.engine.runtime.tracing import TracedUser
from loadws.scenario.matching.message import Message
from loadws.scenario.model.connection import ReconnectOptions
from loadws.transport.base import Connection, End, Payload, payload_bytes

#: How many requests without ``where`` may wait for an answer, including those that timed out and keep their place.
MOST_UNANSWERED = 1000
#: Shared: an empty set takes 216 bytes, and each of many connections would keep one.
NONE_WAITS: frozenset[Parker] = frozenset()
#: The pings of a connection that a step waits for, by payload: shared while there are none, and never filled.
NO_PINGS: dict[bytes, tuple[Parker, list[int]]] = {}
#: That nothing waits: shared by connections, and a tuple, so that nothing can be put into what belongs to all of them.
NO_REQUESTS = cast("list[Pending]", ())


class HandlerHooks(Protocol):
    """A user's handlers, as its connections and its steps call them."""

    def claims(self, message: Message, conversation: Conversation) -> bool:
        """Return whether a ``message`` handler uses the message; if so, its steps run now or are queued."""

    def on_close(self, end: End, conversation: Conversation) -> None:
        """Run the ``close`` handler."""

    def on_error(self, kind: str, detail: str) -> None:
        """Run the ``error`` handler."""

    async def on_open(self, conversation: Conversation) -> None:
        """Run the ``open`` handler to its end."""

    def candidates(self, conversation: Conversation) -> Iterator[Candidate]:
        """Return the ``message`` handlers of a connection, in the order in which they are asked."""


class Owner(TracedUser, Protocol):
    """The user of a connection: what the connection reads from it and reports to it."""

    last_error: tuple[str, str]

    @property
    def handlers(self) -> HandlerHooks | None:
        """The user's handlers, which do not change while it lives."""

    @property
    def plain_requests(self) -> Mapping[str | None, Sequence[str]]:
        """Names of requests without ``where`` by the name of their connection."""

    @property
    def measuring(self) -> Measuring | None:
        """Return what ``measure`` times of the user; None where the scenario has none."""

    def report(self, kind: str, step: str, detail: str) -> None:
        """Count an error."""

    def opened(self, conversation: Conversation) -> None:
        """Take note that a connection is open."""

    def heal(self, conversation: Conversation) -> None:
        """Begin to open another connection in the place of one that has just ended, where a policy says so."""

    def expects_close(self, conversation: Conversation, end: End) -> bool:
        """Return whether the scenario asked for this end."""

    def lost(self, conversation: Conversation, *, is_a_try: bool, handled_by: frozenset[Parker]) -> None:
        """Handle an end that the scenario did not ask for."""


class Opener(Protocol):
    """The way in which a connection was opened. ``policy`` says whether another one replaces it; ``keeps``: it has an
    inbox.
    """

    @property
    def policy(self) -> ReconnectOptions | None: ...

    @property
    def keeps(self) -> bool: ...

    @property
    def expected_closes(self) -> frozenset[int]: ...


class Conversation:
    """The listener of one connection of one user. ``name`` is what ``connect`` calls it (``as``); None without a name.

    ``opener`` says how it was opened and opens it again. ``replacement`` describes the connection that it replaces;
    ``recovery`` is the same object until the first good answer after an outage. ``healing`` is the task that opens
    another connection in its place. ``is_breaking``: a step found that it cannot be written any more, and its end will
    be reported soon. ``turn`` is the number of the innermost turn that it was opened in, 0 for the session. ``probing``
    is None before its first probe.
    """

    __slots__ = (
        "_bytes",
        "_close_waiters",
        "_emptied_ns",
        "_handlers",
        "_in_flight",
        "_inbox",
        "_ledger",
        "_messages",
        "_next",
        "_pings",
        "_shared",
        "_unreadable",
        "_waiting",
        "_waits",
        "connection",
        "end",
        "end_reported",
        "healing",
        "is_breaking",
        "name",
        "opener",
        "owner",
        "probing",
        "recovery",
        "replacement",
        "turn",
    )

    def __init__(
        self,
        owner: Owner,
        shared: Shared,
        name: str | None,
        *,
        opener: Opener | None = None,
        turn: int = 0,
        replacement: Replacement | None = None,
    ) -> None:
        self.owner = owner
        self.name = name
        self.opener = opener
        self.connection: Connection | None = None
        self.end: End | None = None
        self.end_reported = False
        self.healing: trio.CancelScope | None = None
        self.is_breaking = False
        self.probing: Probing | None = None
        self.replacement = replacement
        self.recovery = replacement if replacement is not None and replacement.lost_ns else None
        self.turn = turn
        self._handlers = owner.handlers
        self._shared = shared
        self._ledger = ledger = shared.recorder.ledger
        self._messages, self._bytes = ledger.messages, ledger.bytes
        # Requests without where, oldest first: at most MOST_UNANSWERED.
        self._next = NO_REQUESTS
        self._in_flight: InFlight[Pending] | None = None  # requests with where; None before the first
        self._waits: tuple[MessageWait, ...] = ()
        self._waiting = NONE_WAITS  # strands that wait for the end of the connection
        self._close_waiters = 0  # how many of them are a wait_for: {close: ..}, which judges the end itself
        self._pings = NO_PINGS
        self._unreadable: unreadable.Unreadable | None = None  # None before the first
        self._emptied_ns: deque[int] | None = None  # when messages came that were unpacked to no value; likewise
        self._inbox = Inbox(shared.inbox_budget) if opener is not None and opener.keeps else None

    # -- the transport's events --------------------------------------------------------------------------------------

    def on_open(self, connection: Connection) -> None:
        self.connection = connection
        recorder = self._shared.recorder
        if self.replacement is not None:
            self.replacement.opened_ns = self._shared.timers.now_ns()
            recorder.reconnects += 1
        self._ledger.connections.opened += 1
        recorder.open_connections.rise()
        self.owner.opened(self)

    def on_message(self, payload: Payload, received_ns: int) -> None:
        self._messages.received += 1
        self._bytes.received += len(payload) if payload.isascii() else payload_bytes(payload)
        message = Message(payload, received_ns)
        if self._handlers is not None and self._handlers.claims(message, self):
            return
        if self._in_flight is not None and self._answers_matching(self._in_flight, message):
            return
        if self._waits and self._is_watched_for(message):
            return
        if self._next:
            pending = self._next[0]  # the plain case of ``_answers_next``, and nearly every message
            if pending.fate is None and pending.until is None and 0 < pending.sent_ns <= received_ns:
                del self._next[0]
                pending.fate = "answered"
                pending.message = message
                pending.parker.wake()
                if self.recovery is not None:
                    self._recovered(received_ns)
                return
            if self._answers_next(message):
                return
        self._keep(message)

    def on_value(self, message: Message) -> None:
        """Give one of the values of a message that was unpacked, and counted, to the first that it is for.

        The order is that of ``on_message``, which has no call for it because it is the hot path.
        """
        if self._handlers is not None and self._handlers.claims(message, self):
            return
        if self._in_flight is not None and self._answers_matching(self._in_flight, message):
            return
        if self._waits and self._is_watched_for(message):
            return
        if not (self._next and self._answers_next(message)):
            self._keep(message)

    def on_pong(self, payload: bytes, sent_ns: int, received_ns: int) -> None:
        waiting = self._pings.pop(payload, None)
        if waiting is not None:
            parker, received = waiting
            received.append(received_ns)
            parker.wake()
        elif sent_ns:  # a keepalive of the transport's; an unsolicited pong has no sent_ns
            self._shared.recorder.duration("ping_time", "keepalive", sent_ns, received_ns - sent_ns)

    def on_end(self, end: End) -> None:
        if self.end is not None:
            return
        self.end = end
        self._count_end(end)
        if self.probing is not None:
            self.probing.leave(self._shared.timers.now_ns())
        self._begin_healing(end)
        trying, waiting = self._end_tries(), self.waiting
        self.wake_waiting()
        if not is_unasked(end):
            if is_failure(end) and not (trying or waiting):
                self.report_end("connection")
        elif not (self._close_waiters or self.owner.expects_close(self, end)):
            self.owner.lost(self, is_a_try=not trying, handled_by=trying | waiting)
        if self._handlers is not None:
            self._handlers.on_close(end, self)

    def _end_tries(self) -> frozenset[Parker]:
        """Settle all requests that wait for an answer, and return where their steps wait: each of these steps reports
        the end as its failure.
        """
        in_flight, self._in_flight = self._in_flight or (), None
        unanswered = [pending for pending in (*self._next, *in_flight) if pending.fate is None]
        self._next = NO_REQUESTS
        for pending in unanswered:
            self._settle(pending, "unanswered")
        for wait in self._waits:
            wait.parker.wake()
        for parker, _ in self._pings.values():
            parker.wake()
        watching = (wait.parker for wait in self._waits)
        pinging = (parker for parker, _ in self._pings.values())
        return frozenset((*(pending.parker for pending in unanswered), *watching, *pinging))

    def on_frame(self, direction: Literal["in", "out"], what: str, payload: bytes, at_ns: int) -> None:
        tracer = self._shared.tracer
        if tracer is not None:
            tracer.frame(self.owner, direction, what, payload, at_ns, self.name)

    def report_end(self, step: str) -> None:
        """Count an unwanted end as an error, once: under the first step that reports it."""
        if self.end is None:
            return
        if self.end_reported:
            self.owner.last_error = (end_kind(self.end), describe(self.end))
        else:
            self.end_reported = True
            self.owner.report(end_kind(self.end), step, describe(self.end))

    # -- for a trace --------------------------------------------------------------------------------------------

    @property
    def keeps(self) -> bool:
        """Return whether unclaimed messages are kept for a later ``wait_for``."""
        return self._inbox is not None

    def expected(self) -> Iterator[Pending | MessageWait]:
        """Return what waits for a message, in the order in which it is asked."""
        yield from self._in_flight or ()
        yield from (wait for wait in self._waits if not wait.is_done)
        yield from itertools.islice(self._next, 1)

    def messages_in(self, payload: Payload, received_ns: int) -> Iterator[Message]:
        """Return the messages that a frame holds: one."""
        yield Message(payload, received_ns)

    def candidates(self, message: Message) -> Iterator[Candidate]:
        """Return what may receive a message, in the order in which it is asked."""
        if self._handlers is not None:
            yield from self._handlers.candidates(self)
        yield from self._waiting_for(message)

    def _waiting_for(self, message: Message) -> Iterator[Candidate]:
        for pending in self.expected():
            if pending.candidate is not None and is_after(message, pending):
                yield pending.candidate

    # -- for the steps -------------------------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """Return whether it has opened and has not ended."""
        return self.connection is not None and self.end is None

    @property
    def is_going_on(self) -> bool:
        """Return whether it is open, is being opened, or is being replaced."""
        return self.end is None or self.healing is not None

    @property
    def may_heal(self) -> bool:
        """Return whether a policy replaces it when it is lost."""
        return self.opener is not None and self.opener.policy is not None

    def expect(self, pending: Pending) -> bool:
        """Let messages answer a request from now on. Call it before the request is sent, because the answer may be
        quick.

        Return False where too many requests wait already.
        """
        waiting = self._next
        if len(waiting) >= MOST_UNANSWERED:
            return False
        if pending.wanted is None:
            if waiting is NO_REQUESTS:
                waiting = self._next = []
            waiting.append(pending)
            return True
        if self._in_flight is None:
            self._in_flight = InFlight()
        self._in_flight.add(pending)
        return True

    def follow(self, before: Conversation) -> None:
        """Take over from the connection in whose place this one comes what lets the server go on where that one was."""

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the connection, if it has opened, by a close handshake; see ``Connection.close``."""
        if self.connection is not None:
            self.say_farewell()
            await self.connection.close(code, reason)

    def say_farewell(self) -> None:
        """Send what has to be sent before a close: here nothing."""

    def time_out(self, pending: Pending) -> None:
        """Fix the fate of a request at its deadline.

        One without ``where`` keeps its place, so that its late answer is not taken for the answer to the next request.
        """
        pending.fate = "timed_out"
        if pending.wanted is not None and self._in_flight is not None:
            self._in_flight.settle(pending, is_owed=True)

    def abandon(self, pending: Pending) -> None:
        """Forget a request that was not sent whole, or whose user was cut off."""
        if pending.fate is None:
            pending.fate = "unanswered"
            if pending.wanted is not None and self._in_flight is not None:
                self._in_flight.forget(pending)
        if pending in self._next:
            self._next.remove(pending)

    def begin_wait(self, wait: MessageWait) -> None:
        """Let a step wait for messages. Those of the inbox are tried first."""
        if self._inbox is not None:
            while not wait.is_done and (message := self._inbox.take(wait.predicate)) is not None:
                self._messages.values += wait.take(message)
        self._waits = (*self._waits, wait)

    def end_wait(self, wait: MessageWait) -> None:
        """Stop looking for a step's messages."""
        self._waits = tuple(each for each in self._waits if each is not wait)

    def wait_beside(self, parker: Parker, *, judges: bool = False) -> None:
        """Wake a strand when the connection ends, and again when the consequences of the end are known.

        ``judges``: the strand's step decides whether the end is a failure.
        """
        self._waiting |= {parker}
        self._close_waiters += judges

    def stop_waiting(self, parker: Parker, *, judges: bool = False) -> None:
        """Undo ``wait_beside``."""
        self._waiting = (self._waiting - {parker}) or NONE_WAITS
        self._close_waiters -= judges

    def wake_waiting(self) -> None:
        """Wake the strands that wait beside the connection."""
        for parker in self._waiting:
            parker.wake()

    @property
    def is_judged(self) -> bool:
        """Return whether a ``wait_for: {close: ..}`` waits for its end, or has examined it."""
        return bool(self._close_waiters) or self.end_reported

    @property
    def waiting(self) -> frozenset[Parker]:
        """Return where strands wait beside the connection; each of them deals with its end by itself."""
        return self._waiting

    async def wait_for_pong(self, payload: bytes, parker: Parker, deadline_ns: int) -> int | None:
        """Return when the pong was received, in ns; None where the deadline or the end of the connection came first."""
        received: list[int] = []
        self._pings = {**self._pings, payload: (parker, received)}
        try:
            while not received and self.end is None:
                if not await parker.wait(deadline_ns):
                    break
        finally:
            self._pings.pop(payload, None)
        return received[0] if received else None

    def clear_inbox(self) -> None:
        """Count the kept messages as unclaimed: the session is over."""
        if self._inbox is not None:
            self._unclaimed(self._inbox.clear())

    def _unclaimed(self, count: int) -> None:
        self._ledger.messages.unclaimed += count
        self._stray(count)

    def _late(self) -> None:
        self._ledger.messages.late += 1
        self._stray(1)

    def _stray(self, count: int) -> None:
        """Count messages that nothing claimed on a connection where requests without ``where`` use the next message as
        their answer: such a message may belong to another request.
        """
        beside = self.owner.plain_requests.get(self.name)
        if beside and count:
            for step in beside:
                self._shared.recorder.labelled("stray_messages", step, self._shared.timers.now_ns(), count)

    # -- what gets a message ------------------------------------------------------------------------------------------

    def _answers_matching(self, in_flight: InFlight[Pending], message: Message) -> bool:
        pending = in_flight.answered_by(message, is_after) if in_flight.waits else None
        if pending is None:
            return False
        last = message if pending.until is None else self._last_of(pending, message)
        if last is not None:
            in_flight.settle(pending, is_owed=False)
            pending.fate = "answered"  # one that waits has none yet
            pending.message = last
            pending.parker.wake()
            if self.recovery is not None:
                self._recovered(message.received_ns)
        return True

    def _answers_next(self, message: Message) -> bool:
        pending = self._next[0]
        if not is_after(message, pending):
            return False
        if self._last_of(pending, message) is not None:
            del self._next[0]
            if pending.fate == "timed_out":
                self._late()
            else:
                self._settle(pending, "answered", message)
        return True

    def _last_of(self, pending: Pending, message: Message) -> Message | None:
        """Return the last message of the answer, or value of one; None where a streamed answer goes on behind this one."""
        if not pending.first_ns:
            pending.first_ns = message.received_ns
        if pending.reads is None:
            return message if self._is_last(pending, message) else None
        for value in pending.reads(message):
            self._messages.values += 1
            if self._is_last(pending, value):
                return value
        return None

    def _is_last(self, pending: Pending, message: Message) -> bool:
        if pending.until is None or pending.until(message):
            return True
        if message.is_unreadable:
            self._note_unreadable(message)
        return False

    def _is_watched_for(self, message: Message) -> bool:
        for wait in self._waits:
            if wait.takes(message):
                if self.recovery is not None:
                    self._recovered(message.received_ns)
                self._messages.values += wait.take(message)
                if wait.is_done:
                    wait.parker.wake()
                return True
        return False

    def renewals(self) -> Sequence[Callable[..., Awaitable[None]]]:
        """Return what subscribes again on a connection that comes in its place: nothing without a protocol."""
        return ()

    def why_unseen(self, at_ns: int, *, reads_json: bool, with_kept: bool = False) -> str:
        """Return clauses on the messages that came since then, or were kept before, and that nothing could match.

        These were unpacked to no value or, for a step that ``reads_json``, are not JSON. The text is empty where none were.
        """
        emptied = unreadable.describe_emptied(sum(came_ns >= at_ns for came_ns in self._emptied_ns or ()))
        not_json = self._unreadable_since(at_ns, with_kept=with_kept) if reads_json else ""
        return "; ".join(filter(None, (emptied, not_json)))

    def note_emptied(self, received_ns: int) -> None:
        """Remember that a message was unpacked to no value."""
        if self._emptied_ns is None:
            self._emptied_ns = deque(maxlen=unreadable.REMEMBERED)
        self._emptied_ns.append(received_ns)

    def _unreadable_since(self, at_ns: int, *, with_kept: bool) -> str:
        kept = self._inbox if with_kept else None
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
        self._unclaimed(1 if self._inbox is None or self.end is not None else self._inbox.keep(message))

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
        if end.by != "us" and self.may_heal:
            self.owner.heal(self)

    def _count_end(self, end: End) -> None:
        connections = self._ledger.connections
        self._shared.recorder.open_connections.fall()
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


def is_after(message: Message, pending: Pending | MessageWait) -> bool:
    """Return whether a message was read after a request was sent. An earlier one cannot be its answer."""
    return 0 < pending.sent_ns <= message.received_ns
