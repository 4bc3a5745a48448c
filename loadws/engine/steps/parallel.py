"""``parallel``: run several branches at once, each in a strand of its own.

The branches share the user's variables, as handlers do: each sees what another sets, and of two values the later one stays.
``sent``, ``message`` and ``iteration`` are each branch's own.

A branch that fails ends, and the others go on; the step fails when all of them have ended. A branch that ends the session
ends the others after their current step, as it does overlapping turns.
"""

from __future__ import annotations

import trio

from loadws.engine.runtime.flow_control import EndSession, EndTurn, FlowInterrupted, Leave
from loadws.engine.runtime.strand import StepFunction, Steps, Strand, run_flow
from loadws.engine.steps.parts.context import StepContext
from loadws.scenario.model.steps import ParallelStep


def compile_parallel(step: ParallelStep, context: StepContext) -> StepFunction:
    """Compile the step and its branches."""
    flows = [context.flow(branch) for branch in step.parallel]

    async def parallel(strand: Strand) -> None:
        branches = _Branches(strand)
        async with trio.open_nursery() as nursery:
            for flow in flows:
                nursery.start_soon(branches.run, flow, strand.branch())
        branches.join()

    return parallel


class _Branches:
    """The branches of one step: the time at which the last became free, and the interruptions."""

    def __init__(self, strand: Strand) -> None:
        self._strand = strand
        self._free_ns = strand.free_ns
        self._interrupted: list[FlowInterrupted] = []

    async def run(self, flow: Steps, branch: Strand) -> None:
        try:
            await branch.parker.drive(run_flow(flow, branch))
        except EndSession as error:
            self._interrupted.append(error)
            self._strand.user.condemn()
        except FlowInterrupted as error:
            self._interrupted.append(error)
        finally:
            self._free_ns = max(self._free_ns, branch.free_ns)
            branch.let_go()

    def join(self) -> None:
        """Continue the strand at the moment its last branch ended, or raise the branches' farthest-reaching
        interruption.
        """
        strand = self._strand
        strand.intended_ns = 0
        strand.free_ns = self._free_ns
        strand.parker.waits += 1  # joining yields to the loop, whatever the branches did
        for worst in (EndSession, Leave, EndTurn):
            for error in self._interrupted:
                if isinstance(error, worst):
                    raise error
