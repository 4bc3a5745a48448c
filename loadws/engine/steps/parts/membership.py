"""Steps that make a connection a receiver of a probe, or end that: ``deliver: {after: …, until: …}``."""

from __future__ import annotations

from loadws.engine.runtime.delivering import Delivering
from loadws.engine.runtime.strand import StepFunction, Strand
from loadws.engine.steps.parts.context import StepContext
from loadws.engine.steps.parts.on_connection import Lookup, lookup
from loadws.scenario.model.steps import OnConnection, Step


def with_membership(run: StepFunction, step: Step, context: StepContext) -> StepFunction:
    """Return the step with the joining after it and the leaving before it; unchanged where no ``deliver`` names it."""
    joins = [(each, _lookup(step, each, context)) for each in context.deliverings if each.after == step.label]
    leaves = [(each, _lookup(step, each, context)) for each in context.deliverings if each.until == step.label]
    if not joins and not leaves:
        return run

    async def joining_or_leaving(strand: Strand) -> None:
        for delivering, find in leaves:
            if (conversation := find(strand)) is not None:
                delivering.leave(conversation)
        failures = strand.failures
        await run(strand)
        if strand.failures != failures:
            return
        for delivering, find in joins:
            if (conversation := find(strand)) is not None:
                delivering.join(conversation, strand.scope)

    return joining_or_leaving


def _lookup(step: Step, delivering: Delivering, context: StepContext) -> Lookup:
    """Return the function that finds the step's connection, or that of the handler where the step uses none."""
    return lookup(step.connection if isinstance(step.body, OnConnection) else delivering.on, context)
