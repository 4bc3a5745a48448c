"""``barrier``: make users wait for each other."""

from __future__ import annotations

from collections.abc import Callable

from loadws.engine.runtime.barriers import Barrier
from loadws.engine.runtime.strand import StepFunction, Strand
from loadws.engine.steps.parts.context import StepContext
from loadws.scenario.model.steps import BarrierStep


def compile_barrier(step: BarrierStep, context: StepContext) -> StepFunction:
    """Compile the step.

    A user that is asked to leave stops waiting. The step fails where too few users come in time.
    """
    body = step.barrier
    recorder, now_ns, barriers = context.recorder, context.now_ns, context.shared.barriers

    async def meet(strand: Strand) -> None:
        barrier = barriers.named(step.label, body.users)
        intended_ns, due_ns = strand.due()
        place = _Place(strand, now_ns)
        gathered = await place.wait(barrier, due_ns + body.within)
        strand.free_ns = now_ns()
        if place.is_released:
            recorder.outcome("barrier", step.label, intended_ns, failed=False)
            recorder.duration("wait_time", step.label, intended_ns, strand.free_ns - intended_ns)
        elif not strand.user.is_to_go:
            recorder.outcome("barrier", step.label, intended_ns, failed=True)
            text = f"{gathered} of {barrier.needed} users came within {body.within / 1e9:g} s"
            strand.fail(step, "timeout", text)

    return meet


class _Place:
    """The place of one strand at a barrier."""

    def __init__(self, strand: Strand, now_ns: Callable[[], int]) -> None:
        self._strand = strand
        self._now_ns = now_ns
        self.is_released = False

    async def wait(self, barrier: Barrier, deadline_ns: int) -> int:
        """Wait until the barrier opens, the deadline, or the user has to leave; return how many users were there then."""
        strand = self._strand
        barrier.come(self._release)
        try:
            while not (self.is_released or strand.user.is_to_go or self._now_ns() >= deadline_ns):
                await strand.pause(deadline_ns)
            return barrier.gathered
        finally:
            barrier.leave(self._release)

    def _release(self) -> None:
        self.is_released = True
        self._strand.parker.wake()
