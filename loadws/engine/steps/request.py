"""``send`` and ``request``: the hot path.

A request is expected before it is sent, since its answer may be quicker than the return of the write. It is counted as sent
when its last byte was taken, and its fate exactly once, however it ends: see ``_conclude``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pydantic import JsonValue

from loadws.engine.runtime.connection.conversation import MOST_UNANSWERED, Conversation, Pending, payload_bytes
from loadws.engine.runtime.explaining import Sought
from loadws.engine.runtime.shared import StepFunction
from loadws.engine.runtime.strand import Strand
from loadws.engine.steps.parts.on_connection import StepSkipped, fail_with_connection, fail_without_connection, opened
from loadws.engine.steps.parts.payload import CompiledPayload
from loadws.engine.users.handlers import message_value
from loadws.metrics.frame import STALL_NS
from loadws.metrics.recording.recorder import Recorder, StepMeter
from loadws.scenario.matching.matching import Captures, Conditions, compile_captures, compile_conditions, has_json_path
from loadws.scenario.matching.message import Message
from loadws.scenario.model.steps import RequestStep, SendStep, Step
from loadws.scenario.template.template import EvaluationError
from loadws.transport.base import NotOpen, Outgoing, Payload, Repeated

if TYPE_CHECKING:
    from loadws.engine.steps.registry import Compiler


# -- send -------------------------------------------------------------------------------------------------------------


def compile_send(step: SendStep, compiler: Compiler) -> StepFunction:
    open_conversation = opened(step, step.send.on, compiler, "send")
    payload = compiler.payload(step.send)
    fragments = step.send.fragments
    one_way = OneWay(compiler.recorder, step)

    async def send(strand: Strand) -> None:
        try:
            conversation, connection = open_conversation(strand)
        except StepSkipped:
            return
        due = strand.due()
        _, data = strand.evaluate(step, payload.make)
        out = Outgoing()
        try:
            await connection.send(data, out, fragments)
        except NotOpen:
            fail_without_connection(strand, step, conversation)
        finally:
            if one_way.count(out, due, data):
                strand.free_ns = out.written_ns

    async def send_soon(strand: Strand) -> None:
        try:
            _, connection = open_conversation(strand)
        except StepSkipped:
            return
        _, data = strand.evaluate(step, payload.make)
        out = SoonSent(one_way=one_way, due=strand.due(), data=data)
        try:
            connection.send_soon(data, out, fragments)
        except NotOpen as error:
            strand.fail(step, error.kind, error.detail)

    return send_soon if compiler.at_once else send


class OneWay:
    """Counts messages that want no answer, each when it is known whether its last byte was taken."""

    __slots__ = ("_ledger", "_meter")

    def __init__(self, recorder: Recorder, step: Step) -> None:
        self._ledger = recorder.ledger
        self._meter = recorder.step(step.label)

    def count(self, out: Outgoing, due: tuple[int, int], data: Payload) -> bool:
        """Whether it was written whole. One of which no byte was offered is nothing."""
        messages = self._ledger.messages
        if not out.written_ns:
            messages.unfinished_writes += bool(out.sent_ns)
            return False
        messages.sent += 1
        messages.one_way += 1
        self._ledger.bytes.sent += payload_bytes(data)
        self._meter.sent(*due, out.sent_ns, out.written_ns)
        return True


class SoonSent(Outgoing, kw_only=True, eq=False):
    """A handler's message. The transport says when it is known what became of it."""

    one_way: OneWay
    due: tuple[int, int]
    data: Payload

    def on_written(self) -> None:
        self.one_way.count(self, self.due, self.data)

    def on_unfinished(self) -> None:
        self.one_way.count(self, self.due, self.data)


# -- request ----------------------------------------------------------------------------------------------------------


def compile_request(step: RequestStep, compiler: Compiler) -> StepFunction:
    reply = step.request.reply
    open_conversation = opened(step, step.request.on, compiler, "request")
    payload = compiler.payload(step.request.send)
    fragments = step.request.send.fragments
    constant, size = payload.constant, payload.constant_bytes
    asked = _asker(step, payload, compiler)
    answer = Answer("request", step, compiler, reply.check, reply.capture)
    meter = compiler.recorder.step(step.label)
    messages, sizes = compiler.recorder.ledger.messages, compiler.recorder.ledger.bytes
    within_ns, is_streamed = reply.within, reply.until is not None
    is_plain = not reply.where and not reply.until and not compiler.uses_sent and compiler.tracer is None
    repeated = Repeated(constant) if is_plain and constant is not None else None
    is_looked_at = answer.is_looked_at
    if not reply.where:
        compiler.note_plain_request(step)

    async def request(strand: Strand) -> None:
        try:
            conversation, connection = open_conversation(strand)
        except StepSkipped:
            return
        intended_ns, due_ns = strand.due()
        data: Payload | Repeated
        if repeated is not None:
            data, length, pending = repeated, size, Pending(parker=strand.parker)
        else:
            data, length, pending = asked(strand)
        if not conversation.expect(pending):
            compiler.recorder.outcome("request", step.label, intended_ns, failed=True)
            text = f"{MOST_UNANSWERED:,} requests before this one had no answer, and each keeps its place"
            strand.fail(step, "backlog", text, default="end_session")
            return
        try:
            unwritten = connection.begin_send(data, pending, fragments)
            if unwritten is not None:
                await unwritten
            messages.sent += 1
            sizes.sent += length
            pending.counted = True
            deadline_ns = pending.sent_ns + within_ns
            while pending.fate is None:
                if not await strand.parker.wait(deadline_ns) and pending.fate is None:
                    conversation.time_out(pending)
        except NotOpen:
            pass  # the end of the connection is told below
        finally:
            message = pending.message
            if message is not None and pending.counted:  # nearly always
                messages.answered += 1
                written_ns = pending.written_ns or message.received_ns
                meter.answered(intended_ns, due_ns, pending.sent_ns, written_ns, message.received_ns)
            else:
                _conclude(conversation, pending, meter, compiler.recorder, (intended_ns, due_ns), length)
        if message is None:
            _fail_unanswered(strand, step, conversation, pending, due_ns, within_ns)
            return
        if pending.sent_ns - due_ns > STALL_NS:
            strand.note_stall(due_ns, pending.sent_ns)
        strand.free_ns = message.received_ns
        if is_streamed:
            _time_stream(compiler.recorder, step.label, intended_ns, pending.sent_ns - due_ns, pending)
        if is_looked_at:
            answer.look_at(strand, message, intended_ns)

    return request


