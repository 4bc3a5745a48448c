"""``send`` and ``request``: the hot path.

A request is entered among those in flight before it is sent, because its answer may arrive before the write returns. It is
counted as sent when the kernel has accepted its last byte, and its outcome exactly once: see ``_conclude``.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from loadws.engine.runtime.connection.candidate import Candidate
from loadws.engine.runtime.connection.conversation import MOST_UNANSWERED, Conversation
from loadws.engine.runtime.connection.pending import Pending
from loadws.engine.runtime.strand import StepFunction, Strand
from loadws.engine.steps.parts.answer import Answer
from loadws.engine.steps.parts.context import StepContext
from loadws.engine.steps.parts.on_connection import (
    ConnectedStep,
    fail_with_connection,
    fail_without_connection,
    with_connection,
)
from loadws.engine.steps.parts.one_way import OneWay, SoonSent
from loadws.engine.steps.parts.payload import CompiledPayload
from loadws.metrics.frame import STALL_NS
from loadws.metrics.recording.recorder import Recorder, StepMeter
from loadws.scenario.matching.matching import compile_conditions, has_json_path
from loadws.scenario.matching.message import Message
from loadws.scenario.model.steps import RequestStep, SendStep, Step
from loadws.scenario.template.template import EvaluationError
from loadws.scenario.unpacking.where import Chosen, Reading
from loadws.transport.base import Connection, NotOpen, Outgoing, Payload, Repeated, payload_bytes

# -- send -------------------------------------------------------------------------------------------------------------


def compile_send(step: SendStep, context: StepContext) -> StepFunction:
    """Compile the step. In a handler that must not wait it queues its message."""
    payload = context.payload(step.send)
    fragments = step.send.fragments
    one_way = OneWay(context.recorder, step)
    is_measured = any(measure.said.from_.step == step.label for measure in context.measures)

    async def send(strand: Strand, conversation: Conversation, connection: Connection) -> None:
        due = strand.due()
        sent, data = strand.evaluate(step, payload.make)
        if is_measured:
            strand.scope.extra["sent"] = sent
        out = Outgoing()
        try:
            await strand.send(connection, data, out, fragments)
        except NotOpen:
            fail_without_connection(strand, step, conversation)
        finally:
            if one_way.count(out, due, data):
                strand.free_ns = out.written_ns

    async def send_soon(strand: Strand, _conversation: Conversation, connection: Connection) -> None:
        sent, data = strand.evaluate(step, payload.make)
        if is_measured:
            strand.scope.extra["sent"] = sent
        out = SoonSent(one_way=one_way, due=strand.due(), data=data)
        try:
            connection.send_soon(data, out, fragments)
        except NotOpen as error:
            strand.fail(step, error.kind, error.detail)

    return with_connection(step, step.send.on, context, "send", send_soon if context.at_once else send)


# -- request ----------------------------------------------------------------------------------------------------------


def compile_request(step: RequestStep, context: StepContext) -> StepFunction:
    """Compile the step."""
    reply = step.request.reply
    payload = context.payload(step.request.send)
    is_plain = not reply.where and not reply.until and not context.uses_sent and context.tracer is None
    if not reply.where:
        context.note_plain_request(step)
    exchange = Exchange(
        asked=_asker(step, payload, context),
        answer=Answer("request", step, context, reply.check, reply.capture),
        within_ns=reply.within,
        fragments=step.request.send.fragments,
        repeated=Repeated(payload.constant) if is_plain and payload.constant is not None else None,
        repeated_bytes=payload.constant_bytes,
        is_streamed=reply.until is not None,
        reads_json=any(has_json_path(conditions) for conditions in (reply.where, reply.until)),
    )
    return with_connection(step, step.request.on, context, "request", compile_exchange(step, context, exchange))


class Exchange(msgspec.Struct, frozen=True):
    """A message and its answer, as ``compile_exchange`` runs them.

    ``asked`` makes a message that differs each time: payload, size in bytes, and what waits for the answer. ``repeated`` is
    one that does not, with its size. ``is_streamed``: the answer has an ``until``. ``reads_json``: a JSONPath is among the
    conditions that choose the answer.
    """

    asked: Callable[[Strand], tuple[Payload, int, Pending]]
    answer: Answer
    within_ns: int
    fragments: int = 1
    repeated: Repeated | None = None
    repeated_bytes: int = 0
    is_streamed: bool = False
    reads_json: bool = False


def compile_exchange(step: Step, context: StepContext, exchange: Exchange) -> ConnectedStep:
    """Return the function that sends a message and waits for its answer."""
    asked, answer, fragments = exchange.asked, exchange.answer, exchange.fragments
    repeated, size = exchange.repeated, exchange.repeated_bytes
    within_ns, is_streamed = exchange.within_ns, exchange.is_streamed
    meter = context.recorder.step(step.label)
    messages = context.recorder.ledger.messages
    is_looked_at, now_ns = answer.is_looked_at, context.now_ns

    async def request(strand: Strand, conversation: Conversation, connection: Connection) -> None:
        intended_ns, due_ns = strand.due()
        data: Payload | Repeated
        if repeated is not None:
            data, length, pending = repeated, size, Pending(parker=strand.parker)
        else:
            data, length, pending = asked(strand)
        if not conversation.expect(pending):
            context.recorder.outcome("request", step.label, intended_ns, failed=True)
            text = f"{MOST_UNANSWERED:,} requests before this one had no answer, and each keeps its place"
            strand.fail(step, "backlog", text, default="end_session")
            return
        try:
            unwritten = connection.begin_send(data, pending, fragments)
            if unwritten is not None:
                async with strand.parker.in_task():
                    await unwritten
            meter.messages += 1
            meter.bytes += length
            pending.counted = True
            deadline_ns = pending.sent_ns + within_ns
            while pending.fate is None:
                if not await strand.parker.wait(deadline_ns) and pending.fate is None:
                    conversation.time_out(pending)
        except NotOpen:
            pass  # the end of the connection is reported below
        finally:
            message = pending.message
            if message is not None and pending.counted:  # nearly always
                messages.answered += 1
                written_ns = pending.written_ns or message.received_ns
                meter.answered(intended_ns, due_ns, pending.sent_ns, written_ns, message.received_ns)
            else:
                _conclude(conversation, pending, meter, context.recorder, (intended_ns, due_ns), length)
        if message is None:
            strand.note_stall(due_ns, pending.sent_ns)
            strand.free_ns = now_ns()
            _fail_unanswered(strand, step, conversation, pending, exchange)
            return
        if pending.sent_ns - due_ns > STALL_NS:
            strand.note_stall(due_ns, pending.sent_ns)
        strand.free_ns = message.received_ns
        if is_streamed:
            _time_stream(context.recorder, step.label, intended_ns, pending.sent_ns - due_ns, pending)
        if is_looked_at:
            answer.look_at(strand, message, intended_ns)

    return request


def _asker(
    step: RequestStep, payload: CompiledPayload, context: StepContext
) -> Callable[[Strand], tuple[Payload, int, Pending]]:
    """Return a function that makes a request that differs each time. The request is payload, size and conditions."""
    reply, tracer = step.request.reply, context.tracer
    where = context.where(reply.where)
    until = compile_conditions(reply.until) if reply.until else None
    unpacks = isinstance(where, Reading)

    def asked(strand: Strand) -> tuple[Payload, int, Pending]:
        scope = strand.scope
        try:
            scope.extra["sent"], data = payload.make(scope)
            wanted = where.want(scope) if where is not None else None
            is_last = until.bind(scope) if until is not None else None
        except EvaluationError as error:
            strand.cannot_evaluate(step, error)
        pending = Pending(parker=strand.parker, wanted=wanted, until=is_last)
        if unpacks and wanted is not None and isinstance(chosen := wanted.rest, Chosen):
            pending.reads = chosen.values
            pending.until = is_last or _any
        if tracer is not None:
            pending.candidate = Candidate(f"request {step.label}", where, scope)
        return data, len(data) if data.isascii() else payload_bytes(data), pending

    return asked


def _any(value: Message) -> bool:
    return True


def _time_stream(recorder: Recorder, step: str, intended_ns: int, lag_ns: int, pending: Pending) -> None:
    """Record the times to a streamed answer's first and last message from the intended time, with and without send lag."""
    assert pending.message is not None
    for which, received_ns in (("first", pending.first_ns), ("last", pending.message.received_ns)):
        recorder.duration(f"{which}_message_time", step, intended_ns, received_ns - intended_ns)
        recorder.duration(f"unlagged_{which}_message_time", step, intended_ns, received_ns - intended_ns - lag_ns)


