"""``barrier``: users that wait for each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadws.engine.runtime.barriers import Barrier
from loadws.engine.runtime.shared import StepFunction
from loadws.engine.runtime.strand import Strand
from loadws.scenario.model.steps import BarrierStep

if TYPE_CHECKING:
    from loadws.engine.steps.registry import Compiler


def compile_barrier(step: BarrierStep, compiler: Compiler) -> StepFunction:
    body = step.barrier
    recorder = compiler.recorder

    async def meet(strand: Strand) -> None:
        """A user that is asked to leave waits for nobody; a barrier that is not reached in time fails the step."""
        barrier = strand.user.run.barriers.named(step.label, body.users)
        intended_ns, due_ns = strand.due()
        place = _Place(strand)
        gathered = await place.wait(barrier, due_ns + body.within)
        now_ns = strand.free_ns = strand.user.run.timers.now_ns()
        if place.is_released:
            recorder.outcome("barrier", step.label, intended_ns, failed=False)
            recorder.duration("wait_time", step.label, intended_ns, now_ns - intended_ns)
        elif not strand.is_to_go:
            recorder.outcome("barrier", step.label, intended_ns, failed=True)
            text = f"{gathered} of {barrier.needed} users came within {body.within / 1e9:g} s"
            strand.fail(step, "timeout", text)

    return meet


class _Place:
    """One strand's place at a barrier."""

    def __init__(self, strand: Strand) -> None:
        self._strand = strand
        self.is_released = False

    async def wait(self, barrier: Barrier, deadline_ns: int) -> int:
        """Until it is released, the deadline, or its user is to go. Returns how many were there with it at the end."""
        strand, timers = self._strand, self._strand.user.run.timers
        barrier.come(self._release)
        try:
            while not (self.is_released or strand.is_to_go or timers.now_ns() >= deadline_ns):
                await strand.pause(deadline_ns)
            return barrier.gathered
        finally:
            barrier.leave(self._release)

    def _release(self) -> None:
        self.is_released = True
        self._strand.parker.wake()
