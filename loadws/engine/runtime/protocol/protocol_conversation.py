"""A connection that speaks a protocol: what it does with each record before the record becomes a message of the scenario.

A record goes to the first of: a heartbeat; the opening, while the connection is not open yet; a request whose id it has; a
rule for messages that no request asked for. What is a message then goes the way of every connection's messages.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any

from loadws.engine.runtime.connection.candidate import Candidate
from loadws.engine.runtime.connection.conversation import Conversation, Opener, Owner, is_after
from loadws.engine.runtime.connection.pending import Pending
from loadws.engine.runtime.connection.replacement import Replacement
from loadws.engine.runtime.parker import Parker
from loadws.engine.runtime.protocol.dialect import Dialect
from loadws.engine.runtime.protocol.heartbeats import Heartbeats
from loadws.engine.runtime.protocol.subscriptions import Renew, Subscription, Subscriptions
from loadws.engine.runtime.protocol.turns import CallTurns
from loadws.engine.runtime.shared import Shared
from loadws.scenario.json_reader import NotJson
from loadws.scenario.matching.index import Wanted
from loadws.scenario.matching.jsonpath import MISSING
from loadws.scenario.matching.message import Enveloped, Message
from loadws.scenario.protocol.not_packets import Unreadable
from loadws.scenario.protocol.protocol_rules import Failed, PushRule, ReplyRule, resume_of
from loadws.scenario.template.scope import Scope
from loadws.scenario.template.values import EvaluationError, show
from loadws.scenario.unpacking.unpack import Unpack, UnpackError, unpacked
from loadws.transport.base import Connection, End, NotOpen, Outgoing, Payload, payload_bytes

#: Under which name errors count that no step met with.
NO_STEP = "connection"

#: How many calls of batches are remembered, so that a server that never answers does not fill the memory.
MOST_IN_BATCHES = 10_000


class CallCandidate(Candidate):
    """A call that may receive an answer, for a trace."""

    __slots__ = ("_wanted",)

    def __init__(self, name: str, wanted: Wanted, scope: Scope) -> None:
        super().__init__(name, None, scope)
        self._wanted = wanted

    def why_not(self, message: Message) -> str | None:
        """Return that a message is not the answer; None where it is."""
        return None if self._wanted.holds(message) else "the message does not answer it: another id, or none"


class Call(Pending, kw_only=True, eq=False):
    """A request by a protocol: how its answer is read, and the subscription that it begins."""

    rule: ReplyRule
    sent: Any = None
    subscription: Subscription | None = None


class BatchCall(Call, kw_only=True, eq=False):
    """Several calls in one message.

    ``places`` are the ids of the calls, each with its place in the order, ``records`` the answers so far by their places.
    """

    places: dict[Hashable, int]
    records: dict[int, Any]


class ProtocolConversation(Conversation):
    """The listener of a connection that speaks ``dialect``.

    ``upgraded_ns`` is when the WebSocket opened, ``opened_ns`` when the protocol said that it is open, ``refused`` what it
    said instead; 0 and None before. ``greeting`` is the message that said so, if there is one.
    ``opened_by`` is the strand that waits for this. ``resume`` is what lets the server go on where the connection was that
    this one replaces; None where there is nothing.
    """

    __slots__ = (
        *("_batches", "_beats", "_gone", "_has_left", "_records", "_scope", "_traced_records", "_unpack"),
        *("dialect", "greeting", "opened_by", "opened_ns", "refused", "resume", "subscriptions", "to_renew", "turns"),
        "upgraded_ns",
    )

    def __init__(
        self,
        owner: Owner,
        shared: Shared,
        name: str | None,
        *,
        dialect: Dialect,
        scope: Scope,
        opener: Opener | None = None,
        turn: int = 0,
        replacement: Replacement | None = None,
        unpack: Unpack | None = None,
    ) -> None:
        super().__init__(owner, shared, name, opener=opener, turn=turn, replacement=replacement)
        self.to_renew = list(replacement.renewals) if replacement is not None and dialect.subscribes_again else []
        self.dialect = dialect
        self._unpack = unpack
        self.subscriptions = Subscriptions(dialect.matches)
        self._records, self._traced_records = dialect.reader(), dialect.reader()
        self.upgraded_ns = self.opened_ns = 0
        self.refused: Failed | None = None
        self.greeting: Enveloped | None = None
        self.opened_by: Parker | None = None
        self.resume: Mapping[str, Any] | None = None
        self._batches: dict[Hashable, BatchCall] = {}  # by the ids of their calls that are not answered
        self._gone = ("", "")  # why the connection was given up: the kind of the end, and a sentence
        self._has_left = False  # what precedes a close was sent
        self._scope = scope
        self.turns = CallTurns()
        self._beats = Heartbeats(
            dialect.heartbeats, dialect.framed, shared.timers, shared.recorder, scope, self._fall_silent
        )

    def follow(self, before: Conversation) -> None:
        if isinstance(before, ProtocolConversation):
            self.resume = resume_of(before._records) or before.resume

    # -- the transport's events --------------------------------------------------------------------------------------

    def on_open(self, connection: Connection) -> None:
        self.upgraded_ns = self._shared.timers.now_ns()
        super().on_open(connection)

    def on_message(self, payload: Payload, received_ns: int) -> None:
        self._beats.heard_ns = received_ns
        try:
            for record, size in self._records(payload):
                self._on_record(record, size, received_ns)
        except Unreadable as error:
            self._give_up("malformed", str(error))
        except NotJson as error:
            self._count(payload_bytes(payload))
            self._unclaimed(1)
            self.owner.report("protocol.malformed", NO_STEP, f"{error}: {show(payload)}")

    def on_end(self, end: End) -> None:
        self._beats.stop()
        self.end_reported = self.refused is not None  # a server that says no may then close
        kind, reason = self._gone
        if kind:
            end = End("lost", end.at_ns, kind=kind, reason=reason)
        if self.owner.measuring is not None:
            self.owner.measuring.connection_ended(self.name, is_lost=end.by != "us")
        super().on_end(end)
        self.turns.end()
        if self.opened_by is not None:
            self.opened_by.wake()

    def _fall_silent(self, why: str) -> None:
        self._give_up("heartbeat_timeout", why)

    def _give_up(self, kind: str, why: str) -> None:
        if self.connection is not None and self.end is None:
            self._gone = (kind, why)
            self.connection.drop()

    def say_farewell(self) -> None:
        """Send what the protocol sends before a close."""
        make = self.dialect.farewell
        if make is not None and self.opened_ns and not self._has_left and self._sends_soon(make(self._scope)):
            self._has_left = True

    def _sends_soon(self, record: Any) -> bool:
        """Send what the protocol sends by itself, without waiting; return False where the connection has ended."""
        if self.connection is None:
            return False
        try:
            self.connection.send_soon(self.dialect.framed(record), Outgoing())
        except (NotOpen, EvaluationError):
            return False
        self._messages.control_sent += 1
        return True

    # -- records ------------------------------------------------------------------------------------------------------

    def _on_record(self, record: Any, size: int, received_ns: int) -> None:
        if self._beats.takes(record, received_ns, self.connection):
            return
        if not self.opened_ns and self._opens(record, received_ns):
            self._messages.control_received += 1
            return
        message = Enveloped(b"", received_ns, envelope=record)
        message.open(record)
        if self._batches and self._answers_batch(message, size):
            return
        if self._in_flight is not None and self._answers_matching(self._in_flight, message):
            self._count(size)
            return
        replies = self.dialect.replies
        again = self._in_flight.came_again(message) if self._in_flight is not None else None
        if again is not None and (replies is None or replies.is_reply(record)):
            self._count(size)
            self._stray_reply(again)
            return
        self._on_pushed(message, size)

    def _opens(self, record: Any, received_ns: int) -> bool:
        """Return whether a record ends the opening."""
        rules = self.dialect.opening
        if rules is None:
            return False
        if rules.confirmed is not None and rules.confirmed(record):
            self.opened_ns = received_ns
            self.greeting = Enveloped(b"", received_ns, envelope=record)
            self.greeting.open(rules.content(record))
        elif rules.refused is not None and rules.refused(record):
            self.refused = rules.why(record)
        else:
            return False
        if self.opened_by is not None:
            self.opened_by.wake()
        return True

    def _on_pushed(self, message: Enveloped, size: int) -> None:
        record = message.envelope
        rule = self._rule_for(record)
        if rule is None:
            self._count(size)
            self._give(message, None)
            return
        if rule.answer is not None:
            self._sends_soon(rule.answer(record))
        subscription = self.subscriptions.of(rule.key(record))
        failed = rule.failed(record)
        if subscription is not None and rule.ends and subscription.awaited_by is not None:
            subscription.failed = failed  # the step that waits for its first message reports it
        elif failed is not None:
            step = NO_STEP if subscription is None else subscription.name
            self.owner.report(failed.kind("protocol.server_error"), step, show(failed.said))
        if rule.ends:
            self._messages.control_received += 1
            if subscription is not None:
                self._end_subscription(subscription)
            return
        self._count(size)
        self._read(rule, message, subscription)

    def _rule_for(self, record: Any) -> PushRule | None:
        return next((rule for rule in self.dialect.pushed if rule.takes(record)), None)

    def _read(self, rule: PushRule, message: Enveloped, subscription: Subscription | None) -> None:
        rule.open(message)
        if subscription is not None:
            message.subscription = subscription.name
        for value in self._values(message):
            self._give(value, subscription)

    def _values(self, message: Enveloped) -> Sequence[Enveloped]:
        """Return the values that what a message carries is unpacked to: itself without ``unpack``."""
        if self._unpack is None:
            return (message,)
        try:
            values = unpacked(self._unpack, message)
        except UnpackError as error:
            self.owner.report(error.kind, "unpack", str(error))
            return ()
        self._messages.values += len(values)
        if not values:
            self.note_emptied(message.received_ns)
        return values

    def _give(self, message: Enveloped, subscription: Subscription | None) -> None:
        """Give a message to what waits for it, in the order of ``Conversation``."""
        self._measure(message)
        is_first = subscription is not None and self._is_first_of(subscription, message)
        if (self._handlers is not None and self._handlers.claims(message, self)) or is_first:
            return
        if self._waits and self._is_watched_for(message):
            return
        if self._next and self._answers_next(message):
            return
        self._keep(message)

    def _measure(self, message: Enveloped) -> None:
        """Let a message begin and end what ``measure`` of the scenario times."""
        if self.owner.measuring is not None:
            self.owner.measuring.on_value(message, self.name)

    def _is_first_of(self, subscription: Subscription, message: Enveloped) -> bool:
        waiting = subscription.awaited_by
        if waiting is None or subscription.first is not None:
            return False
        subscription.first = message
        waiting.wake()
        return True

    def _end_subscription(self, subscription: Subscription) -> None:
        self.subscriptions.end(subscription)
        if subscription.awaited_by is not None:
            subscription.awaited_by.wake()

    def _count(self, size: int) -> None:
        self._messages.received += 1
        self._bytes.received += size

    def _stray_reply(self, again: str) -> None:
        if again == "late":
            self._late()
        else:
            self._messages.duplicate += 1

    # -- for a trace --------------------------------------------------------------------------------------------------

    def messages_in(self, payload: Payload, received_ns: int) -> Iterator[Message]:
        """Return the messages that a frame holds, without what the protocol does by itself."""
        try:
            records = [record for record, _ in self._traced_records(payload)]
        except NotJson:
            return
        for record in records:
            if not self._beats.is_one(record) and self.opened_ns:
                message = Enveloped(b"", received_ns, envelope=record)
                message.open(record)
                rule = self._rule_for(record)
                if rule is not None and not self._is_answer(message):
                    rule.open(message)
                    subscription = self.subscriptions.of(rule.key(record))
                    message.subscription = MISSING if subscription is None else subscription.name
                    yield from self._traced_values(message)
                else:
                    yield message

    def _traced_values(self, message: Enveloped) -> Sequence[Message]:
        try:
            return (message,) if self._unpack is None else unpacked(self._unpack, message)
        except UnpackError:  # told where the message is read
            return ()

    def candidates(self, message: Message) -> Iterator[Candidate]:
        """Return what may receive a message: the calls whose ids are in flight come before handlers."""
        waiting = list(self._waiting_for(message))
        calls = [candidate for candidate in waiting if isinstance(candidate, CallCandidate)]
        yield from calls
        if self._handlers is not None:
            yield from self._handlers.candidates(self)
        yield from (candidate for candidate in waiting if candidate not in calls)

    def _is_answer(self, message: Message) -> bool:
        in_flight = self._in_flight
        return in_flight is not None and in_flight.waits > 0 and in_flight.answered_by(message, is_after) is not None

    # -- calls --------------------------------------------------------------------------------------------------------

    def expect(self, pending: Pending) -> bool:
        if isinstance(pending, Call):
            self.begin_subscription(pending.subscription, pending.sent, pending)
        if isinstance(pending, BatchCall):
            self._batches.update(dict.fromkeys(pending.places, pending))
            while len(self._batches) > MOST_IN_BATCHES:  # those of batches that were never answered
                del self._batches[next(iter(self._batches))]
        return super().expect(pending)

    def _answers_batch(self, message: Enveloped, size: int) -> bool:
        """Keep the answer to a call of a batch; the last one answers the batch, as one message."""
        replies = self.dialect.replies
        key = MISSING if replies is None else replies.key_of(message.envelope)
        batch = self._batches.pop(key, None)
        if batch is None:
            return False
        self._bytes.received += size
        self._messages.received += not batch.records
        batch.records[batch.places[key]] = message.envelope
        if len(batch.records) == len(batch.places):
            self._settle_batch(batch, message.received_ns)
        return True

    def _settle_batch(self, batch: BatchCall, received_ns: int) -> None:
        if batch.fate is not None:
            self._late()
            return
        answers = Enveloped(b"", received_ns, envelope=[batch.records[place] for place in sorted(batch.records)])
        batch.rule.open(answers)
        if self._in_flight is not None:
            self._in_flight.settle(batch, is_owed=False)
        self._settle(batch, "answered", answers)

    def begin_subscription(self, subscription: Subscription | None, sent: Any, out: Outgoing) -> None:
        """Let messages belong to a subscription whose key is in what is sent as ``out``; to be called before it is sent."""
        if subscription is None:
            return
        subscription.out = out
        if subscription.find_sent is not None:
            self.subscriptions.add(subscription, subscription.find_sent(sent))

    def _answers_matching(self, in_flight: Any, message: Message) -> bool:
        """Read an answer by the rule of the call that it answers, before the call gets it."""
        pending = in_flight.answered_by(message, is_after) if in_flight.waits else None
        if isinstance(pending, Call) and isinstance(message, Enveloped):
            pending.rule.open(message)
            self._measure(message)
            self._confirm(pending, message)
        return super()._answers_matching(in_flight, message)

    def _confirm(self, call: Call, message: Enveloped) -> None:
        """Let messages belong to the subscription that an answer confirms; the next may stand in the same frame."""
        subscription = call.subscription
        if subscription is None:
            return
        if call.rule.failed(message.envelope) is not None:
            self.subscriptions.end(subscription)
        elif subscription.find_reply is not None:
            self.subscriptions.add(subscription, subscription.find_reply(message.envelope))

    def renewals(self) -> Sequence[Renew]:
        """Return what subscribes again to its subscriptions, and to those of the connection before that it has not yet."""
        return [*self.subscriptions.renewals(), *self.to_renew]

    # -- for the steps ------------------------------------------------------------------------------------------------

    def begin_beating(self) -> None:
        """Send heartbeats from now on: the protocol is open."""
        if self.connection is not None and self.end is None:
            self._beats.begin(self.connection, None if self.greeting is None else self.greeting.envelope)
