"""``call_method``, ``notify``, ``publish_topic``, ``subscribe`` and their kin: what a protocol's file says, as steps.

A call is a request whose answer is known by the protocol's id. The errors in its file decide whether an answer is
the result, or a failure of the step.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from loadws.engine.runtime.connection.conversation import Conversation
from loadws.engine.runtime.protocol.dialect import Dialect
from loadws.engine.runtime.protocol.protocol_conversation import BatchCall, Call, CallCandidate, ProtocolConversation
from loadws.engine.runtime.protocol.subscriptions import Subscription
from loadws.engine.runtime.strand import StepFunction, Strand
from loadws.engine.steps.parts.answer import Answer
from loadws.engine.steps.parts.attachments import Attached, attaching
from loadws.engine.steps.parts.context import StepContext
from loadws.engine.steps.parts.on_connection import (
    ConnectedStep,
    fail_with_connection,
    fail_without_connection,
    with_connection,
)
from loadws.engine.steps.parts.one_way import OneWay, SoonSent
from loadws.engine.steps.request import Exchange, compile_exchange
from loadws.scenario.matching.index import Wanted
from loadws.scenario.matching.jsonpath import compile_path
from loadws.scenario.matching.matching import Conditions, compile_conditions
from loadws.scenario.matching.message import Enveloped, Message
from loadws.scenario.model.steps import (
    AnswerCallStep,
    Answered,
    CallMethodStep,
    CarryingStep,
    EmitStep,
    NotifyStep,
    ProtocolStep,
    SubscribeStep,
    UnsubscribeStep,
)
from loadws.scenario.protocol.protocol_file import Asking, Key, Sending
from loadws.scenario.protocol.protocol_rules import BatchRule, Make, ReplyRule, compile_sending
from loadws.scenario.template.template import EvaluationError, Scope
from loadws.scenario.template.values import show
from loadws.transport.base import Connection, NotOpen, Outgoing, Payload, payload_bytes

# -- what is sent -----------------------------------------------------------------------------------------------------


def _dialect(context: StepContext) -> Dialect:
    assert context.dialect is not None, "validate refuses verbs of a protocol without one"
    return context.dialect


def _sending(step: ProtocolStep, context: StepContext) -> Sending:
    sending = _dialect(context).file.verb(step.verb)
    assert sending is not None, "validate refuses verbs that the protocol lacks"
    return sending


def maker_of(step: ProtocolStep, context: StepContext) -> Callable[[Scope], tuple[Any, Payload]]:
    """Return the function that makes what a step sends: the value, and the frame that holds it."""
    sending, dialect = _sending(step, context), _dialect(context)
    given, tree = step.arguments(), sending.sent_by(step.says())
    make = compile_sending(tree, {**dialect.options, **sending.may, **given})
    framed, frames = dialect.framed, dialect.frames
    payload = context.payload(step.body.send) if isinstance(step, CarryingStep) else None

    def made(scope: Scope) -> tuple[Any, Payload]:
        if payload is not None:
            _, scope.extra["carried"] = payload.make(scope)
        value = make(scope)
        scope.extra["sent"] = value
        return value, framed(value) if frames is None else Attached.of(frames(value))

    return made


def _fragments(step: ProtocolStep) -> int:
    fragments: int = step.body.send.fragments if isinstance(step, CarryingStep) else 1
    return fragments


def _rule(sending: Sending, dialect: Dialect) -> ReplyRule | None:
    """Return how the answer to a verb is known; None where it has none."""
    if not isinstance(sending, Asking) or sending.reply is False:
        return None
    return dialect.replies if sending.reply is True else ReplyRule(sending.reply)


# -- one way ----------------------------------------------------------------------------------------------------------


def compile_notify(step: NotifyStep, context: StepContext) -> StepFunction:
    """Compile the step. In a handler that must not wait it queues its message."""
    return with_connection(step, step.body.on, context, "send", _one_way(step, context))


def compile_emit(step: EmitStep, context: StepContext) -> StepFunction:
    """Compile the step: one way, or a call that its acknowledgement answers."""
    ack = step.emit.ack
    if ack is None:
        return with_connection(step, step.emit.on, context, "send", _one_way(step, context))
    return with_connection(step, step.emit.on, context, "request", _call(step, context, ack))


def compile_carrying(step: CarryingStep, context: StepContext) -> StepFunction:
    """Compile ``publish_topic`` or ``send_to``: one way, or a call that the server's confirmation answers."""
    if not step.asks:
        return with_connection(step, step.body.on, context, "send", _one_way(step, context))
    answered = step.body.confirmed or Answered()
    return with_connection(step, step.body.on, context, "request", _call(step, context, answered))


