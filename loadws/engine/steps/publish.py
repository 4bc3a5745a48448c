"""``publish``: send a message that many connections receive, and follow it to each of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from loadws.engine.runtime.connection.conversation import Conversation
from loadws.engine.runtime.delivering import probing_of
from loadws.engine.runtime.strand import StepFunction, Strand
from loadws.engine.steps.by_protocol import maker_of, sent_whole
from loadws.engine.steps.parts.context import StepContext
from loadws.engine.steps.parts.on_connection import fail_without_connection, with_connection
from loadws.engine.steps.parts.one_way import OneWay, SoonSent
from loadws.metrics.recording.probe_id import EVERYONE, audience_of
from loadws.metrics.recording.probes import ProbeLog, Publication
from loadws.scenario.model.steps import PublishStep
from loadws.scenario.template.template import Compiled, Scope, compile_template
from loadws.transport.base import Connection, NotOpen, Outgoing, Payload


def compile_publish(step: PublishStep, context: StepContext) -> StepFunction:
    """Compile the step. It is like ``send``; the probe is made just before the message, so that both have the same age."""
    fragments = next((payload.fragments for _, payload in step.payloads()), 1)
    one_way = OneWay(context.recorder, step)
    make = _publications(step, context)

    async def publish(strand: Strand, conversation: Conversation, connection: Connection) -> None:
        due = strand.due()
        publication, data = make(strand, conversation, due[0])
        out = Outgoing()
        try:
            await strand.send(connection, data, out, fragments)
        except NotOpen:
            fail_without_connection(strand, step, conversation)
        finally:
            if one_way.count(out, due, data):
                publication.sent()
                strand.free_ns = out.written_ns
            else:
                publication.unsent()

    async def publish_soon(strand: Strand, conversation: Conversation, connection: Connection) -> None:
        due = strand.due()
        publication, data = make(strand, conversation, due[0])
        out = _SoonPublished(publication=publication, one_way=one_way, due=due, data=data)
        try:
            connection.send_soon(data, out, fragments)
        except NotOpen as error:
            publication.unsent()
            strand.fail(step, error.kind, error.detail)

    run = publish_soon if context.at_once else publish
    return with_connection(
        step, step.publish.on, context, "send", run if step.carrier is None else sent_whole(run, context)
    )


def _publications(step: PublishStep, context: StepContext) -> _MakePublication:
    body = step.publish
    to = compile_template(body.to) if body.to is not None else None
    if step.carrier is not None:
        make = maker_of(step.carrier, context)
    else:
        assert body.send is not None, "a publish sends one message"
        make = context.payload(body.send).make
    return _MakePublication(step, context.log(body.probe), to, make, context.now_ns)


class _MakePublication(msgspec.Struct, frozen=True):
    step: PublishStep
    log: ProbeLog
    to: Compiled | None
    make: Callable[[Scope], tuple[Any, Payload]]
    now_ns: Callable[[], int]

    def __call__(self, strand: Strand, conversation: Conversation, intended_ns: int) -> tuple[Publication, Payload]:
        """Make a publication, whose token is the value of ``{{ probe }}``, and the message that carries it."""
        to = self.to
        audience = EVERYONE if to is None else audience_of(strand.evaluate(self.step, to.text))
        probing = probing_of(conversation)
        excluded = None if self.step.publish.include_self else probing.members.get(self.log)
        publisher = probing.publisher(self.log)
        publication = self.log.publish(publisher, audience, self.now_ns(), intended_ns, excluded)
        strand.scope.extra["probe"] = publication.token
        try:
            _, data = strand.evaluate(self.step, self.make)
        except BaseException:
            publication.unsent()
            raise
        return publication, data


class _SoonPublished(SoonSent, kw_only=True, eq=False):
    """A handler's publication, which is counted when it was written."""

    publication: Publication

    def on_written(self) -> None:
        """Count the message, and expect its delivery from every receiver."""
        super().on_written()
        self.publication.sent()

    def on_unfinished(self) -> None:
        """Count the message as unfinished, and expect no delivery."""
        super().on_unfinished()
        self.publication.unsent()
