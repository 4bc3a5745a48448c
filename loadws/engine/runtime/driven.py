"""Strands that are driven, not scheduled: what wakes a strand runs its next steps at once, in no task of trio's.

A step that waits for a message or for a time needs nothing of trio. Waking a task for it costs more than the step itself:
trio's queue, its random order, a context. So the coroutine of a strand yields a mark of its own when it waits for its
``Parker``, and its task (the host) sleeps meanwhile. When the reactor or the timers wake the parker, the coroutine goes on
at the end of their batch (``LoopTurns``), and the host sleeps on. A wake from anywhere else wakes the host, and the
coroutine goes on there.

A step that needs trio (a nursery, a cancel scope, a socket, a checkpoint) first moves to the host with ``Parker.in_task``,
where its waits are trio's own; the registry does that for every verb that does not say that it only parks. A coroutine that
waits for trio without having moved is a defect, and fails with ``OutsideItsTask``.

A cancellation of the host is raised where the coroutine waits. An end of the coroutine, whatever it is, ends the wait of
the host.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from typing import Any, Generic, Protocol, TypeVar

import outcome
import trio
from trio.lowlevel import current_task, reschedule, wait_task_rescheduled

from loadws.transport.clock.loop_hook import turns_of_loop

T = TypeVar("T")


class OutsideItsTask(Exception):
    """A defect: a driven coroutine waited for trio while it ran in no task."""

    def __init__(self) -> None:
        super().__init__("a step that waits for trio did not move to its task first (Parker.in_task)")


class Said(outcome.Outcome[bool]):
    """What a wait returns. trio takes an object that can be used once, and making it each time costs as much as a wake."""

    __slots__ = ("value",)
    value: bool

    def __init__(self, value: bool) -> None:
        object.__setattr__(self, "value", value)

    def unwrap(self) -> bool:
        return self.value

    def send(self, gen: Generator[Any, bool, object]) -> Any:
        return gen.send(self.value)

    async def asend(self, agen: AsyncGenerator[Any, bool]) -> Any:
        return await agen.asend(self.value)


#: How a wait ends: by a wake, or at its deadline.
WOKEN, TOO_LATE = Said(True), Said(False)


class Mark:
    """What a driven coroutine yields; awaiting it yields it."""

    __slots__ = ()

    def __await__(self) -> Generator[Mark, bool, bool]:
        return (yield self)


#: The coroutine waits for its parker; the result is that of the wait.
PARKED = Mark()
#: The coroutine wants to go on in its task. Awaiting it raises nothing.
TO_TASK = Mark()


class Rest(Generator[Mark, bool, bool]):
    """A pause, which is awaited in place of ``PARKED``: it keeps no state, so that one is enough for all.

    The generator of a mark takes 190 bytes as long as the wait lasts, and most of many users are in a pause. It is faster
    by a quarter of a microsecond, so a wait for a message has it.
    """

    __slots__ = ()

    def __await__(self) -> Rest:
        return self

    def __next__(self) -> Mark:
        return PARKED

    def send(self, value: bool) -> Mark:
        """End the pause with the result of the wait.

        Raises:
            StopIteration: It has the result.
        """
        raise StopIteration(value)

    def throw(self, error: Any, *_legacy: Any) -> Mark:
        """End the pause with an error, which is raised."""
        raise error


RESTING = Rest()


def _sleep(when_cancelled: Callable[[Any], trio.lowlevel.Abort]) -> Any:
    """Return what a task yields to sleep until it is rescheduled; trio then sends it the outcome.

    A host would otherwise keep trio's own coroutine for it, 500 bytes, as long as it sleeps: mostly all its life.
    """
    waiting = wait_task_rescheduled(when_cancelled)
    asked = waiting.send(None)
    waiting.close()
    return asked


class Place(Protocol):
    """Where a coroutine waits: a ``Parker``."""

    driver: Driver[Any] | None

    def forget(self) -> None:
        """Forget the wait, which a cancellation has ended."""


class Driver(Generic[T]):
    """A coroutine and the task that hosts it. Awaiting the driver runs the coroutine to its end.

    To end its wait, put it into ``turns.later`` during a batch, and call ``resume_host`` at any other time.
    """

    __slots__ = ("_coroutine", "_ended", "_host", "_is_moving", "_is_parked", "_place", "_send", "turns")

    def __init__(self, coroutine: Coroutine[Any, Any, T], place: Place) -> None:
        self._coroutine = coroutine
        self._send = coroutine.send
        self._place = place
        self._host = current_task()
        self._is_parked = False  # whether the host sleeps because the coroutine waits, and nothing has woken it yet
        self._is_moving = False  # whether the coroutine has left the loop and is to go on in the host
        self._ended: outcome.Outcome[T] | None = None
        self.turns = turns_of_loop()

    def __await__(self) -> Generator[Any, Any, T]:
        """Run the coroutine in the host, and let the host sleep whenever the coroutine waits for its parker."""
        before, self._place.driver = self._place.driver, self
        advance: Callable[[Any], Any] = self._send
        value: Any = None
        try:
            while self._ended is None:
                mark = advance(value)
                advance = self._send
                try:
                    if mark is PARKED:
                        self._is_parked = True
                        value = (yield _sleep(self._cancelled)).unwrap()
                    elif mark is not TO_TASK:
                        value = yield mark
                except BaseException as error:
                    if not self._is_moving:
                        advance, value = self._coroutine.throw, error
                    # else: trio raises a cancellation again, at the coroutine's next wait in its task
                self._is_moving = False
            return self._ended.unwrap()
        except StopIteration as end:
            result: T = end.value
            return result
        finally:
            self._place.driver = before
            self._coroutine.close()

    def resume_host(self, said: outcome.Outcome[Any]) -> None:
        """Wake the host with a value or an error; it may have been woken already, by a cancellation."""
        if self._is_parked:
            self._is_parked = False
            reschedule(self._host, said)

    def go_on(self, value: bool) -> None:
        """Run the coroutine, in no task, up to its next wait. Nothing is raised: what ends the coroutine ends the host."""
        try:
            mark = self._send(value)
            while mark is not PARKED:
                if mark is TO_TASK:
                    self._is_moving = True
                    self.resume_host(outcome.Value(None))
                    return
                mark = self._coroutine.throw(OutsideItsTask())
        except StopIteration as end:
            self._end(outcome.Value(end.value))
        except BaseException as error:
            self._end(outcome.Error(error))

    def _end(self, ended: outcome.Outcome[T]) -> None:
        self._ended = ended
        self.resume_host(outcome.Value(None))

    def _cancelled(self, _raise_cancel: object) -> trio.lowlevel.Abort:
        self._is_parked = False
        self._place.forget()
        return trio.lowlevel.Abort.SUCCEEDED