def compile_answer_call(step: AnswerCallStep, context: StepContext) -> StepFunction:
    """Compile the step, which sends as ``notify`` does."""
    return with_connection(step, step.body.on, context, "send", _one_way(step, context))


def _one_way(step: ProtocolStep, context: StepContext, *, begins: bool = False) -> ConnectedStep:
    made, fragments = maker_of(step, context), _fragments(step)
    one_way = OneWay(context.recorder, step)

    async def send(strand: Strand, conversation: Conversation, connection: Connection) -> None:
        due = strand.due()
        value, data = strand.evaluate(step, made)
        out = Outgoing()
        if begins and isinstance(conversation, ProtocolConversation):
            conversation.begin_subscription(strand.scope.extra["subscription"], value, out)
        try:
            await strand.send(connection, data, out, fragments)
        except NotOpen:
            fail_without_connection(strand, step, conversation)
        finally:
            if one_way.count(out, due, data):
                strand.free_ns = out.written_ns

    async def send_soon(strand: Strand, _conversation: Conversation, connection: Connection) -> None:
        _, data = strand.evaluate(step, made)
        out = SoonSent(one_way=one_way, due=strand.due(), data=data)
        try:
            connection.send_soon(data, out, fragments)
        except NotOpen as error:
            strand.fail(step, error.kind, error.detail)

    return sent_whole(send_soon if context.at_once else send, context)


def sent_whole(run: ConnectedStep, context: StepContext) -> ConnectedStep:
    """Return a step that sends all frames of its message, where a message of the protocol may have several."""
    return run if _dialect(context).frames is None else attaching(run, context.recorder.ledger.messages)


# -- calls ------------------------------------------------------------------------------------------------------------


class ProtocolAnswer(Answer):
    """An answer by a protocol: an error of it fails the step, unless the step expects one."""

    __slots__ = ("_error", "_rule", "_step_")

    def __init__(self, step: ProtocolStep, context: StepContext, answered: Answered, rule: ReplyRule) -> None:
        super().__init__("request", step, context, answered.check, answered.capture)
        expected = getattr(answered, "error", None)
        self._rule = rule
        self._step_ = step
        self._error: Conditions | None = compile_conditions(expected) if expected else None
        self.is_looked_at = True

    def look_at(self, strand: Strand, message: Message, intended_ns: int, *, is_spoiled: bool = False) -> bool:
        """Look at the error that an answer is, or else apply ``check`` and ``capture`` to it."""
        failed = self._rule.failed(message.envelope) if isinstance(message, Enveloped) else None
        if failed is None and self._error is None:
            return super().look_at(strand, message, intended_ns, is_spoiled=is_spoiled)
        if failed is not None and isinstance(message, Enveloped):
            message.open(failed.said)
        if failed is not None and self._error is None:
            self._spoil(intended_ns, is_spoiled)
            strand.user.secrets.look_at(message)
            strand.fail(
                self._step_, failed.kind("protocol.error"), f"the server answered with an error: {show(failed.said)}"
            )
            return True
        assert self._error is not None
        why = "the answer is no error, and one is expected" if failed is None else self._why_not(strand, message)
        if why is None:
            return super().look_at(strand, message, intended_ns, is_spoiled=is_spoiled)
        self._spoil(intended_ns, is_spoiled)
        strand.user.secrets.look_at(message)
        strand.fail(self._step_, "check", why, default="continue")
        return True

    def _why_not(self, strand: Strand, message: Message) -> str | None:
        assert self._error is not None
        try:
            return self._error.why(message, strand.scope)
        except EvaluationError as error:
            return str(error)


def compile_call_method(step: CallMethodStep, context: StepContext) -> StepFunction:
    """Compile the step; where the protocol has one call at a time, it waits for its turn first."""
    reply = step.call_method.reply
    run = _call(step, context, reply) if step.call_method.batch is None else _batch(step, context, reply)
    if _dialect(context).one_call:
        run = _in_turn(step, run, step.call_method.reply.within, context)
    return with_connection(step, step.call_method.on, context, "request", run)


