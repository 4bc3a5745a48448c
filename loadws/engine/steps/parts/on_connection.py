"""Which of a user's connections a step uses.

Without ``on``, a step of a flow uses the connection without a name, and a step of a handler the connection of its event. How
it is looked up is decided when the step is compiled: by two attributes in a flow, where most messages travel, and by a dict
only for connections with a name.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from operator import attrgetter

from loadws.engine.runtime.connection.conversation import Conversation
from loadws.engine.runtime.flow_control import EndSession, EndTurn
from loadws.engine.runtime.strand import StepFunction, Strand
from loadws.engine.steps.parts.context import StepContext
from loadws.scenario.model.steps import Step
from loadws.scenario.yaml.explain import any_of
from loadws.transport.base import Connection

#: Strand -> the current connection, or the last one, under a name; None where there was none in this session.
Lookup = Callable[[Strand], Conversation | None]
#: A step that needs an open connection, which it is given.
ConnectedStep = Callable[[Strand, Conversation, Connection], Awaitable[None]]


def lookup(on: str | None, context: StepContext) -> Lookup:
    """Return a function that looks up the connection named ``on`` for a strand."""
    if on is not None:
        return lambda strand: strand.user.named.get(on)
    return attrgetter("event_of") if context.in_handler else attrgetter("user.current")


def with_connection(step: Step, on: str | None, context: StepContext, kind: str, run: ConnectedStep) -> StepFunction:
    """Return the step with its open connection as an argument; without a connection it fails as a try of ``kind``.

    The result is a plain function that returns the coroutine of ``run``: a frame of its own would cost time with each
    message.
    """
    find, recorder = lookup(on, context), context.recorder

    def run_on_connection(strand: Strand) -> Awaitable[None]:
        conversation = find(strand)
        if conversation is not None and conversation.connection is not None and conversation.end is None:
            return run(strand, conversation, conversation.connection)
        return fail_this_try(strand, conversation)

    async def fail_this_try(strand: Strand, conversation: Conversation | None) -> None:
        recorder.outcome(kind, step.label, strand.due()[0], failed=True)
        fail_without_connection(strand, step, conversation)

    return run_on_connection


def fail_without_connection(strand: Strand, step: Step, conversation: Conversation | None) -> None:
    """Fail a step whose connection ended before the step, or never opened. The end itself is counted once.

    Raises ``FlowInterrupted``, unless the step's ``on_failure`` lets the flow go on.
    """
    if conversation is None or conversation.end is None:
        strand.failures += 1
        detail = "there is no open connection"
        strand.user.report("not_connected", step.label, detail if conversation else missing(strand, step, detail))
    else:
        conversation.report_end(step.label)
    _go_on_or_end(strand, step, conversation)


def missing(strand: Strand, step: Step, otherwise: str) -> str:
    """Return why a step does not find its connection: which others are open, by the names that ``on`` takes; where none
    is open, ``otherwise``.
    """
    names = [conversation.name for conversation in strand.user.open_connections()]
    if not names:
        return otherwise
    named, wanted = [name for name in names if name is not None], step.connection
    if wanted is None:
        return f"there is no connection without a name: connect one, or say on: {any_of(named)}" if named else otherwise
    other = [*(["say on: " + any_of(named)] if named else []), *(["leave out on"] if None in names else [])]
    return f"there is no connection {wanted!r}: connect it, or {', or '.join(other)}"


def fail_with_connection(strand: Strand, step: Step, conversation: Conversation) -> None:
    """Fail a step whose connection ended, or began to close, while the step waited.

    Raises ``FlowInterrupted``, unless the step's ``on_failure`` lets the flow go on.
    """
    if conversation.end is None:
        strand.failures += 1
        strand.user.report("not_open", step.label, "the connection is closing")
    else:
        conversation.report_end(step.label)
    _go_on_or_end(strand, step, conversation)


def _go_on_or_end(strand: Strand, step: Step, conversation: Conversation | None) -> None:
    """Follow the step's ``on_failure``; without one, end what the connection was opened for.

    Where the connection is being replaced, the flow goes on: the next step waits for the new one, and the turn in which
    something was lost has failed.

    Raises:
        EndTurn: The connection was opened in a turn that is still under way, or a handler runs the step.
        EndSession: The connection was opened by the session, or there is none.
    """
    if step.on_failure is not None:
        strand.obey(step.on_failure)
    elif conversation is None:
        raise EndSession
    elif _is_healed(conversation):
        strand.lost_try = True
    elif strand.is_handler:
        raise EndTurn
    elif conversation.turn in strand.turns:
        raise EndTurn(conversation.turn)
    else:
        raise EndSession


def _is_healed(conversation: Conversation) -> bool:
    """Return whether the connection is being replaced, or will be as soon as its end is reported."""
    if conversation.end is None and conversation.may_heal:
        conversation.is_breaking = True
        return True
    return conversation.healing is not None
