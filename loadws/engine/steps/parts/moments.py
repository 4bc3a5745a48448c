"""Steps that begin or end a ``measure`` of the scenario."""

from __future__ import annotations

from loadws.engine.runtime.strand import StepFunction, Strand
from loadws.engine.steps.parts.context import StepContext
from loadws.scenario.model.steps import Step


def with_measures(run: StepFunction, step: Step, context: StepContext) -> StepFunction:
    """Return the step with the measurements that it begins and ends; unchanged where no ``measure`` names it."""
    begins = tuple(measure for measure in context.measures if measure.said.from_.step == step.label)
    is_end = any(measure.said.to.step == step.label for measure in context.measures)
    if not begins and not is_end:
        return run
    now_ns, label = context.now_ns, step.label

    async def measured(strand: Strand) -> None:
        measuring = strand.user.measuring
        assert measuring is not None, "a user type with measures has them measured"
        failures, since_ns = strand.failures, now_ns()
        begun = [measuring.begin(measure, since_ns, strand.scope) for measure in begins]
        try:
            await run(strand)
        finally:
            for each in begun:
                measuring.bind(each)
        if is_end and strand.failures == failures:
            measuring.step_ended(label, strand.free_ns)

    return measured
