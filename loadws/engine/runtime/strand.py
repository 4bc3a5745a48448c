"""A strand: one line of execution of a virtual user, such as its flow, an overlapping turn, a branch, or its handlers.

It has variables of its own (or shares its user's), a place to wait, and the two times that docs/measurement.md builds
on: the intended time of the next step, if a plan gave one, and the moment at which the user became free.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import trio

from loadws.engine.runtime.connection.conversation import Conversation
from loadws.engine.runtime.flow_control import EndSession, EndTurn, FlowInterrupted, Leave
from loadws.engine.runtime.parker import Parker
from loadws.engine.runtime.user_state import UserState
from loadws.metrics.frame import STALL_NS
from loadws.scenario.data.rows import DataError
from loadws.scenario.data.supply import Supply
from loadws.scenario.model.field_types import OnFailure
from loadws.scenario.model.steps import Step
from loadws.scenario.template.template import EvaluationError, Scope
from loadws.transport.base import Connection, End, Outgoing, Payload

StepFunction = Callable[["Strand"], Awaitable[None]]
Steps = tuple[StepFunction, ...]


async def run_flow(steps: Steps, strand: Strand) -> None:
    """Run steps one after another. A user that was asked to leave begins no further step.

    Raises ``FlowInterrupted`` where the flow ends before its last step.
    """
    for step in steps:
        strand.heed()
        await step(strand)


class _NoWait:
    """An awaitable that does not wait: the user is to go."""

    __slots__ = ()

    def __await__(self) -> Generator[None, None, bool]:
        return True
        yield  # a generator function


NO_WAIT = _NoWait()


class Strand:
    """One line of execution. ``intended_ns`` is 0 where the next step follows no schedule.

    ``event_of``: the connection whose event a handler's strand runs for. ``failures`` counts the failures of its steps.
    ``turns`` are the numbers of the turns that it is inside of, the innermost last. ``late_ns`` is how much earlier the
    user would have been free without stalls of the loop (each longer than ``STALL_NS``); it is 0 again as soon as a schedule
    is caught up with. ``lost_try``: a connection that is being replaced took a try of this turn with it. ``awaited_close``
    names the connections of which a ``wait_for: {close}`` is the next step that waits. ``outside`` is the scope of a step
    that waits for something else than the parker.
    """

    __slots__ = (
        "awaited_close",
        "event_of",
        "failures",
        "free_ns",
        "intended_ns",
        "interruption",
        "is_handler",
        "late_ns",
        "lost_try",
        "outside",
        "parker",
        "scope",
        "turns",
        "user",
    )

    def __init__(self, user: UserState, scope: Scope, free_ns: int) -> None:
        self.user = user
        self.scope = scope
        self.parker = Parker(user.shared.timers)
        self.free_ns = free_ns
        self.intended_ns = 0
        self.is_handler = False
        self.failures = 0
        self.event_of: Conversation | None = None
        self.turns: tuple[int, ...] = ()
        self.late_ns = 0
        self.lost_try = False
        self.awaited_close: tuple[str | None, ...] = ()
        self.interruption: FlowInterrupted | None = None
        self.outside: trio.CancelScope | None = None

    def let_go(self) -> None:
        """Forget the strand: its line of execution has ended."""
        self.parker.let_go()
        self.user.remove_strand(self)

    def due(self) -> tuple[int, int]:
        """Return (intended, due) of the step that begins now. A plan's intended time counts for the first step that
        asks for it.
        """
        free = self.free_ns
        intended = self.intended_ns
        if not intended:
            return free, free
        self.intended_ns = 0
        if intended >= free:
            self.late_ns = 0
            return intended, intended
        due = max(intended, free - self.late_ns)
        self.late_ns = free - due
        return intended, due

    def note_stall(self, due_ns: int, sent_ns: int) -> None:
        """Remember how much a stall of the loop delayed a step, so that the backlog behind it is not blamed on the
        server.

        Call it before ``free_ns`` changes.
        """
        own_ns = sent_ns - max(due_ns, self.free_ns)
        if own_ns > STALL_NS:
            self.late_ns += own_ns

    def pause(self, until_ns: int | None) -> Awaitable[bool]:
        """Return an awaitable, to be awaited at once: wait until the time, or until something wakes the strand.

        A user that is asked to leave is woken at once. The result is whether it was woken. Awaiting it raises
        ``FlowInterrupted`` where the flow is cut short meanwhile.
        """
        user = self.user
        if user.leaving or user.condemned:
            return NO_WAIT
        if self is user.main:  # nearly always: no coroutine and no entry in each of many users
            return self.parker.pause(until_ns)
        return self._pause_beside(until_ns)

    async def _pause_beside(self, until_ns: int | None) -> bool:
        """Wait like ``pause`` where the user does not find the strand by itself."""
        with self.user.ends_early(self.parker):
            return await self.parker.pause(until_ns)

    def wait(self, until_ns: int) -> Awaitable[bool]:
        """Return an awaitable like ``pause`` in a flow, which ends with the load; the steps of a handler go on waiting.

        The result is False where the time came.
        """
        return self.parker.wait(until_ns) if self.is_handler else self.pause(until_ns)

    async def breathe(self) -> None:
        """Let other tasks have their turn."""
        async with self.parker.in_task():
            await trio.lowlevel.checkpoint()

    async def send(self, connection: Connection, data: Payload, out: Outgoing, fragments: int) -> None:
        """Send; wait only where the kernel does not accept all of it. Raises ``NotOpen``."""
        unwritten = connection.begin_send(data, out, fragments)
        if unwritten is not None:
            async with self.parker.in_task():
                await unwritten

    async def wait_for_end(self, conversation: Conversation, deadline_ns: int, *, judges: bool = False) -> End | None:
        """Wait until a connection has ended, and return how; None at the deadline, or where the user is to go.

        ``judges``: the step decides whether the end is a failure.
        """
        conversation.wait_beside(self.parker, judges=judges)
        try:
            while conversation.end is None and not self.ends_waiting:
                if not await self.wait(deadline_ns):
                    break
        finally:
            conversation.stop_waiting(self.parker, judges=judges)
        return conversation.end

    def fork(self, intended_ns: int) -> Strand:
        """Return a strand for an overlapping turn: variables of its own, free from its intended time on."""
        strand = Strand(self.user, self.scope.fork(), intended_ns)
        self.user.add_strand(strand)
        strand.turns = self.turns
        strand.intended_ns = intended_ns
        strand.is_handler = self.is_handler
        strand.event_of = self.event_of
        return strand

    def branch(self) -> Strand:
        """Return one of several strands that go on from here: the same variables, ``sent`` and ``message`` of its own."""
        strand = self.fork(self.intended_ns)
        strand.scope.variables, strand.scope.stale_rows = self.scope.variables, self.scope.stale_rows
        strand.free_ns = self.free_ns
        return strand

    def beside(self) -> Strand:
        """Return a strand for handlers: the same variables, special names of its own."""
        strand = Strand(self.user, self.scope.fork(), self.free_ns)
        strand.scope.variables, strand.scope.stale_rows = self.scope.variables, self.scope.stale_rows
        strand.scope.extra = {}
        strand.is_handler = True
        return strand

    @property
    def ends_waiting(self) -> bool:
        """Return whether a step of the flow that only waits is to end: with the load, or with the session."""
        return not self.is_handler and self.user.is_to_go

    def begin_session(self) -> None:
        """Forget the state of the previous session."""
        self.turns = ()
        self.late_ns = 0
        self.lost_try = False
        self.awaited_close = ()
        self.interruption = None

    def begin_turn(self) -> None:
        """Let the next step that reads a data source of ``next: turn`` take its next row."""
        if self.scope.stale_rows is not None:
            self.scope.stale_rows.update(self.user.shared.supplies.by_turn)

    def take_row(self, supply: Supply, session: int = 0) -> None:
        """Take the next row of a data source for the templates of the steps to come.

        Raises:
            EndSession: The row cannot be read, or none is left; then the user leaves.
        """
        user, scope = self.user, self.scope
        try:
            row = supply.take(user.index, session, user.rows_taken)
        except DataError as error:
            user.report("data", supply.name, str(error))
            raise EndSession from None
        if row is None:
            user.report("data_exhausted", supply.name, supply.why_exhausted(user.index))
            user.ask_to_leave()
            raise EndSession
        scope.variables[supply.name] = row
        if scope.stale_rows is not None:
            scope.stale_rows.discard(supply.name)

    def cut_short(self, why: FlowInterrupted) -> None:
        """End the step that is under way, at once where it waits, else before the next one, by raising ``why``."""
        if self.outside is None and self.parker.interrupt(why):
            return
        self.interruption = why
        if self.outside is not None:
            self.outside.cancel()

    @contextmanager
    def waiting_outside(self) -> Iterator[None]:
        """Let ``cut_short`` end a step that waits for something else than the parker.

        Raises the ``FlowInterrupted`` that ended it.
        """
        before, self.outside = self.outside, trio.CancelScope()
        scope = self.outside
        try:
            with scope:
                yield
        finally:
            self.outside = before
        if scope.cancelled_caught and self.interruption is not None:
            why, self.interruption = self.interruption, None
            raise why

    def heed(self) -> None:
        """End the flow of a user that has to go. Its handlers continue: they answer what still arrives.

        Raises:
            FlowInterrupted: The interruption that was noted.
            EndSession: The user's session has failed.
            Leave: The user's load is over.
        """
        if self.is_handler:
            return
        if self.interruption is not None:
            why, self.interruption = self.interruption, None
            raise why
        if self.user.condemned:
            raise EndSession
        if self.user.leaving:
            raise Leave

    def fail(self, step: Step, kind: str, detail: str, default: OnFailure = "end_turn") -> None:
        """Count a failure once, and do what the step says, or the default for its kind.

        Returns where the flow goes on; otherwise raises ``EndTurn`` or ``EndSession``.
        """
        self.failures += 1
        self.user.report(kind, step.label, detail)
        self.obey(step.on_failure or default)

    def obey(self, policy: OnFailure) -> None:
        """Do as a step's ``on_failure`` says: go on, or end the turn or the session.

        Raises:
            EndTurn: The policy is ``end_turn``.
            EndSession: The policy is ``end_session``.
        """
        match policy:
            case "end_turn":
                raise EndTurn
            case "end_session":
                raise EndSession

    def evaluate(self, step: Step, template: Any) -> Any:
        """Return the value of a compiled template. Where there is none the step fails: raises ``EndTurn``."""
        try:
            return template(self.scope)
        except EvaluationError as error:
            self.cannot_evaluate(step, error)

    def cannot_evaluate(self, step: Step, error: EvaluationError) -> NoReturn:
        """Fail a step whose template has no value, and end the turn. What the step would have tried is a failed try.

        Where the step's ``on_failure`` is ``continue``, ``compile_step`` catches the end of the turn.

        Raises:
            EndTurn: Always.
        """
        for kind in sorted(step.measures.tries)[:1]:  # one that asks or only sends, as it turns out, asks
            self.user.shared.recorder.outcome(kind, step.label, self.free_ns, failed=True)
        self.fail(step, "template", str(error))
        raise EndTurn from None
