"""A strand is one line of execution of a virtual user: its flow, an overlapping turn, or its handlers.

It has variables of its own (or shares its user's), a place to wait, and the two moments that measurement.md builds on: the
intended time of the next step, if a plan gave one, and the moment the user became free.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from loadws.engine.waiting import Parker
from loadws.scenario.template import EvaluationError, Scope

if TYPE_CHECKING:
    from loadws.engine.conversation import Conversation
    from loadws.engine.run import Steps
    from loadws.engine.user import VirtualUser
    from loadws.scenario.fields import OnFailure
    from loadws.scenario.steps import Step


class FlowInterrupted(Exception):
    """What a step raises to end more than itself. Never leaves the user it belongs to."""


class EndTurn(FlowInterrupted):
    """The innermost turn of ``every`` or ``repeat`` failed; without one, the session did."""


class EndSession(FlowInterrupted):
    """The session failed."""


class Leave(FlowInterrupted):
    """The user was asked to leave and has finished its step."""


async def run_flow(steps: Steps, strand: Strand) -> None:
    """The steps one after another; a user that was asked to leave begins no further one."""
    for step in steps:
        strand.heed()
        await step(strand)


class Strand:
    """One line of execution. ``intended_ns`` is 0 where the next step follows no schedule.

    ``event_of`` is, of a handler's strand, the connection that the event is of. ``failures`` counts what its steps failed.
    """

    __slots__ = ("event_of", "failures", "free_ns", "intended_ns", "is_handler", "parker", "scope", "user")

    def __init__(self, user: VirtualUser, scope: Scope, free_ns: int) -> None:
        self.user = user
        self.scope = scope
        self.parker = Parker(user.run.timers)
        self.free_ns = free_ns
        self.intended_ns = 0
        self.is_handler = False
        self.failures = 0
        self.event_of: Conversation | None = None

    def due(self) -> tuple[int, int]:
        """(intended, due) of the step that begins now. A plan's intended time serves the first step that asks."""
        free = self.free_ns
        intended = self.intended_ns or free
        self.intended_ns = 0
        return intended, intended if intended > free else free

    async def pause(self, until_ns: int | None) -> None:
        """Waits without doing anything; a user that is asked to leave is not held up by it."""
        user = self.user
        if user.leaving or user.condemned:
            return
        user.pausing.add(self)
        try:
            await self.parker.wait(until_ns)
        finally:
            user.pausing.discard(self)

    def fork(self, intended_ns: int) -> Strand:
        """An overlapping turn: variables of its own, free from its intended time on."""
        strand = Strand(self.user, self.scope.fork(), intended_ns)
        strand.intended_ns = intended_ns
        strand.is_handler = self.is_handler
        strand.event_of = self.event_of
        return strand

    def branch(self) -> Strand:
        """One of several that go on from here side by side: the same variables, ``sent`` and ``message`` of its own."""
        strand = self.fork(self.intended_ns)
        strand.scope.variables = self.scope.variables
        strand.free_ns = self.free_ns
        return strand

    def beside(self) -> Strand:
        """A strand for handlers: the same variables, special names of its own."""
        strand = Strand(self.user, self.scope.fork(), self.free_ns)
        strand.scope.variables = self.scope.variables
        strand.scope.extra = {}
        strand.is_handler = True
        return strand

    @property
    def is_to_go(self) -> bool:
        """Its user was asked to leave, or a handler ended the session: whatever waits may end."""
        return self.user.leaving or self.user.condemned

    def heed(self) -> None:
        """Ends the flow of a user that is to go. Its handlers go on: they answer what still comes."""
        if self.is_handler:
            return
        if self.user.condemned:
            raise EndSession
        if self.user.leaving:
            raise Leave

    def fail(self, step: Step, kind: str, detail: str, default: OnFailure = "end_turn") -> None:
        """Counts a failure once and does what the step says, or the default for its kind; returns to let the flow go on."""
        self.failures += 1
        self.user.report(kind, step.label, detail)
        self.obey(step.on_failure or default)

    def obey(self, policy: OnFailure) -> None:
        match policy:
            case "end_turn":
                raise EndTurn
            case "end_session":
                raise EndSession

    def evaluate(self, step: Step, template: Any) -> Any:
        """A compiled template's value. One that cannot be had fails the step, and ends the turn."""
        try:
            return template(self.scope)
        except EvaluationError as error:
            self.cannot_evaluate(step, error)

    def cannot_evaluate(self, step: Step, error: EvaluationError) -> NoReturn:
        self.fail(step, "template", str(error))
        raise EndTurn from None
