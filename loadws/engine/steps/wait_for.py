"""``wait_for`` and ``expect_none``: wait for messages and closes that no request asked for."""

from __future__ import annotations

from loadws.engine.runtime.connection.candidate import Candidate
from loadws.engine.runtime.connection.conversation import Conversation
from loadws.engine.runtime.connection.ends import describe, is_failure
from loadws.engine.runtime.connection.pending import MessageWait
from loadws.engine.runtime.reconnect import until_healed
from loadws.engine.runtime.strand import StepFunction, Strand
from loadws.engine.steps.parts.answer import Answer
from loadws.engine.steps.parts.context import StepContext
from loadws.engine.steps.parts.on_connection import (
    Lookup,
    fail_with_connection,
    fail_without_connection,
    lookup,
    with_connection,
)
from loadws.scenario.matching.matching import has_json_path
from loadws.scenario.model.steps import ExpectNoneStep, Step, WaitForStep
from loadws.scenario.template.values import show
from loadws.transport.base import Connection, End


def compile_wait_for(step: WaitForStep, context: StepContext) -> StepFunction:
    """Compile the step, which waits for messages or for a close."""
    return _wait_for_close(step, context) if step.wait_for.close is not None else _wait_for_messages(step, context)


def _wait_for_messages(step: WaitForStep, context: StepContext) -> StepFunction:
    body = step.wait_for
    where = context.where(body.where)
    answer = Answer("wait_for", step, context, body.check, body.capture)
    recorder, now_ns = context.recorder, context.now_ns
    find = lookup(body.on, context)

    async def wait_for(strand: Strand) -> None:
        conversation = find(strand)
        intended_ns, due_ns = strand.due()
        if conversation is None or conversation.connection is None:
            recorder.outcome("wait_for", step.label, intended_ns, failed=True)
            fail_without_connection(strand, step, conversation)
            return
        predicate = strand.evaluate(step, where.bind) if where is not None else None
        candidate = Candidate(f"wait_for {step.label}", where, strand.scope)
        wait = MessageWait(strand.parker, predicate, body.count, candidate)
        conversation = await _wait(strand, step, find, conversation, wait, due_ns + body.within)
        if not wait.is_done and conversation.end is None and strand.ends_waiting:
            strand.heed()  # the load is over, and so is what only waits
        strand.free_ns = now_ns()
        recorder.outcome("wait_for", step.label, intended_ns, failed=not wait.is_done)
        if not wait.is_done:
            recorder.missing("wait_time", step.label, intended_ns)
            if conversation.end is not None:
                fail_with_connection(strand, step, conversation)
            else:
                seen = f"{len(wait.found)} of {body.count} messages" if body.count > 1 else "no message that matches"
                unseen = conversation.why_unseen(due_ns, reads_json=has_json_path(body.where), with_kept=True)
                detail = "; ".join(filter(None, (f"{seen} within {body.within / 1e9:g} s", wait.why_unread(), unseen)))
                strand.fail(step, "timeout", detail)
            return
        recorder.duration("wait_time", step.label, intended_ns, max(0, wait.found[-1].received_ns - intended_ns))
        is_spoiled = False
        for message in wait.found if answer.is_looked_at else ():
            is_spoiled = answer.look_at(strand, message, intended_ns, is_spoiled=is_spoiled)

    return wait_for


async def _wait(
    strand: Strand, step: Step, find: Lookup, conversation: Conversation, wait: MessageWait, deadline_ns: int
) -> Conversation:
    """Wait until all messages have come, the deadline, or the end of a connection that is not replaced.

    Returns the connection on which the wait ended.
    """
    while True:
        await _wait_on_one(strand, conversation, wait, deadline_ns)
        if wait.is_done or conversation.end is None or conversation.healing is None:
            return conversation
        if is_failure(conversation.end, is_healed=True):
            conversation.report_end(step.label)
        await until_healed(strand, conversation, deadline_ns)
        strand.heed()
        after = find(strand)
        if after is None or after is conversation:
            return conversation
        conversation = after


async def _wait_on_one(strand: Strand, conversation: Conversation, wait: MessageWait, deadline_ns: int) -> None:
    """Wait for all messages of the wait, the deadline, or the end of the connection."""
    conversation.begin_wait(wait)
    try:
        while not wait.is_done and conversation.end is None and not strand.ends_waiting:
            if not await strand.wait(deadline_ns):
                break
    finally:
        conversation.end_wait(wait)


def _wait_for_close(step: WaitForStep, context: StepContext) -> StepFunction:
    body = step.wait_for
    recorder, now_ns = context.recorder, context.now_ns
    find = lookup(body.on, context)

    async def wait_for_close(strand: Strand) -> None:
        conversation = find(strand)
        intended_ns, due_ns = strand.due()
        if conversation is None or conversation.connection is None:
            recorder.outcome("wait_for", step.label, intended_ns, failed=True)
            fail_without_connection(strand, step, conversation)
            return
        strand.awaited_close = ()
        end = await strand.wait_for_end(conversation, due_ns + body.within, judges=True)
        if end is None and strand.ends_waiting:
            strand.heed()
        strand.free_ns = now_ns()
        is_right = end is not None and end.by == "peer" and body.close in ("any", end.code)
        recorder.outcome("wait_for", step.label, intended_ns, failed=not is_right)
        if is_right and end is not None:
            conversation.end_reported = True
            recorder.duration("wait_time", step.label, intended_ns, max(0, end.at_ns - intended_ns))
        else:
            recorder.missing("wait_time", step.label, intended_ns)
            conversation.end_reported = conversation.end_reported or end is not None
            strand.fail(step, "timeout" if end is None else "close", _unexpected(end, body.close, body.within))

    return wait_for_close


def _unexpected(end: End | None, expected: object, within_ns: int) -> str:
    if end is None:
        return f"the peer did not close the connection within {within_ns / 1e9:g} s"
    return f"{describe(end)}; expected was a close by the peer with {expected}"


def compile_expect_none(step: ExpectNoneStep, context: StepContext) -> StepFunction:
    """Compile the step, which fails if a message comes."""
    body = step.expect_none
    where = context.where(body.where)
    recorder, now_ns = context.recorder, context.now_ns
    find = lookup(body.on, context)

    async def expect_none(strand: Strand, conversation: Conversation, _connection: Connection) -> None:
        intended_ns, due_ns = strand.due()
        predicate = strand.evaluate(step, where.bind) if where is not None else None
        candidate = Candidate(f"expect_none {step.label}", where, strand.scope)
        wait = MessageWait(strand.parker, predicate, 1, candidate)
        conversation = await _wait(strand, step, find, conversation, wait, due_ns + body.for_)
        if not wait.is_done and conversation.end is None and strand.ends_waiting:
            strand.heed()
        strand.free_ns = now_ns()
        ended = conversation.end is not None
        recorder.outcome("wait_for", step.label, intended_ns, failed=wait.is_done or ended)
        if wait.is_done:
            message = wait.found[0]
            strand.user.secrets.look_at(message)
            strand.fail(step, "unexpected", f"a message came that should not: {show(message.payload)}")
        elif ended:
            fail_with_connection(strand, step, conversation)

    return with_connection(step, body.on, context, "wait_for", expect_none)
