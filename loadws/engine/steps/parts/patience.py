"""Steps that wait while their connection is being healed (``connection.reconnect``)."""

from __future__ import annotations

from loadws.engine.runtime.reconnect import PATIENCE_NS, until_healed
from loadws.engine.runtime.strand import StepFunction, Strand
from loadws.engine.steps.parts.context import StepContext
from loadws.engine.steps.parts.on_connection import lookup
from loadws.scenario.model.steps import (
    ExpectNoneStep,
    PingStep,
    PublishStep,
    ReadSlowlyStep,
    RequestStep,
    SendStep,
    StallStep,
    Step,
    WaitForStep,
)


def patience_of(step: Step) -> int | None:
    """Return for how long a step waits while its connection is being healed, in ns; None for one that does not."""
    match step:
        case RequestStep():
            return step.request.reply.within
        case WaitForStep():
            return step.wait_for.within if step.wait_for.close is None else None
        case PingStep():
            return step.ping.within
        case SendStep() | PublishStep() | ExpectNoneStep() | StallStep() | ReadSlowlyStep():
            return PATIENCE_NS
    return None


def with_patience(run: StepFunction, step: Step, context: StepContext) -> StepFunction:
    """Return the step, which waits while its connection is being healed; unchanged where no connection heals."""
    patience_ns = patience_of(step)
    if patience_ns is None or not context.heals or context.at_once:
        return run
    find, now_ns = lookup(getattr(step, step.verb).on, context), context.now_ns

    async def when_healed(strand: Strand) -> None:
        conversation = find(strand)
        if conversation is not None and (conversation.healing is not None or conversation.is_breaking):
            intended_ns, due_ns = strand.due()
            await until_healed(strand, conversation, due_ns + patience_ns)
            strand.intended_ns, strand.free_ns = intended_ns, now_ns()
            strand.heed()
        await run(strand)

    return when_healed
