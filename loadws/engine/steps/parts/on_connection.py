"""Which of a user's connections a step speaks on.

Without ``on``, a step of a flow speaks on the connection without a name, and a step of a handler on the connection that its
event is of. The way there is found when the step is compiled: two attributes in a flow, where most messages of most
scenarios travel, and a look into a dict only for connections with a name.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING

from loadws.engine.runtime.connection.conversation import Conversation
from loadws.engine.runtime.strand import EndSession, EndTurn, Strand
from loadws.scenario.model.steps import Step
from loadws.transport.base import Connection

if TYPE_CHECKING:
    from loadws.engine.steps.registry import Compiler

#: Strand -> the connection of now, or the last one, under a name; None where there was none in this session.
Line = Callable[[Strand], Conversation | None]
#: Strand -> what is open, or ``StepSkipped``.
Opened = Callable[[Strand], tuple[Conversation, Connection]]


class StepSkipped(Exception):
    """The step cannot run, its failure was counted, and the flow goes on."""


def line_to(on: str | None, compiler: Compiler) -> Line:
    """The way to the connection of a step whose ``on`` this is."""
    if on is not None:
        return lambda strand: strand.user.named.get(on)
    return attrgetter("event_of") if compiler.in_handler else attrgetter("user.conversation")


def opened(step: Step, on: str | None, compiler: Compiler, kind: str) -> Opened:
    """The step's open connection. Without one the step failed, and so, unless it says otherwise, did the session.

    ``kind`` is that of ``error_rate``.
    """
    line, recorder = line_to(on, compiler), compiler.recorder

    def open_conversation(strand: Strand) -> tuple[Conversation, Connection]:
        conversation = line(strand)
        if conversation is not None and conversation.connection is not None and conversation.end is None:
            return conversation, conversation.connection
        recorder.outcome(kind, step.label, strand.due()[0], failed=True)
        fail_without_connection(strand, step, conversation)
        raise StepSkipped

    return open_conversation


def fail_without_connection(strand: Strand, step: Step, conversation: Conversation | None) -> None:
    """Fail a step whose connection ended before it, or was never there. The end itself is counted once."""
    if conversation is None or conversation.end is None:
        strand.failures += 1
        strand.user.report("not_connected", step.label, "there is no open connection")
    else:
        conversation.report_end(step.label)
    _go_on_or_end(strand, step, conversation)


def fail_with_connection(strand: Strand, step: Step, conversation: Conversation) -> None:
    """Fail a step whose connection ended, or began to close, while it waited."""
    if conversation.end is None:
        strand.failures += 1
        strand.user.report("not_open", step.label, "the connection is closing")
    else:
        conversation.report_end(step.label)
    _go_on_or_end(strand, step, conversation)


def _go_on_or_end(strand: Strand, step: Step, conversation: Conversation | None) -> None:
    """Do what the step says of its failure; unless it says something, end what the connection was opened for.

    Where another connection is being opened in its place, the flow goes on: the next step waits for that one, and the turn
    in which something was lost has failed.
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
    """Return whether another connection is being opened in its place, or will be as soon as its end is told."""
    if conversation.end is None and conversation.may_heal:
        conversation.is_breaking = True
        return True
    return conversation.healing is not None
