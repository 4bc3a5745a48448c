"""``think``, ``every``, and the steps that contain steps: ``repeat``, ``while``, ``if``, ``pick``."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable
from itertools import accumulate, count

import trio

from loadws.engine.runtime.flow_control import EndSession, EndTurn, FlowInterrupted, Leave
from loadws.engine.runtime.shared import Shared
from loadws.engine.runtime.strand import StepFunction, Steps, Strand, run_flow
from loadws.engine.steps.parts.context import StepContext
from loadws.metrics.ledger import Turns
from loadws.metrics.recording.recorder import Recorder, Try
from loadws.scenario.model.steps import (
    EveryStep,
    Flow,
    IfStep,
    PickStep,
    RepeatStep,
    ThinkStep,
    WhileStep,
)
from loadws.scenario.template.template import compile_template
from loadws.scenario.template.values import show
from loadws.terms.chance import exponential, fraction

#: How many overlapping turns of one ``every`` may be under way: a server that stands still must not fill our memory.
OVERLAPPING_TURNS = 1000
#: Numbers of turns, so that the end of one is not taken for that of another.
_TURNS = count(1)


# -- think ------------------------------------------------------------------------------------------------------------


def compile_think(step: ThinkStep, context: StepContext) -> StepFunction:
    """Compile the step.

    A pause begins at the moment the user became free, and the next step is due at the pause's actual end.
    """
    now_ns = context.now_ns
    mean_ns = step.think.exponential
    least_ns, most_ns = step.think.least or 0, step.think.most or 0

    def span_ns(strand: Strand) -> int:
        if mean_ns is not None:
            return int(mean_ns * exponential(strand.scope.draw()))
        if least_ns == most_ns:
            return least_ns
        return least_ns + int((most_ns - least_ns) * fraction(strand.scope.draw()))

    async def think(strand: Strand) -> None:
        strand.intended_ns = 0
        await strand.pause(strand.free_ns + span_ns(strand))
        strand.free_ns = now_ns()

    return think


# -- every ------------------------------------------------------------------------------------------------------------


def compile_every(step: EveryStep, context: StepContext) -> StepFunction:
    """Compile the step and its turns."""
    flow = context.flow(step.do)
    recorder, shared = context.recorder, context.shared
    turns, tries = recorder.ledger.turns, _tries_of(step.do)
    run_schedule = _overlapping if step.overlap else _one_by_one

    async def every(strand: Strand) -> None:
        start_ns = strand.due()[1]
        schedule = _Schedule(step, start_ns, _offset_ns(step, strand), turns)
        try:
            await run_schedule(strand, schedule, flow, turns, context.now_ns)
        finally:
            schedule.close(_end_of_load(strand, shared), recorder, tries)

    return every


def _end_of_load(strand: Strand, shared: Shared) -> int:
    """Return until when a user's turns are due, in ns: until it was asked to leave, its load ended, or now."""
    ends = (strand.user.left_ns, shared.load_ended_ns)
    return min((end_ns for end_ns in ends if end_ns is not None), default=shared.timers.now_ns())


def _tries_of(flow: Flow) -> tuple[Try, ...]:
    """Return the tries that every turn of a schedule makes, in any case: those inside ``if`` and ``pick`` are left out."""
    tries: list[Try] = []
    for step in flow:
        if step.measures.counts_unrun:
            tries += ((kind, step.label) for kind in step.measures.tries)
        if step.inside == "together":
            tries += (each for _, branch in step.children() for each in _tries_of(branch))
    return tuple(tries)


def _offset_ns(step: EveryStep, strand: Strand) -> int:
    """Return the time from the start to the first turn, in ns.

    For a held user it is random within the interval, so that the users do not all send at once.
    """
    if step.align or not strand.user.is_held:
        return 0
    return int(step.every * fraction(strand.scope.draw()))