def _call(step: ProtocolStep, context: StepContext, answered: Answered, *, begins: bool = False) -> ConnectedStep:
    dialect, sending = _dialect(context), _sending(step, context)
    rule = _rule(sending, dialect)
    assert rule is not None, "a verb that is called has an answer"
    made, tracer = maker_of(step, context), context.tracer

    def asked(strand: Strand) -> tuple[Payload, int, Call]:
        try:
            sent, data = made(strand.scope)
            wanted = rule.wanted(sent)
        except EvaluationError as error:
            strand.cannot_evaluate(step, error)
        subscription = strand.scope.extra["subscription"] if begins else None
        call = Call(parker=strand.parker, wanted=wanted, rule=rule, sent=sent, subscription=subscription)
        if tracer is not None:
            call.candidate = CallCandidate(f"{step.verb} {step.label}", wanted, strand.scope)
        return data, payload_bytes(data), call

    answer = ProtocolAnswer(step, context, answered, rule)
    exchange = Exchange(asked, answer, answered.within, _fragments(step))
    return sent_whole(compile_exchange(step, context, exchange), context)


def _batch(step: CallMethodStep, context: StepContext, answered: Answered) -> ConnectedStep:
    """Return the function that sends several calls in one message, and waits for the answers to all of them."""
    dialect, sending = _dialect(context), _sending(step, context)
    rule, replies, framed = dialect.replies, dialect.file.replies, dialect.framed
    assert rule is not None and replies is not None, "validate refuses a batch where nothing says what a reply is"
    whole = BatchRule(replies)
    makes = [
        compile_sending(sending.send, {**dialect.options, **sending.may, **call})
        for call in step.call_method.batch or ()
    ]

    def asked(strand: Strand) -> tuple[Payload, int, Call]:
        try:
            sent = strand.scope.extra["sent"] = [make(strand.scope) for make in makes]
            places = {rule.key_sent(one): place for place, one in enumerate(sent)}
            data = framed(sent)
        except EvaluationError as error:
            strand.cannot_evaluate(step, error)
        wanted = Wanted(None, None, _never)
        call = BatchCall(parker=strand.parker, wanted=wanted, rule=whole, sent=sent, places=places, records={})
        return data, payload_bytes(data), call

    return compile_exchange(
        step, context, Exchange(asked, ProtocolAnswer(step, context, answered, whole), answered.within)
    )


def _never(message: Message) -> bool:
    """Return False: a batch is answered by the answers to its calls, and by no message of its own."""
    return False


def _in_turn(step: ProtocolStep, run: ConnectedStep, within_ns: int, context: StepContext) -> ConnectedStep:
    """Return the call, which waits until the call before it on the connection is over."""
    now_ns = context.now_ns

    async def in_turn(strand: Strand, conversation: Conversation, connection: Connection) -> None:
        assert isinstance(conversation, ProtocolConversation)
        intended_ns, due_ns = strand.due()
        if not await conversation.turns.take(strand.parker, due_ns + within_ns):
            context.recorder.outcome("request", step.label, intended_ns, failed=True)
            strand.free_ns = now_ns()
            if conversation.end is not None:
                fail_with_connection(strand, step, conversation)
            else:
                strand.fail(step, "timeout", f"the call before this one was not answered within {within_ns / 1e9:g} s")
            return
        strand.intended_ns, strand.free_ns = intended_ns, max(due_ns, now_ns())
        try:
            await run(strand, conversation, connection)
        finally:
            conversation.turns.give()

    return in_turn


# -- subscriptions ----------------------------------------------------------------------------------------------------


