"""``drop``, ``stall`` and ``read_slowly``: act like a faulty or slow client."""

from __future__ import annotations

from collections.abc import Callable

from loadws.engine.runtime.connection.conversation import Conversation
from loadws.engine.runtime.strand import StepFunction, Strand
from loadws.engine.steps.parts.context import StepContext
from loadws.engine.steps.parts.on_connection import fail_with_connection, lookup, missing, with_connection
from loadws.scenario.model.steps import DropStep, ReadSlowlyStep, StallStep, Step
from loadws.transport.base import Connection


def compile_drop(step: DropStep, context: StepContext) -> StepFunction:
    """Compile the step. To drop a connection that has already ended is no failure: the server was quicker."""
    find, now_ns = lookup(step.drop.on, context), context.now_ns

    async def drop(strand: Strand) -> None:
        conversation = find(strand)
        if conversation is None or conversation.connection is None:
            detail = missing(strand, step, "there is no connection to drop")
            strand.fail(step, "not_connected", detail, default="end_session")
            return
        if conversation.healing is not None:
            conversation.healing.cancel()
        conversation.connection.drop()
        strand.free_ns = now_ns()

    return drop


def compile_stall(step: StallStep, context: StepContext) -> StepFunction:
    """Compile the step, which reads nothing for a time."""
    limit = _ReadLimit(step, 0, step.stall.for_, context.now_ns)
    return with_connection(step, step.stall.on, context, "stall", limit.hold)


def compile_read_slowly(step: ReadSlowlyStep, context: StepContext) -> StepFunction:
    """Compile the step, which reads slowly for a time, or until the connection ends."""
    body = step.read_slowly
    if body.for_ is not None:
        limit = _ReadLimit(step, body.rate, body.for_, context.now_ns)
        return with_connection(step, body.on, context, "read_slowly", limit.hold)

    async def read_slowly(_strand: Strand, _conversation: Conversation, connection: Connection) -> None:
        connection.limit_reading(body.rate)

    return with_connection(step, body.on, context, "read_slowly", read_slowly)


class _ReadLimit:
    """A limit on reading, in bytes per second, for a time in ns."""

    def __init__(self, step: Step, bytes_per_s: int, for_ns: int, now_ns: Callable[[], int]) -> None:
        self._step = step
        self._bytes_per_s = bytes_per_s
        self._for_ns = for_ns
        self._now_ns = now_ns

    async def hold(self, strand: Strand, conversation: Conversation, connection: Connection) -> None:
        """Limit reading for the time. It ends at once for a user that has to leave."""
        _, due_ns = strand.due()
        connection.limit_reading(self._bytes_per_s)
        conversation.wait_beside(strand.parker)
        try:
            await strand.pause(due_ns + self._for_ns)
        finally:
            conversation.stop_waiting(strand.parker)
            connection.limit_reading(None)
        strand.free_ns = self._now_ns()
        if conversation.end is not None:
            fail_with_connection(strand, self._step, conversation)
