"""``publish``: a message that many connections receive, in a frame of its own or in a message of their protocol."""

from collections.abc import Iterator
from typing import Annotated, Any, Self

from msgspec.structs import replace
from pydantic import BeforeValidator, Field, model_validator

from loadws.scenario.model.field_types import Name, Template, exactly_one, short_for
from loadws.scenario.model.steps.by_protocol import (
    EmitBody,
    EmitStep,
    NotifyStep,
    ProtocolBody,
    ProtocolStep,
    PublishTopicBody,
    PublishTopicStep,
    SendToBody,
    SendToStep,
)
from loadws.scenario.model.steps.messages import SENDING
from loadws.scenario.model.steps.parts import Carried, Part, TemplateText
from loadws.scenario.model.steps.payload import Sendable
from loadws.scenario.model.steps.step import PATIENCE_NS, Awaits, ConnectionStep, Effect, Measures, OnConnection

_PROBE = frozenset({"probe"})
#: The verbs of protocols that can carry a probe.
_CARRIERS: dict[str, type[ProtocolStep]] = {
    "emit": EmitStep,
    "notify": NotifyStep,
    "publish_topic": PublishTopicStep,
    "send_to": SendToStep,
}


class PublishBody(OnConnection):
    model_config = exactly_one("send", *_CARRIERS)

    probe: Annotated[Name, Field(description="The probe's name, which a message handler uses in deliver.")]
    send: Annotated[
        Sendable | None, Field(description="The message: text, or a mapping. It has to contain {{ probe }}.")
    ] = None
    emit: Annotated[
        EmitBody | None,
        BeforeValidator(short_for("event", "a mapping"), json_schema_input_type=str | EmitBody | None),
        Field(description="Send it by this verb of the connection's protocol instead; it has to contain {{ probe }}."),
    ] = None
    notify: Annotated[ProtocolBody | None, Field(description="Likewise.")] = None
    publish_topic: Annotated[PublishTopicBody | None, Field(description="Likewise, with QoS 0.")] = None
    send_to: Annotated[SendToBody | None, Field(description="Likewise.")] = None
    to: Annotated[
        Template | None,
        Field(description="The audience: receivers whose deliver has the same in, or none. Default: all receivers."),
    ] = None
    include_self: Annotated[
        bool, Field(description="Whether this connection, if it is a receiver, has to receive its own messages.")
    ] = True

    @model_validator(mode="after")
    def _one_message(self) -> Self:
        said = [name for name in ("send", *_CARRIERS) if getattr(self, name) is not None]
        if len(said) != 1:
            raise ValueError(
                "publish sends one message: send, or a verb of the protocol (emit, notify, publish_topic, send_to)"
            )
        body: Any = getattr(self, said[0])
        if said[0] != "send" and (body.on is not None or _asks(body)):
            message = (
                f"publish is one way, and names the connection itself: {said[0]} takes no on, ack, qos or confirmed"
            )
            raise ValueError(message)
        return self


def _asks(body: Any) -> bool:
    return any(getattr(body, key, None) for key in ("ack", "qos", "confirmed"))


class PublishStep(ConnectionStep):
    """Send a message that many receive, and follow it to each of them."""

    verb = "publish"
    waits = False
    sends = 1
    gives_sent = False
    measures = Measures(SENDING, frozenset({"send"}))
    reads_inbox = False
    names = (("publish", "probe"),)
    is_named_by_text = False

    publish: Annotated[PublishBody, Field(description="The probe, the message, and the audience.")]

    @property
    def carrier(self) -> ProtocolStep | None:
        """The step of the protocol's that carries the probe; None where the message is a frame of its own."""
        for verb, step in _CARRIERS.items():
            if (body := getattr(self.publish, verb)) is not None:
                return step.model_construct(name=self.name, **{verb: body})
        return None

    def parts(self) -> Iterator[Part]:
        """Yield the audience, and the message, which carries the probe."""
        yield TemplateText(("publish", "to"))
        if self.publish.send is not None:
            yield Carried(("publish", "send"), self.publish.send, _PROBE)
        for part in self.carrier.parts() if self.carrier is not None else ():
            if isinstance(part, TemplateText | Carried):
                yield replace(part, place=("publish", *part.place), specials=_PROBE)

    def patience_ns(self) -> int | None:
        """Return the default: it has no ``within``."""
        return PATIENCE_NS

    def awaits(self) -> Awaits | None:
        """Return None: it waits for no message."""
        return None

    def effect(self) -> Effect | None:
        """Return None: it leaves the connection as it is."""
        return None
