"""Steps that wait while their connection is being replaced (``connection.reconnect``)."""

from __future__ import annotations

from loadws.engine.runtime.reconnect import until_healed
from loadws.engine.runtime.strand import StepFunction, Strand
from loadws.engine.steps.parts.context import StepContext
from loadws.engine.steps.parts.on_connection import lookup
from loadws.scenario.model.steps import Step


def with_patience(run: StepFunction, step: Step, context: StepContext) -> StepFunction:
    """Return the step, which first waits while its connection is being replaced. It is unchanged where none reconnects."""
    patience_ns = step.patience_ns()
    if patience_ns is None or not context.heals or context.at_once:
        return run
    find, now_ns = lookup(step.connection, context), context.now_ns

    async def when_healed(strand: Strand) -> None:
        conversation = find(strand)
        if conversation is not None and (conversation.healing is not None or conversation.is_breaking):
            intended_ns, due_ns = strand.due()
            await until_healed(strand, conversation, due_ns + patience_ns)
            strand.intended_ns, strand.free_ns = intended_ns, now_ns()
            strand.heed()
        await run(strand)

    return when_healed