class _Schedule:
    """The intended times of one ``every``: start + offset + multiples, before start + for.

    Each is counted when it is due.
    """

    def __init__(self, step: EveryStep, start_ns: int, offset_ns: int, turns: Turns) -> None:
        self._interval_ns = step.every
        self._end_ns = None if step.for_ is None else start_ns + step.for_
        self._next_ns = start_ns + offset_ns
        self._turns = turns
        self.skips_late = step.late == "skip"

    def peek(self) -> int | None:
        """Return the next intended time in ns; None at the end."""
        if self._end_ns is not None and self._next_ns >= self._end_ns:
            return None
        return self._next_ns

    def take(self) -> int:
        """Count the next turn as due, and return its intended time in ns."""
        intended_ns = self._next_ns
        self._next_ns += self._interval_ns
        self._turns.due += 1
        return intended_ns

    def skip_late(self, now_ns: int) -> None:
        """Skip and count, with ``late: skip``, the turns whose time passed before the user was free."""
        while self.skips_late and (intended_ns := self.peek()) is not None and intended_ns < now_ns:
            self.take()
            self._turns.skipped += 1

    def close(self, end_ns: int, recorder: Recorder, tries: Iterable[Try]) -> None:
        """Count the turns that were due by ``end_ns`` and never began, because the turn before had not ended, as cut off.

        Those that were overdue by more than an interval are also failed tries without an answer: a server that stops
        answering must not end its own measurement. A turn that has just become due says nothing about the server.
        """
        last_ns = end_ns - 1 if self._end_ns is None else min(end_ns, self._end_ns) - 1
        due = (last_ns - self._next_ns) // self._interval_ns + 1
        if due > 0:
            overdue = max(0, (end_ns - 1 - self._next_ns) // self._interval_ns)
            recorder.turns_cut_off(self._next_ns, self._interval_ns, due)
            recorder.never_tried(tries, self._next_ns, self._interval_ns, min(due, overdue))
            self._next_ns += due * self._interval_ns


async def _one_by_one(
    strand: Strand, schedule: _Schedule, flow: Steps, turns: Turns, now_ns: Callable[[], int]
) -> None:
    """Begin each turn at its intended time or, if late, when the turn before ends. Its intended time stays the same."""
    while True:
        schedule.skip_late(now_ns())
        intended_ns = schedule.peek()
        if intended_ns is None:
            return
        waits = strand.parker.waits
        await _until(strand, intended_ns, now_ns)
        strand.intended_ns = schedule.take()
        await _turn(strand, flow, turns)
        strand.scope.iteration += 1
        if strand.parker.waits == waits:
            await strand.breathe()


async def _until(strand: Strand, intended_ns: int, now_ns: Callable[[], int]) -> None:
    """Wait for the time of a turn. A user that has to leave meanwhile leaves at once."""
    while now_ns() < intended_ns:
        strand.heed()
        await strand.pause(intended_ns)
    strand.heed()


async def _turn(strand: Strand, flow: Steps, turns: Turns) -> None:
    """Run one turn, which is counted as exactly one of done, failed and cut off.

    Raises:
        EndSession: The turn failed, and the session with it.
        Leave: The user has to leave.
        Cancelled: The load has ended.
    """
    number = next(_TURNS)
    lost_before, strand.lost_try = strand.lost_try, False
    strand.turns = (*strand.turns, number)
    strand.begin_turn()
    try:
        await run_flow(flow, strand)
    except EndTurn as error:
        turns.failed += 1
        _end_of_turn(strand, error, number)
    except EndSession:
        turns.failed += 1
        raise
    except (Leave, trio.Cancelled):
        turns.cut_off += 1
        raise
    else:
        if strand.lost_try:
            turns.failed += 1
        else:
            turns.done += 1
    finally:
        strand.turns = strand.turns[:-1]
        strand.lost_try = lost_before


def _end_of_turn(strand: Strand, error: EndTurn, number: int) -> None:
    """Continue after a turn that failed. Raises the error where it ends more than this turn."""
    if not error.ends(number):
        raise error
    strand.interruption = None


async def _overlapping(
    strand: Strand, schedule: _Schedule, flow: Steps, turns: Turns, now_ns: Callable[[], int]
) -> None:
    """Begin each turn at its intended time, in a task with variables of its own, without waiting for other turns."""
    ended: list[FlowInterrupted] = []
    under_way = _UnderWay(strand)

    async def turn(intended_ns: int) -> None:
        fork = strand.fork(intended_ns)
        try:
            await fork.parker.drive(_turn(fork, flow, turns))
        except EndSession as error:
            ended.append(error)
            strand.user.condemn()
        except EndTurn as error:  # of a turn around all of these
            ended.append(error)
        except Leave:
            pass
        finally:
            fork.let_go()
            under_way.one_ended()

    async with strand.parker.in_task(), trio.open_nursery() as nursery:
        interrupted: Exception | None = None
        try:
            for number in count(strand.scope.iteration):
                schedule.skip_late(now_ns())
                intended_ns = schedule.peek()
                if intended_ns is None:
                    break
                await _until(strand, intended_ns, now_ns)
                await under_way.room()
                strand.scope.iteration = number
                nursery.start_soon(turn, schedule.take())
                under_way.count += 1
        except FlowInterrupted as error:
            interrupted = error  # the turns under way finish their step first
    if ended:
        raise ended[0]
    if interrupted is not None:
        raise interrupted


class _UnderWay:
    """A count of overlapping turns, and a place to wait until another may begin."""

    def __init__(self, strand: Strand) -> None:
        self._strand = strand
        self.count = 0

    def one_ended(self) -> None:
        self.count -= 1
        if self._strand.parker.is_pausing and self.count == OVERLAPPING_TURNS - 1:
            self._strand.parker.wake()

    async def room(self) -> None:
        while self.count >= OVERLAPPING_TURNS:
            self._strand.heed()
            await self._strand.pause(None)


# -- steps that hold steps --------------------------------------------------------------------------------------------


def compile_repeat(step: RepeatStep, context: StepContext) -> StepFunction:
    """Compile the step and its flow."""
    flow = context.flow(step.do)
    times = step.repeat if isinstance(step.repeat, int) else compile_template(step.repeat)

    async def repeat(strand: Strand) -> None:
        """Run the flow a number of times. A turn that fails ends, and the next begins."""
        wanted = times if isinstance(times, int) else strand.evaluate(step, times)
        if not isinstance(wanted, int) or isinstance(wanted, bool):
            strand.fail(step, "template", f"repeat needs a whole number, and got {show(wanted)}")
            return
        for _ in range(wanted):
            waits = strand.parker.waits
            number = next(_TURNS)
            strand.turns = (*strand.turns, number)
            strand.begin_turn()
            try:
                await run_flow(flow, strand)
            except EndTurn as error:
                _end_of_turn(strand, error, number)
            finally:
                strand.turns = strand.turns[:-1]
            if strand.parker.waits == waits:
                await _breathe(strand)

    return repeat


def compile_while(step: WhileStep, context: StepContext) -> StepFunction:
    """Compile the step and its flow."""
    flow = context.flow(step.do)
    condition = compile_template(step.while_)

    async def loop(strand: Strand) -> None:
        while strand.evaluate(step, condition):
            waits = strand.parker.waits
            strand.begin_turn()
            await run_flow(flow, strand)
            if strand.parker.waits == waits:
                await _breathe(strand)

    return loop


async def _breathe(strand: Strand) -> None:
    """Let other tasks run, because a loop may never wait itself. The loop ends here if its user has to leave."""
    await strand.breathe()
    strand.heed()


def compile_if(step: IfStep, context: StepContext) -> StepFunction:
    """Compile the step and both its flows."""
    condition = compile_template(step.if_)
    then, otherwise = context.flow(step.then), context.flow(step.else_)

    async def choose(strand: Strand) -> None:
        await run_flow(then if strand.evaluate(step, condition) else otherwise, strand)

    return choose


def compile_pick(step: PickStep, context: StepContext) -> StepFunction:
    """Compile the step and its flows."""
    flows = [context.flow(choice.do) for choice in step.pick]
    bounds = list(accumulate(choice.weight for choice in step.pick))

    async def pick(strand: Strand) -> None:
        at = fraction(strand.scope.draw()) * bounds[-1]
        await run_flow(flows[min(bisect_right(bounds, at), len(flows) - 1)], strand)

    return pick