def _conclude(
    conversation: Conversation,
    pending: Pending,
    meter: StepMeter,
    recorder: Recorder,
    due: tuple[int, int],
    size: int,
) -> None:
    """Count the outcome of a request, however its step ended: an answer, a deadline, an end, or a cancellation."""
    messages = recorder.ledger.messages
    message = pending.message
    if message is not None:
        written_ns = pending.written_ns or message.received_ns
        messages.answered += 1
        meter.answered(*due, pending.sent_ns, written_ns, message.received_ns)
    elif pending.written_ns:
        if pending.fate == "timed_out":
            messages.timed_out += 1
        else:
            conversation.abandon(pending)
            messages.unanswered += 1
        meter.silent(*due, pending.sent_ns, pending.written_ns)
    else:
        conversation.abandon(pending)
        messages.unfinished_writes += bool(pending.sent_ns)
        recorder.outcome("request", meter.step, due[0], failed=True)
        return
    if not pending.counted:  # written whole, but cancelled before the send returned
        meter.messages += 1
        meter.bytes += size


def _fail_unanswered(
    strand: Strand, step: Step, conversation: Conversation, pending: Pending, exchange: Exchange
) -> None:
    if pending.fate == "timed_out":
        chosen = None if pending.wanted is None else pending.wanted.rest
        unread = chosen.describe() if isinstance(chosen, Chosen) else ""
        unseen = conversation.why_unseen(pending.sent_ns, reads_json=exchange.reads_json)
        detail = "; ".join(filter(None, (f"no answer within {exchange.within_ns / 1e9:g} s", unread, unseen)))
        strand.fail(step, "timeout", detail)
    else:
        fail_with_connection(strand, step, conversation)