def _asker(
    step: RequestStep, payload: CompiledPayload, compiler: Compiler
) -> Callable[[Strand], tuple[Payload, int, Pending]]:
    """What makes a request that is not the same each time: its payload, the size of that, and what it waits for."""
    reply, tracer = step.request.reply, compiler.tracer
    where = compile_conditions(reply.where) if reply.where else None
    until = compile_conditions(reply.until) if reply.until else None

    def asked(strand: Strand) -> tuple[Payload, int, Pending]:
        scope = strand.scope
        try:
            scope.extra["sent"], data = payload.make(scope)
            wanted = where.want(scope) if where is not None else None
            is_last = until.bind(scope) if until is not None else None
        except EvaluationError as error:
            strand.cannot_evaluate(step, error)
        pending = Pending(parker=strand.parker, wanted=wanted, until=is_last)
        if tracer is not None:
            pending.sought = Sought(f"request {step.label}", where, scope)
        return data, payload_bytes(data), pending

    return asked


def _time_stream(recorder: Recorder, step: str, intended_ns: int, lag_ns: int, pending: Pending) -> None:
    """Record the times of a streamed answer's first and last message from the intended time, with and without send lag."""
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
    """Counts what became of a request, however its step ended: by an answer, a deadline, an end, or a cancellation."""
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
        messages.sent += 1
        recorder.ledger.bytes.sent += size


def _fail_unanswered(
    strand: Strand, step: RequestStep, conversation: Conversation, pending: Pending, due_ns: int, within_ns: int
) -> None:
    strand.note_stall(due_ns, pending.sent_ns)
    strand.free_ns = strand.user.run.timers.now_ns()
    if pending.fate == "timed_out":
        unreadable = conversation.unreadable_since(pending.sent_ns) if _reads_json(step) else ""
        strand.fail(step, "timeout", f"no answer within {within_ns / 1e9:g} s" + (unreadable and f"; {unreadable}"))
    else:
        fail_with_connection(strand, step, conversation)


def _reads_json(step: RequestStep) -> bool:
    """Return whether a JSONPath chooses the answer, or its end."""
    return any(has_json_path(conditions) for conditions in (step.request.reply.where, step.request.reply.until))


# -- what must hold of an answer --------------------------------------------------------------------------------------


class Answer:
    """The ``check`` and ``capture`` of a step, and ``message`` for the steps after it.

    ``kind`` is that of the step's try, which fails once, by the first thing that fails.
    """

    __slots__ = (
        "_capture",
        "_captures_secrets",
        "_check",
        "_for_python",
        "_kind",
        "_recorder",
        "_step",
        "_uses_message",
        "is_looked_at",
    )

    def __init__(
        self,
        kind: str,
        step: Step,
        compiler: Compiler,
        check: dict[str, JsonValue] | None,
        capture: dict[str, JsonValue] | None,
    ) -> None:
        self._kind = kind
        self._step = step
        self._recorder = compiler.recorder
        self._check: Conditions | None = compile_conditions(check) if check else None
        self._capture: Captures | None = compile_captures(capture) if capture else None
        self._captures_secrets = compiler.has_secrets(capture or ())
        self._uses_message = compiler.uses_message
        self._for_python = compiler.for_python
        self.is_looked_at = bool(check or capture or compiler.uses_message or compiler.for_python)

    def look_at(self, strand: Strand, message: Message, intended_ns: int, *, is_spoiled: bool = False) -> bool:
        """Hold the conditions against a message. A failed check lets the flow go on; a capture that finds nothing raises
        ``EndTurn``, unless the step says otherwise.

        ``is_spoiled``: the try has failed already, by an earlier message of the same step; returns whether it has now.
        """
        if self._for_python:
            strand.scope.extra["answer"] = message
        if self._uses_message:
            strand.scope.extra["message"] = message_value(message)
        if self._check is not None and (why := self._why(strand, message)) is not None:
            self._spoil(intended_ns, is_spoiled)
            is_spoiled = True
            strand.user.secrets.look_at(message)
            strand.fail(self._step, "check", why, default="continue")
        if self._capture is not None:
            missing = self._capture.take(message, strand.scope.variables)
            if self._captures_secrets:
                strand.user.secrets.remember(strand.scope.variables)
            if missing is not None:
                self._spoil(intended_ns, is_spoiled)
                is_spoiled = True
                strand.fail(self._step, "capture", missing)
        return is_spoiled

    def _spoil(self, intended_ns: int, is_spoiled: bool) -> None:
        if not is_spoiled:
            self._recorder.spoiled(self._kind, self._step.label, intended_ns)

    def _why(self, strand: Strand, message: Message) -> str | None:
        assert self._check is not None
        try:
            return self._check.why(message, strand.scope)
        except EvaluationError as error:
            return str(error)
