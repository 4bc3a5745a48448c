"""``drop``, ``stall`` and ``read_slowly``: a client that misbehaves, as clients do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadws.engine.runtime.shared import StepFunction
from loadws.engine.runtime.strand import Strand
from loadws.engine.steps.parts.on_connection import StepSkipped, fail_with_connection, line_to, opened
from loadws.scenario.model.steps import DropStep, ReadSlowlyStep, StallStep, Step
from loadws.transport.base import Connection

if TYPE_CHECKING:
    from loadws.engine.runtime.connection.conversation import Conversation
    from loadws.engine.steps.registry import Compiler


def compile_drop(step: DropStep, compiler: Compiler) -> StepFunction:
    line = line_to(step.drop.on, compiler)

    async def drop(strand: Strand) -> None:
        """Dropping what has ended already is no failure: the peer was quicker."""
        conversation = line(strand)
        if conversation is None or conversation.connection is None:
            strand.fail(step, "not_connected", "there is no connection to drop", default="end_session")
            return
        if conversation.healing is not None:
            conversation.healing.cancel()
        conversation.connection.drop()
        strand.free_ns = strand.user.run.timers.now_ns()

    return drop


def compile_stall(step: StallStep, compiler: Compiler) -> StepFunction:
    open_conversation = opened(step, step.stall.on, compiler, "stall")

    async def stall(strand: Strand) -> None:
        try:
            conversation, connection = open_conversation(strand)
        except StepSkipped:
            return
        await _limit_reading(strand, step, conversation, connection, (0, step.stall.for_))

    return stall


def compile_read_slowly(step: ReadSlowlyStep, compiler: Compiler) -> StepFunction:
    body = step.read_slowly
    open_conversation = opened(step, body.on, compiler, "read_slowly")

    async def read_slowly(strand: Strand) -> None:
        try:
            conversation, connection = open_conversation(strand)
        except StepSkipped:
            return
        if body.for_ is None:
            connection.limit_reading(body.rate)
        else:
            await _limit_reading(strand, step, conversation, connection, (body.rate, body.for_))

    return read_slowly


async def _limit_reading(
    strand: Strand, step: Step, conversation: Conversation, connection: Connection, limit: tuple[int, int]
) -> None:
    """``limit`` is (bytes a second, how long in ns). A user that is to leave reads on at once."""
    bytes_per_s, for_ns = limit
    _, due_ns = strand.due()
    connection.limit_reading(bytes_per_s)
    conversation.wait_beside(strand.parker)
    try:
        await strand.pause(due_ns + for_ns)
    finally:
        conversation.stop_waiting(strand.parker)
        connection.limit_reading(None)
    strand.free_ns = strand.user.run.timers.now_ns()
    if conversation.end is not None:
        fail_with_connection(strand, step, conversation)
