"""``wait_for`` and ``expect_none``: messages, and ends, that nobody asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadws.engine.runtime.connection.conversation import Conversation, Watch
from loadws.engine.runtime.connection.ends import describe, is_failure
from loadws.engine.runtime.explaining import Sought
from loadws.engine.runtime.reconnect import until_healed
from loadws.engine.runtime.shared import StepFunction
from loadws.engine.runtime.strand import Strand
from loadws.engine.steps.parts.on_connection import (
    Line,
    StepSkipped,
    fail_with_connection,
    fail_without_connection,
    line_to,
    opened,
)
from loadws.engine.steps.request import Answer
from loadws.scenario.matching.matching import compile_conditions, has_json_path
from loadws.scenario.model.steps import ExpectNoneStep, Step, WaitForStep
from loadws.scenario.template.values import show
from loadws.transport.base import End

if TYPE_CHECKING:
    from loadws.engine.steps.registry import Compiler


def compile_wait_for(step: WaitForStep, compiler: Compiler) -> StepFunction:
    return _wait_for_close(step, compiler) if step.wait_for.close is not None else _wait_for_messages(step, compiler)


def _wait_for_messages(step: WaitForStep, compiler: Compiler) -> StepFunction:
    body = step.wait_for
    where = compile_conditions(body.where) if body.where else None
    answer = Answer("wait_for", step, compiler, body.check, body.capture)
    recorder = compiler.recorder
    line = line_to(body.on, compiler)

    async def wait_for(strand: Strand) -> None:
        conversation = line(strand)
        intended_ns, due_ns = strand.due()
        if conversation is None or conversation.connection is None:
            recorder.outcome("wait_for", step.label, intended_ns, failed=True)
            fail_without_connection(strand, step, conversation)
            return
        predicate = strand.evaluate(step, where.bind) if where is not None else None
        watch = Watch(strand.parker, predicate, body.count, Sought(f"wait_for {step.label}", where, strand.scope))
        conversation = await _watch(strand, step, line, conversation, watch, due_ns + body.within)
        if not watch.is_done and conversation.end is None and strand.ends_waiting:
            strand.heed()  # the load is over, and so is what only waits
        strand.free_ns = strand.user.run.timers.now_ns()
        recorder.outcome("wait_for", step.label, intended_ns, failed=not watch.is_done)
        if not watch.is_done:
            recorder.missing("wait_time", step.label, intended_ns)
            if conversation.end is not None:
                fail_with_connection(strand, step, conversation)
            else:
                seen = f"{len(watch.found)} of {body.count} messages" if body.count > 1 else "no message that matches"
                unreadable = conversation.unreadable_since(due_ns, with_kept=True) if has_json_path(body.where) else ""
                detail = f"{seen} within {body.within / 1e9:g} s" + (unreadable and f"; {unreadable}")
                strand.fail(step, "timeout", detail)
            return
        recorder.duration("wait_time", step.label, intended_ns, max(0, watch.found[-1].received_ns - intended_ns))
        is_spoiled = False
        for message in watch.found if answer.is_looked_at else ():
            is_spoiled = answer.look_at(strand, message, intended_ns, is_spoiled=is_spoiled)

    return wait_for


async def _watch(
    strand: Strand, step: Step, line: Line, conversation: Conversation, watch: Watch, deadline_ns: int
) -> Conversation:
    """Until the watch is done, the deadline, or an end of the connection that is not healed; on which one that was."""
    while True:
        await _watch_one(strand, conversation, watch, deadline_ns)
        if watch.is_done or conversation.end is None or conversation.healing is None:
            return conversation
        if is_failure(conversation.end, is_healed=True):
            conversation.report_end(step.label)
        await until_healed(strand, conversation, deadline_ns)
        strand.heed()
        after = line(strand)
        if after is None or after is conversation:
            return conversation
        conversation = after


async def _watch_one(strand: Strand, conversation: Conversation, watch: Watch, deadline_ns: int) -> None:
    """Until the watch is done, the deadline, or the end of the connection."""
    conversation.watch(watch)
    try:
        while not watch.is_done and conversation.end is None and not strand.ends_waiting:
            if not await strand.wait(deadline_ns):
                break
    finally:
        conversation.unwatch(watch)


def _wait_for_close(step: WaitForStep, compiler: Compiler) -> StepFunction:
    body = step.wait_for
    recorder = compiler.recorder
    line = line_to(body.on, compiler)

    async def wait_for_close(strand: Strand) -> None:
        conversation = line(strand)
        intended_ns, due_ns = strand.due()
        if conversation is None or conversation.connection is None:
            recorder.outcome("wait_for", step.label, intended_ns, failed=True)
            fail_without_connection(strand, step, conversation)
            return
        strand.awaited_close = ()
        end = await conversation.wait_for_end(strand, due_ns + body.within, judges=True)
        if end is None and strand.ends_waiting:
            strand.heed()
        strand.free_ns = strand.user.run.timers.now_ns()
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


def compile_expect_none(step: ExpectNoneStep, compiler: Compiler) -> StepFunction:
    body = step.expect_none
    where = compile_conditions(body.where) if body.where else None
    recorder = compiler.recorder
    line = line_to(body.on, compiler)
    open_conversation = opened(step, body.on, compiler, "wait_for")

    async def expect_none(strand: Strand) -> None:
        try:
            conversation, _ = open_conversation(strand)
        except StepSkipped:
            return
        intended_ns, due_ns = strand.due()
        predicate = strand.evaluate(step, where.bind) if where is not None else None
        watch = Watch(strand.parker, predicate, 1, Sought(f"expect_none {step.label}", where, strand.scope))
        conversation = await _watch(strand, step, line, conversation, watch, due_ns + body.for_)
        if not watch.is_done and conversation.end is None and strand.ends_waiting:
            strand.heed()
        strand.free_ns = strand.user.run.timers.now_ns()
        ended = conversation.end is not None
        recorder.outcome("wait_for", step.label, intended_ns, failed=watch.is_done or ended)
        if watch.is_done:
            message = watch.found[0]
            strand.user.secrets.look_at(message)
            strand.fail(step, "unexpected", f"a message came that should not: {show(message.payload)}")
        elif ended:
            fail_with_connection(strand, step, conversation)

    return expect_none
