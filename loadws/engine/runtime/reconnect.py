"""What becomes of a connection that is lost, or closed by the peer, while its user goes on: ``connection.reconnect``.

It is *healed*: a task of its own waits, connects by the same request with its templates evaluated anew, runs the ``open``
handlers, and tries again where that fails. While it is being healed

- what was in flight is unanswered, counts as failed and, unless the step says otherwise, does not end the turn or session;
- a ``wait_for`` or ``expect_none`` goes on waiting, on the connection that comes;
- a step that needs the connection waits for as long as its ``within``, and its intended time stands, so that its response
  time holds the outage;
- a user that leaves, a ``close``, and the end of the session end the healing.

Attempts are counted in a row: one is forgiven when the connection lasted longer than the longest backoff. A server that
accepts everybody and closes at once is so given up, too. Who pays for all this is who has a policy: other users have no
task more and no step that looks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from loadws.engine.runtime.backoff import backoff_ns
from loadws.engine.runtime.connection.conversation import Conversation
from loadws.engine.runtime.shared import StepFunction
from loadws.engine.runtime.strand import FlowInterrupted, Strand
from loadws.engine.steps.parts.on_connection import line_to
from loadws.scenario.model.steps import (
    ExpectNoneStep,
    PingStep,
    PublishStep,
    ReadSlowlyStep,
    RequestStep,
    SendStep,
    StallStep,
    Step,
    WaitForStep,
)
from loadws.terms.units import NS_PER_S

if TYPE_CHECKING:
    from loadws.engine.steps.connect import Opener
    from loadws.engine.steps.registry import Compiler
    from loadws.metrics.recording.recorder import Recorder

#: How long a step waits for its connection where it has no ``within`` of its own.
PATIENCE_NS = 10 * NS_PER_S


class Replacement:
    """What a connection knows of the one that it replaces.

    ``lost_ns`` is when the user was last without loss; 0 where nothing was lost. ``attempt`` counts the attempts in a row.
    """

    __slots__ = ("_recorder", "attempt", "lost_ns", "opened_ns")

    def __init__(self, before: Conversation, recorder: Recorder, attempt: int = 0) -> None:
        self._recorder = recorder
        self.attempt = attempt
        self.lost_ns = _lost_ns(before)
        self.opened_ns = 0

    def recovered(self, at_ns: int) -> None:
        """Record how long the outage lasted: from the loss to the first good answer after it."""
        self._recorder.duration("recovery_time", None, self.lost_ns, at_ns - self.lost_ns)


def replacing(before: Conversation, opener: Opener, attempt: int = 0) -> Conversation:
    """Return a connection to open in the place of one that has ended. It takes that place when it is open."""
    replacement = Replacement(before, before.user.run.recorder, attempt)
    conversation = Conversation(before.user, before.name, keeps=opener.keeps, replacement=replacement)
    conversation.opener = opener
    conversation.turn = before.turn
    return conversation


def _lost_ns(before: Conversation) -> int:
    """Return when the outage began. A connection that was lost again before any answer came has not recovered."""
    if before.recovery is not None:
        return before.recovery.lost_ns
    end = before.end
    return 0 if end is None or (end.by == "us" and end.code is not None) else end.at_ns


def _lasted_ns(conversation: Conversation) -> int:
    """Return how long a replacement was open; 0 where it is open still."""
    assert conversation.replacement is not None
    return conversation.end.at_ns - conversation.replacement.opened_ns if conversation.end is not None else 0


class Healing:
    """Of all connections of one user. ``nursery`` is the session's; its end ends every healing."""

    __slots__ = ("_nursery",)

    def __init__(self, nursery: trio.Nursery) -> None:
        self._nursery = nursery

    def begin(self, lost: Conversation, opener: Opener) -> None:
        """Called in the moment of the loss."""
        lost.healing = trio.CancelScope()
        self._nursery.start_soon(_heal, lost, lost.healing, opener)


async def _heal(lost: Conversation, scope: trio.CancelScope, opener: Opener) -> None:
    strand = lost.user.main.beside()
    try:
        with scope:
            await _attempt_until_open(strand, lost, opener)
    finally:
        strand.parker.let_go()
        lost.healing = None
        lost.wake_waiting()


async def _attempt_until_open(strand: Strand, lost: Conversation, opener: Opener) -> None:
    user, policy = lost.user, opener.policy
    assert policy is not None
    before = lost.replacement
    is_fresh = before is None or _lasted_ns(lost) > policy.backoff.most
    for attempt in range(0 if before is None or is_fresh else before.attempt, policy.attempts):
        await strand.pause(user.run.timers.now_ns() + backoff_ns(policy, attempt, strand.scope.draw()))
        if user.leaving or user.condemned:
            return
        reopened = replacing(lost, opener, attempt + 1)
        strand.free_ns = user.run.timers.now_ns()
        try:
            await opener.open(strand, opener.step, reopened)
        except FlowInterrupted:
            if reopened.connection is not None:
                user.condemn()  # what ends a session after a connect does so here
        if reopened.connection is not None:
            return
    user.report("reconnect.gave_up", opener.step.label, f"{policy.attempts} attempts in a row brought no connection")
    lost.healing = None
    user.lost(lost, is_a_try=not lost.end_reported, handled_by=lost.waiting)


# -- steps that wait for it -------------------------------------------------------------------------------------------


def patience_of(step: Step) -> int | None:
    """How long a step waits while its connection is being healed; None is a step that does not."""
    match step:
        case RequestStep():
            return step.request.reply.within
        case WaitForStep():
            return step.wait_for.within if step.wait_for.close is None else None
        case PingStep():
            return step.ping.within
        case SendStep() | PublishStep() | ExpectNoneStep() | StallStep() | ReadSlowlyStep():
            return PATIENCE_NS
    return None


def patient(run: StepFunction, step: Step, compiler: Compiler) -> StepFunction:
    """The step, which waits while its connection is being healed; of a user type without a policy it is as it was."""
    patience_ns = patience_of(step)
    if patience_ns is None or not compiler.heals or compiler.at_once:
        return run
    line = line_to(getattr(step, step.verb).on, compiler)

    async def when_healed(strand: Strand) -> None:
        conversation = line(strand)
        if conversation is not None and (conversation.healing is not None or conversation.is_breaking):
            intended_ns, due_ns = strand.due()
            await until_healed(strand, conversation, due_ns + patience_ns)
            strand.intended_ns, strand.free_ns = intended_ns, strand.user.run.timers.now_ns()
            strand.heed()
        await run(strand)

    return when_healed


async def until_healed(strand: Strand, lost: Conversation, deadline_ns: int) -> None:
    """Until the connection is healed or given up, the deadline, or the user is to go."""
    user = strand.user
    if lost.end is None:
        await lost.wait_for_end(strand, deadline_ns)
    user.pausing.add(strand)
    lost.wait_beside(strand.parker)
    try:
        while lost.healing is not None and not (user.leaving or user.condemned):
            if not await strand.parker.wait(deadline_ns):
                return
    finally:
        lost.stop_waiting(strand.parker)
        user.pausing.discard(strand)
