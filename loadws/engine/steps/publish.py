"""``publish``: a message that many receive, followed to each of them; and what a ``message`` handler ``deliver``s.

A connection is a receiver from its opening on, or from the end of the step that ``after`` names: a room is joined when the
server has said so. It stops to be one at its end, or before the step that ``until`` names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from loadws.engine.runtime.connection.conversation import Conversation
from loadws.engine.runtime.shared import StepFunction
from loadws.engine.runtime.strand import Strand
from loadws.engine.steps.parts.on_connection import Line, StepSkipped, fail_without_connection, line_to, opened
from loadws.engine.steps.request import OneWay, SoonSent
from loadws.metrics.recording.probe_id import EVERYONE, audience_of
from loadws.metrics.recording.probes import Membership, ProbeLog, Publication, Publisher
from loadws.scenario.matching.capture import compile_place
from loadws.scenario.matching.message import Message
from loadws.scenario.model.model import Deliver, MessageHandler
from loadws.scenario.model.step_names import body_of
from loadws.scenario.model.steps import OnConnection, PublishStep, Step
from loadws.scenario.template.template import Compiled, EvaluationError, Scope, compile_template
from loadws.transport.base import NotOpen, Outgoing

if TYPE_CHECKING:
    from loadws.engine.steps.registry import Compiler


class Probing:
    """What one connection publishes and listens for."""

    __slots__ = ("members", "publishers")

    def __init__(self) -> None:
        self.publishers: dict[ProbeLog, Publisher] = {}
        self.members: dict[ProbeLog, Membership] = {}

    def publisher(self, log: ProbeLog) -> Publisher:
        publisher = self.publishers.get(log)
        if publisher is None:
            publisher = self.publishers[log] = log.publisher()
        return publisher

    def leave(self, at_ns: int) -> None:
        for log, member in self.members.items():
            log.leave(member, at_ns)
        self.members.clear()


def probing_of(conversation: Conversation) -> Probing:
    if conversation.probing is None:
        conversation.probing = Probing()
    return conversation.probing


# -- publish ----------------------------------------------------------------------------------------------------------


def compile_publish(step: PublishStep, compiler: Compiler) -> StepFunction:
    """Like ``send``; the probe is made just before the message is, so that it is as old as that."""
    body = step.publish
    open_conversation = opened(step, body.on, compiler, "send")
    payload = compiler.payload(body.send)
    fragments = body.send.fragments
    one_way = OneWay(compiler.recorder, step)
    publication_of = _publications(step, compiler)

    async def publish(strand: Strand) -> None:
        try:
            conversation, connection = open_conversation(strand)
        except StepSkipped:
            return
        due = strand.due()
        publication = publication_of(strand, conversation, due[0])
        _, data = strand.evaluate(step, payload.make)
        out = Outgoing()
        try:
            await connection.send(data, out, fragments)
        except NotOpen:
            fail_without_connection(strand, step, conversation)
        finally:
            if one_way.count(out, due, data):
                publication.sent()
                strand.free_ns = out.written_ns
            else:
                publication.unsent()

    async def publish_soon(strand: Strand) -> None:
        try:
            conversation, connection = open_conversation(strand)
        except StepSkipped:
            return
        due = strand.due()
        publication = publication_of(strand, conversation, due[0])
        _, data = strand.evaluate(step, payload.make)
        out = _SoonPublished(publication=publication, one_way=one_way, due=due, data=data)
        try:
            connection.send_soon(data, out, fragments)
        except NotOpen as error:
            publication.unsent()
            strand.fail(step, error.kind, error.detail)

    return publish_soon if compiler.at_once else publish


def _publications(step: PublishStep, compiler: Compiler) -> _MakePublication:
    log = compiler.log(step.publish.probe)
    return _MakePublication(step, log, compile_template(step.publish.to) if step.publish.to is not None else None)


@dataclass(frozen=True, slots=True)
class _MakePublication:
    step: PublishStep
    log: ProbeLog
    to: Compiled | None

    def __call__(self, strand: Strand, conversation: Conversation, intended_ns: int) -> Publication:
        """It is made, and ``{{ probe }}`` is its token."""
        to = self.to
        audience = EVERYONE if to is None else audience_of(strand.evaluate(self.step, to.text))
        probing = probing_of(conversation)
        excluded = None if self.step.publish.include_self else probing.members.get(self.log)
        now_ns = strand.user.run.timers.now_ns()
        publication = self.log.publish(probing.publisher(self.log), audience, now_ns, intended_ns, excluded)
        strand.scope.extra["probe"] = publication.token
        return publication


class _SoonPublished(SoonSent, kw_only=True, eq=False):
    """A handler's publication, which is one when it was written."""

    publication: Publication

    def on_written(self) -> None:
        super().on_written()
        self.publication.sent()

    def on_unfinished(self) -> None:
        super().on_unfinished()
        self.publication.unsent()