def compile_subscribe(step: SubscribeStep, context: StepContext) -> StepFunction:
    """Compile the step, which waits for the confirmation and, where it says so, for the first message."""
    body, sending = step.subscribe, _dialect(context).file.subscribe
    assert sending is not None
    find_sent, find_reply = _finders(sending.key)
    is_confirmed = sending.is_answered(step.says())
    kind = "request" if is_confirmed else "send"

    confirmed = body.confirmed or Answered()
    ask = _call(step, context, confirmed, begins=True) if is_confirmed else _one_way(step, context, begins=True)
    first = _first(step, context, body.first, is_try=not is_confirmed) if body.first is not None else None

    def begun(strand: Strand) -> Subscription:
        subscription = Subscription(step.subscription, find_sent, find_reply, renew)
        strand.scope.extra["subscription"] = subscription
        return subscription

    async def renew(strand: Strand, conversation: Conversation) -> None:
        """Subscribe once more, on the connection that has come in the place of the first."""
        if conversation.connection is not None:
            begun(strand)
            await ask(strand, conversation, conversation.connection)

    async def subscribe(strand: Strand, conversation: Conversation, connection: Connection) -> None:
        subscription = begun(strand)
        intended_ns, due_ns = strand.due()
        strand.intended_ns, strand.free_ns = intended_ns, due_ns
        if first is not None:
            subscription.awaited_by = strand.parker
        try:
            await ask(strand, conversation, connection)
            if first is not None and (subscription.is_active or subscription.first is not None):
                await first(strand, conversation, subscription, (intended_ns, due_ns))
        finally:
            subscription.awaited_by = None

    return with_connection(step, body.on, context, kind, subscribe)


def _finders(key: Key) -> tuple[Make | None, Make | None]:
    return (
        compile_path(key.sent) if key.sent is not None else None,
        compile_path(key.reply) if key.reply is not None else None,
    )


def _first(
    step: SubscribeStep, context: StepContext, answered: Answered, *, is_try: bool
) -> Callable[[Strand, Conversation, Subscription, tuple[int, int]], Awaitable[None]]:
    """Return the function that waits for the first message of a subscription, and times it from the intended time.

    ``is_try``: nothing confirms the subscription, so that this wait is what is tried; else it is a part of the request.
    """
    recorder, now_ns = context.recorder, context.now_ns
    kind = "wait_for" if is_try else "request"
    answer = Answer(kind, step, context, answered.check, answered.capture)

    async def first(
        strand: Strand, conversation: Conversation, subscription: Subscription, due: tuple[int, int]
    ) -> None:
        intended_ns, due_ns = due
        deadline_ns = max(intended_ns, strand.free_ns) + answered.within
        while subscription.first is None and subscription.is_active and conversation.end is None:
            if not await strand.parker.wait(deadline_ns):
                break
        message = subscription.first
        strand.free_ns = now_ns() if message is None else message.received_ns
        if is_try:
            recorder.outcome(kind, step.label, intended_ns, failed=message is None)
        elif message is None:
            recorder.spoiled(kind, step.label, intended_ns)
        if message is not None:
            took_ns = message.received_ns - intended_ns
            lag_ns = max(0, subscription.out.sent_ns - due_ns)
            recorder.duration("first_message_time", step.label, intended_ns, took_ns)
            recorder.duration("unlagged_first_message_time", step.label, intended_ns, took_ns - lag_ns)
            answer.look_at(strand, message, intended_ns)
            return
        recorder.missing("first_message_time", step.label, intended_ns)
        recorder.missing("unlagged_first_message_time", step.label, intended_ns)
        if conversation.end is not None:
            fail_with_connection(strand, step, conversation)
        elif (failed := subscription.failed) is not None:
            strand.fail(step, failed.kind("protocol.error"), f"the server ended the subscription: {show(failed.said)}")
        elif not subscription.is_active:
            strand.fail(step, "protocol.ended", "the server ended the subscription before its first message")
        else:
            strand.fail(step, "timeout", f"no message of the subscription within {answered.within / 1e9:g} s")

    return first


def compile_unsubscribe(step: UnsubscribeStep, context: StepContext) -> StepFunction:
    """Compile the step, which ends the oldest subscription of a name."""
    body = step.unsubscribe
    sending = _sending(step, context)
    is_confirmed = isinstance(sending, Asking) and sending.is_answered(step.says())
    kind = "request" if is_confirmed else "send"
    ask = _call(step, context, body.confirmed or Answered()) if is_confirmed else _one_way(step, context)

    async def unsubscribe(strand: Strand, conversation: Conversation, connection: Connection) -> None:
        assert isinstance(conversation, ProtocolConversation)
        subscription = conversation.subscriptions.oldest(body.subscription)
        if subscription is None:
            context.recorder.outcome(kind, step.label, strand.due()[0], failed=True)
            message = f"there is no subscription {body.subscription!r} on this connection"
            strand.fail(step, "protocol.not_subscribed", message)
            return
        strand.scope.extra["subscription"] = subscription
        await ask(strand, conversation, connection)
        conversation.subscriptions.end(subscription)

    return with_connection(step, body.on, context, kind, unsubscribe)
