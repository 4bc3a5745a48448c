"""How a lost or closed connection is replaced while its user goes on: ``connection.reconnect``.

It is *healed*: a task of its own waits, connects by the same request with its templates evaluated anew, runs the
``open`` handlers, and tries again where that fails. While it is being healed

- requests in flight count as unanswered and failed and, unless the step says otherwise, do not end the turn or session;
- a ``wait_for`` or ``expect_none`` goes on waiting, on the new connection;
- a step that needs the connection waits for as long as its ``within``, and its intended time stays the same, so that
its
  response time includes the outage;
- a user that leaves, a ``close``, and the end of the session end the healing.

Attempts are counted in a row; the count starts again when the connection lasted longer than the longest backoff. So a
server that accepts every connection and closes it at once is given up, too. Users without a policy have no cost: no
task and no step is added to them.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import trio

from loadws.engine.runtime.backoff import backoff_ns
from loadws.engine.runtime.connection.conversation import Conversation, Opener
from loadws.engine.runtime.connection.replacement import Replacement
from loadws.engine.runtime.flow_control import FlowInterrupted
from loadws.engine.runtime.strand import Strand
from loadws.engine.runtime.user_state import UserState
from loadws.scenario.model.steps import Step


@runtime_checkable
class Reopener(Opener, Protocol):
    """An opener that can also open a replacement. ``step`` is the ``connect`` that opened the first connection."""

    @property
    def step(self) -> Step: ...

    def conversation(
        self, user: UserState, name: str | None, turn: int, replacement: Replacement | None = None
    ) -> Conversation:
        """Return a connection to open, for a user whose flow runs."""

    async def open(self, strand: Strand, step: Step, conversation: Conversation) -> None:
        """Try once to open a connection, as the failure or success of ``step``. Raises ``FlowInterrupted``."""


def reopener_of(conversation: Conversation) -> Reopener:
    """Return the reopener of a connection that a step opened."""
    opener = conversation.opener
    assert isinstance(opener, Reopener), "a connection that can be opened again was opened by a step"
    return opener


def replacing(before: Conversation, user: UserState, turn: int, attempt: int = 0) -> Conversation:
    """Return a connection to open in place of one that has ended. It replaces that one once it is open."""
    replacement = Replacement(_lost_ns(before), user.shared.recorder, attempt, before.renewals())
    after = reopener_of(before).conversation(user, before.name, turn, replacement)
    after.follow(before)
    return after


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
    """The healing of all connections of one user. ``nursery`` is the session's; every healing ends with it."""

    __slots__ = ("_main", "_nursery")

    def __init__(self, nursery: trio.Nursery, main: Strand) -> None:
        self._nursery = nursery
        self._main = main

    def begin(self, lost: Conversation) -> None:
        """Begin to open another connection, at the moment of the loss."""
        lost.healing = trio.CancelScope()
        self._nursery.start_soon(_heal, self._main.beside(), lost, lost.healing)


async def _heal(strand: Strand, lost: Conversation, scope: trio.CancelScope) -> None:
    try:
        with scope:
            await _attempt_until_open(strand, lost, reopener_of(lost))
    finally:
        strand.parker.let_go()
        lost.healing = None
        lost.wake_waiting()


async def _attempt_until_open(strand: Strand, lost: Conversation, opener: Reopener) -> None:
    user, policy, now_ns = strand.user, opener.policy, strand.user.shared.timers.now_ns
    assert policy is not None
    before = lost.replacement
    is_fresh = before is None or _lasted_ns(lost) > policy.backoff.most
    for attempt in range(0 if before is None or is_fresh else before.attempt, policy.attempts):
        await strand.pause(now_ns() + backoff_ns(policy, attempt, strand.scope.draw()))
        if user.is_to_go:
            return
        reopened = replacing(lost, user, lost.turn, attempt + 1)
        strand.free_ns = now_ns()
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


async def until_healed(strand: Strand, lost: Conversation, deadline_ns: int) -> None:
    """Wait until a connection is healed or given up, until the deadline, or until the user has to go."""
    user = strand.user
    if lost.end is None:
        await strand.wait_for_end(lost, deadline_ns)
    lost.wait_beside(strand.parker)
    try:
        with user.ends_early(strand.parker):
            while lost.healing is not None and not user.is_to_go:
                if not await strand.parker.wait(deadline_ns):
                    return
    finally:
        lost.stop_waiting(strand.parker)