# -- deliver ----------------------------------------------------------------------------------------------------------


class Delivering:
    """A handler's ``deliver``: which connections are receivers, from when, and what becomes of their messages."""

    def __init__(self, handler: MessageHandler, deliver: Deliver, compiler: Compiler) -> None:
        self._log = compiler.log(deliver.probe)
        self._find = compile_place(deliver.id).find
        self._is_ordered = deliver.ordered
        self._in = compile_template(deliver.in_) if deliver.in_ is not None else None
        self.on = handler.on
        self.after = deliver.after
        self.until = deliver.until

    def take(self, message: Message, conversation: Conversation) -> None:
        probing = conversation.probing
        member = None if probing is None else probing.members.get(self._log)
        self._log.received(self._find(message), member, message.received_ns)

    def opened(self, conversation: Conversation) -> None:
        if self.after is None:
            self.join(conversation, conversation.user.main.scope)

    def join(self, conversation: Conversation, scope: Scope) -> None:
        """Again for the audience that it is in already is nothing; for another one, it leaves the first."""
        if not conversation.is_open or (self.on is not None and self.on != conversation.name):
            return
        try:
            audience = EVERYONE if self._in is None else audience_of(self._in.text(scope))
        except EvaluationError as error:
            conversation.user.report("template", "on.message", str(error))
            return
        members, now_ns = probing_of(conversation).members, conversation.user.run.timers.now_ns()
        before = members.get(self._log)
        if before is not None:
            if before.audience == audience:
                return
            self._log.leave(before, now_ns)
        members[self._log] = self._log.join(audience, now_ns, is_ordered=self._is_ordered)

    def leave(self, conversation: Conversation) -> None:
        member = None if conversation.probing is None else conversation.probing.members.pop(self._log, None)
        if member is not None:
            self._log.leave(member, conversation.user.run.timers.now_ns())


def with_membership(run: StepFunction, step: Step, compiler: Compiler) -> StepFunction:
    """The step that some ``deliver`` names in ``after`` or ``until``; any other is as it was."""
    joins = [(each, _line(step, each, compiler)) for each in compiler.deliverings if each.after == step.label]
    leaves = [(each, _line(step, each, compiler)) for each in compiler.deliverings if each.until == step.label]
    if not joins and not leaves:
        return run

    async def joining_or_leaving(strand: Strand) -> None:
        for delivering, line in leaves:
            if (conversation := line(strand)) is not None:
                delivering.leave(conversation)
        failures = strand.failures
        await run(strand)
        if strand.failures != failures:
            return
        for delivering, line in joins:
            if (conversation := line(strand)) is not None:
                delivering.join(conversation, strand.scope)

    return joining_or_leaving


def _line(step: Step, delivering: Delivering, compiler: Compiler) -> Line:
    """The connection that the step speaks on; of one that speaks on none, the handler's."""
    body = body_of(step)
    return line_to(body.on if isinstance(body, OnConnection) else delivering.on, compiler)
