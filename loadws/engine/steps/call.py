"""``call``: run a Python function of the scenario with its user.

Each call is counted as a try. It fails when a step inside it fails and the function does not catch that, and when it
crashes, which is an error of its own kind. ``call_time`` is the time of the calls that did not fail. A function that blocks
its process is reported by name, because every time that the process measures is then wrong.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Awaitable, Coroutine, Generator
from contextlib import suppress
from typing import Any, NamedTuple, NoReturn

import trio

from loadws.engine.runtime.flow_control import FlowInterrupted, Leave
from loadws.engine.runtime.strand import StepFunction, Strand
from loadws.engine.steps.parts.context import StepContext
from loadws.engine.steps.python_api import GIVEN_UP, StepFailed, StepMaker, User, UserLeaves
from loadws.metrics.summarising.generator import HELD_UP
from loadws.scenario.data.functions import find_function, place_of
from loadws.scenario.model.steps import CallStep
from loadws.scenario.template.template import compile_value
from loadws.terms.units import NS_PER_MS, format_duration

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

_OF_A_THREAD = hasattr(resource, "RUSAGE_THREAD")  # Linux alone has it

#: A function that runs for so long without waiting is reported. A user's turn needs a tenth of a millisecond.
BLOCKED_NS = 50 * NS_PER_MS


def compile_call(step: CallStep, context: StepContext) -> StepFunction:
    """Compile the step. Raises ``FunctionError`` where the function cannot be loaded."""
    function = find_function(context.base, step.call.function)
    args = {name: compile_value(value) for name, value in step.call.args.items()}
    maker = StepMaker(step, context.in_python())
    recorder, now_ns = context.recorder, context.now_ns

    async def call(strand: Strand) -> None:
        intended_ns, _ = strand.due()
        given = {name: strand.evaluate(step, value) for name, value in args.items()}
        user = User(strand, maker)
        failed: bool | None = True
        try:
            with strand.waiting_outside():
                await _Watched(function(user, **given), strand, step)
            failed = False
        except FlowInterrupted:  # the flow was cut short, which says nothing of the function
            failed = None
            raise
        except UserLeaves:
            failed = False
            _go(strand)
        except StepFailed as error:
            _failed_inside(error, strand, step)
        except BaseExceptionGroup as group:
            failed = _one_of(group, user, strand, step)
        except (Exception, SystemExit) as error:
            _crashed(error, user, strand, step)
        finally:
            user.remember_secrets()
            if failed is not None:
                recorder.outcome("call", step.label, intended_ns, failed=failed)
        strand.free_ns = now_ns()
        if not failed:
            recorder.duration("call_time", step.label, intended_ns, max(0, strand.free_ns - intended_ns))

    return call


def _go(strand: Strand) -> NoReturn:
    """End a call whose user has to leave: its load is over, or a handler has ended the session, which then failed.

    Raises:
        Leave: Nothing else has ended the flow.
    """
    strand.heed()
    raise Leave


def _one_of(group: BaseExceptionGroup[BaseException], user: User, strand: Strand, step: CallStep) -> bool:
    """Raise one exception of the group that a nursery of the function raised, or return whether the call has failed.

    A cancellation is raised first, then that the user leaves, then a crash or a failure.
    """
    if (cancelled := group.subgroup(trio.Cancelled)) is not None:
        raise cancelled
    if group.subgroup(UserLeaves) is not None:
        _go(strand)
    failures, others = group.split(StepFailed)
    if others is not None:
        _crashed(_first(others), user, strand, step)
        return True
    assert failures is not None
    first = _first(failures)
    assert isinstance(first, StepFailed)
    _failed_inside(first, strand, step)
    return True


def _failed_inside(error: StepFailed, strand: Strand, step: CallStep) -> None:
    """Follow the call's ``on_failure`` after a failure of a step inside it, which has been counted; without one, end what
    that step ends.

    Raises ``FlowInterrupted``, unless the call's ``on_failure`` lets the flow go on.
    """
    if step.on_failure is None:
        raise error.ended from None
    strand.obey(step.on_failure)


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _crashed(error: BaseException, user: User, strand: Strand, step: CallStep) -> None:
    where = place_of(error)
    user.remember_secrets()
    said = f"{type(error).__name__}: {error}"
    strand.fail(step, "call.crashed", f"{said} ({where})" if where else said)


class _Moment(NamedTuple):
    """The moment a function continued: the time, the thread's processor time, and how often the thread had waited."""

    wall_ns: int
    cpu_ns: int
    waits: int

    @classmethod
    def now(cls) -> _Moment:
        return cls(time.perf_counter_ns(), time.thread_time_ns(), _voluntary_waits())

    def held_up_ns(self) -> int:
        """Return for how long the function has blocked its process since, in ns.

        Time in which another program had the core does not count: the thread then neither ran nor waited.
        """
        took_ns = time.perf_counter_ns() - self.wall_ns
        if took_ns <= BLOCKED_NS or _voluntary_waits() > self.waits:
            return took_ns
        return time.thread_time_ns() - self.cpu_ns


def _voluntary_waits() -> int:
    """Return how often this thread gave up its core to wait for something; 0 where the system does not say."""
    return resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw if resource is not None and _OF_A_THREAD else 0


class _Watched(Awaitable[object]):
    """A coroutine that is driven unchanged and observed: how long does it run between two waits?"""

    def __init__(self, coroutine: Coroutine[Any, Any, object], strand: Strand, step: CallStep) -> None:
        self._coroutine = coroutine
        self._strand = strand
        self._step = step

    def __await__(self) -> Generator[Any, Any, object]:
        coroutine, value, error = self._coroutine, None, None
        while True:
            began = _Moment.now()
            try:
                waits_for = coroutine.send(value) if error is None else coroutine.throw(error)
            except StopIteration as done:
                return done.value
            finally:
                took_ns = began.held_up_ns()
                if took_ns > BLOCKED_NS:
                    self._tell(took_ns)
            if waits_for is GIVEN_UP:
                del coroutine
                self._give_up()
            value = error = None
            try:
                value = yield waits_for
            except BaseException as thrown:
                error = thrown

    def _give_up(self) -> NoReturn:
        """Stop driving a function that catches every exception, and keep it from running again.

        It would also catch that it is closed, now and when it is freed, and Python would print that during the run.

        Raises:
            UserLeaves: Always.
        """
        hook, sys.unraisablehook = sys.unraisablehook, lambda _: None
        try:
            with suppress(RuntimeError):
                self._coroutine.close()
            del self._coroutine
        finally:
            sys.unraisablehook = hook
        detail = f"{self._step.call.function} catches even that its user leaves"
        self._strand.user.report("call.given_up", self._step.label, detail)
        raise UserLeaves

    def _tell(self, took_ns: int) -> None:
        detail = f"{self._step.call.function} held up its process for {format_duration(took_ns)}"
        self._strand.user.report(HELD_UP, self._step.label, detail)
