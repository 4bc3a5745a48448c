"""Steps of connections that speak a protocol: call_method, notify, publish_topic, subscribe, unsubscribe, emit, answer_call.

What they send, and which keys they have beside these, is in the protocol's file.
"""

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, JsonValue, model_validator

from loadws.scenario.model.field_types import TEN_SECONDS, Captures, Conditions, Many, Name, Span, Strict, short_for
from loadws.scenario.model.steps.messages import SENDING
from loadws.scenario.model.steps.parts import CaptureSet, Carried, ConditionSet, Part, Provided, TemplateText
from loadws.scenario.model.steps.payload import Sendable
from loadws.scenario.model.steps.step import (
    NOT_BEGUN,
    PATIENCE_NS,
    Awaits,
    ConnectionStep,
    Effect,
    Measures,
    OnConnection,
)
from loadws.scenario.yaml.explain import Where

_EXCHANGE = frozenset({"sent", "message", "received_ms"})
_ANSWERED = frozenset({"response_time", "unlagged_time", "service_time"})
_FIRST = frozenset({"first_message_time", "unlagged_first_message_time"})


class ProtocolBody(OnConnection):
    """A body that has the protocol's own arguments beside the keys of the verb."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, JsonValue] = Field(init=False)

    @property
    def arguments(self) -> dict[str, JsonValue]:
        """Return the arguments of the protocol's own."""
        return self.__pydantic_extra__ or {}


class Answered(Strict):
    """What has to hold of an answer, and how long it may take."""

    check: Annotated[
        Conditions | None,
        Field(description="Conditions on what it carries. A failed check is counted, and the flow goes on."),
    ] = None
    capture: Annotated[
        Captures | None, Field(description="Variables, and the places of their values in what it carries.")
    ] = None
    within: Annotated[Span, Field(description="How long it may take.")] = TEN_SECONDS


class CallReply(Answered):
    """The answer to a call. It is known by the protocol's ids."""

    error: Annotated[
        Conditions | None,
        Field(
            description="Conditions on the error that is expected in place of a result. Default: an error fails the step."
        ),
    ] = None


class ProtocolStep(ConnectionStep):
    """A step that only connections with a protocol have."""

    of_protocol = True
    reads_inbox = False
    names = ()
    is_named_by_text = False
    #: Whether what it sends is answered: always, only where a key asks for that (one of ``asked_for``), or never.
    answered: ClassVar[Literal["always", "if asked", "never"]] = "never"
    asked_for: ClassVar[tuple[str, ...]] = ()

    def arguments(self) -> dict[str, JsonValue]:
        """Return the arguments of the protocol's own."""
        arguments: dict[str, JsonValue] = self.body.arguments
        return arguments

    def says(self) -> frozenset[str]:
        """Return the names by which a protocol's file may choose what is sent: of arguments, and of keys of the verb."""
        return frozenset({*self.arguments(), *self.body.model_fields_set})

    @property
    def asks(self) -> bool:
        """Whether it wants an answer, where its protocol has one for the verb."""
        return True

    def answers(self) -> Iterator[tuple[Where, Answered]]:
        """Yield what it waits for, each with the place of its conditions."""
        return iter(())

    def parts(self) -> Iterator[Part]:
        """Yield the arguments, then what must hold of the answers. Later steps may read what was sent and the answer."""
        yield from (TemplateText((self.verb, name)) for name in self.arguments())
        for place, answered in self.answers():
            yield ConditionSet((*place, "check"), answered.check, specials=_EXCHANGE)
            if isinstance(answered, CallReply):
                yield ConditionSet((*place, "error"), answered.error, specials=_EXCHANGE)
            yield CaptureSet((*place, "capture"), answered.capture)
            yield Provided(_EXCHANGE)

    def patience_ns(self) -> int | None:
        """Return how long the first answer may take; the default where there is none."""
        return next((answered.within for _, answered in self.answers()), PATIENCE_NS)

    def awaits(self) -> Awaits | None:
        """Return whether it waits for an answer, which the protocol's id tells from other messages."""
        return next(("answer" for _ in self.answers()), None)

    def effect(self) -> Effect | None:
        """Return None: it leaves the connection as it is."""
        return None


class CallMethodBody(ProtocolBody):
    batch: Annotated[
        Many[dict[str, JsonValue]] | None,
        Field(
            min_length=1,
            description="Several calls in one message, each with its arguments. Their results are one list, in this order.",
        ),
    ] = None
    reply: Annotated[CallReply, Field(description="What must hold of the answer, and how long it may take.")] = (
        CallReply.model_construct()
    )


class CallMethodStep(ProtocolStep):
    """Call a method by the connection's protocol, and wait for its result."""

    answered = "always"

    verb = "call_method"
    waits = True
    sends = 1
    gives_sent = True
    measures = Measures(SENDING | _ANSWERED | NOT_BEGUN, frozenset({"request"}), counts_unrun=True)

    call_method: Annotated[
        CallMethodBody,
        BeforeValidator(
            short_for("method", "the name of a method, or a mapping"), json_schema_input_type=str | CallMethodBody
        ),
        Field(description="The method's name, or a mapping with the arguments that the protocol has."),
    ]

    def parts(self) -> Iterator[Part]:
        """Yield the calls of a batch, then what any call has."""
        yield TemplateText(("call_method", "batch"))
        yield from super().parts()

    def answers(self) -> Iterator[tuple[Where, Answered]]:
        """Yield the reply."""
        yield ("call_method", "reply"), self.call_method.reply


class NotifyStep(ProtocolStep):
    """Send a message of the connection's protocol that needs no answer."""

    verb = "notify"
    waits = False
    sends = 1
    gives_sent = True
    measures = Measures(SENDING, frozenset({"send"}))

    notify: Annotated[
        ProtocolBody,
        BeforeValidator(
            short_for("method", "the name of a method, or a mapping"), json_schema_input_type=str | ProtocolBody
        ),
        Field(description="The method's name, or a mapping with the arguments that the protocol has."),
    ]


class SubscribeBody(ProtocolBody):
    confirmed: Annotated[
        Answered | None, Field(description="What must hold of the confirmation, where the protocol has one.")
    ] = None
    first: Annotated[
        Answered | None, Field(description="Wait for the first message of the subscription too. It is timed.")
    ] = None


class SubscribeStep(ProtocolStep):
    """Subscribe by the connection's protocol. The step's name is the subscription's."""

    answered = "always"

    verb = "subscribe"
    waits = True
    sends = 1
    gives_sent = True
    measures = Measures(SENDING | _FIRST | _ANSWERED, frozenset({"request", "send", "wait_for"}))

    subscribe: Annotated[
        SubscribeBody, Field(description="The arguments that the protocol has, and what is waited for.")
    ]

    @property
    def subscription(self) -> str:
        """The name of the subscription, which is the step's."""
        return self.name or self.subscribe.name or self.label

    def answers(self) -> Iterator[tuple[Where, Answered]]:
        """Yield the confirmation and the first message."""
        yield ("subscribe", "confirmed"), self.subscribe.confirmed or Answered()
        if self.subscribe.first is not None:
            yield ("subscribe", "first"), self.subscribe.first

    def measured(self) -> frozenset[str]:
        """Return the metrics; those of the first message only where it is waited for."""
        metrics = self.measures.metrics
        return metrics if self.subscribe.first is not None else metrics - _FIRST


class UnsubscribeBody(ProtocolBody):
    subscription: Annotated[Name, Field(description="The name of the subscribe step.")]
    confirmed: Annotated[
        Answered | None, Field(description="What must hold of the confirmation, where the protocol has one.")
    ] = None


class UnsubscribeStep(ProtocolStep):
    """End the oldest subscription of a name."""

    answered = "always"

    verb = "unsubscribe"
    waits = True
    sends = 1
    gives_sent = True
    measures = Measures(SENDING | _ANSWERED, frozenset({"request", "send"}))

    unsubscribe: Annotated[
        UnsubscribeBody,
        BeforeValidator(
            short_for("subscription", "the name of a subscribe step, or a mapping"),
            json_schema_input_type=str | UnsubscribeBody,
        ),
        Field(description="The name of the subscribe step, or a mapping."),
    ]

    def answers(self) -> Iterator[tuple[Where, Answered]]:
        """Yield the confirmation."""
        yield ("unsubscribe", "confirmed"), self.unsubscribe.confirmed or Answered()


class EmitBody(ProtocolBody):
    ack: Annotated[
        CallReply | None,
        Field(
            description="Wait for the acknowledgement: what must hold of its arguments. Default: the emit is one way."
        ),
    ] = None


class EmitStep(ProtocolStep):
    """Send an event by the connection's protocol, and with ack wait for its acknowledgement."""

    answered = "if asked"
    asked_for = ("ack",)

    verb = "emit"
    waits = True
    sends = 1
    gives_sent = True
    measures = Measures(SENDING | _ANSWERED, frozenset({"request", "send"}))

    emit: Annotated[
        EmitBody,
        BeforeValidator(
            short_for("event", "the name of an event, or a mapping"), json_schema_input_type=str | EmitBody
        ),
        Field(description="The event's name, or a mapping with its args."),
    ]

    @property
    def asks(self) -> bool:
        """Whether it waits for the acknowledgement."""
        return self.emit.ack is not None

    def answers(self) -> Iterator[tuple[Where, Answered]]:
        """Yield the acknowledgement, where it is waited for."""
        if self.emit.ack is not None:
            yield ("emit", "ack"), self.emit.ack

    def measured(self) -> frozenset[str]:
        """Return the metrics; those of the acknowledgement only where it is waited for."""
        metrics = self.measures.metrics
        return metrics if self.emit.ack is not None else metrics - _ANSWERED


class CarryingStep(ProtocolStep):
    """A step that sends a message, in any of its forms, inside what the protocol has around it."""

    answered = "if asked"
    waits = True
    sends = 1
    gives_sent = True
    measures = Measures(SENDING | _ANSWERED, frozenset({"request", "send"}))

    def parts(self) -> Iterator[Part]:
        """Yield the message, then the arguments and what must hold of the confirmation."""
        yield Carried((self.verb, "send"), self.body.send)
        yield from super().parts()

    def answers(self) -> Iterator[tuple[Where, Answered]]:
        """Yield the confirmation, where it is waited for."""
        if self.asks:
            yield (self.verb, "confirmed"), self.body.confirmed or Answered()

    def measured(self) -> frozenset[str]:
        """Return the metrics; those of the confirmation only where it is waited for."""
        metrics = self.measures.metrics
        return metrics if self.asks else metrics - _ANSWERED


def _qos(value: Any) -> Any:
    if value == 2 and type(value) is int:
        raise ValueError("QoS 2 is not spoken; write 0 (at most once) or 1 (at least once)")
    return value


class PublishTopicBody(ProtocolBody):
    send: Annotated[Sendable, Field(description="The message: text, or a mapping.")]
    qos: Annotated[
        Literal[0, 1],
        BeforeValidator(_qos, json_schema_input_type=Literal[0, 1]),
        Field(description="1: the step waits for the server's acknowledgement. 0: it is one way."),
    ] = 0
    confirmed: Annotated[
        Answered | None,
        Field(description="With qos 1: what must hold of the acknowledgement, and how long it may take."),
    ] = None

    @model_validator(mode="after")
    def _asked(self) -> Self:
        if self.confirmed is not None and not self.qos:
            raise ValueError("nothing confirms a message of QoS 0: add qos: 1, or leave out confirmed")
        return self


class PublishTopicStep(CarryingStep):
    """Publish a message to a topic of the connection's protocol; with qos 1 wait for the acknowledgement."""

    asked_for = ("qos",)

    verb = "publish_topic"

    publish_topic: Annotated[
        PublishTopicBody, Field(description="The message, and the arguments that the protocol has: its topic.")
    ]

    def says(self) -> frozenset[str]:
        """Return the names that were given; qos only where it is not 0."""
        return super().says() - (frozenset() if self.publish_topic.qos else {"qos"})

    @property
    def asks(self) -> bool:
        """Whether it waits for the acknowledgement."""
        return self.publish_topic.qos == 1


class SendToBody(ProtocolBody):
    send: Annotated[Sendable, Field(description="The message: text, or a mapping.")]
    confirmed: Annotated[
        Answered | None, Field(description="Wait for the server's receipt. Default: the message is one way.")
    ] = None


class SendToStep(CarryingStep):
    """Send a message to a destination of the connection's protocol; with confirmed wait for the receipt."""

    asked_for = ("confirmed",)

    verb = "send_to"

    send_to: Annotated[
        SendToBody, Field(description="The message, and the arguments that the protocol has: its destination.")
    ]

    @property
    def asks(self) -> bool:
        """Whether it waits for the receipt."""
        return self.send_to.confirmed is not None


class AnswerCallStep(ProtocolStep):
    """Answer a call of the server's: a step of a message handler."""

    verb = "answer_call"
    waits = False
    sends = 1
    gives_sent = True
    measures = Measures(SENDING, frozenset({"send"}))

    answer_call: Annotated[
        ProtocolBody, Field(description="The arguments that the protocol has: the call's id, and a result.")
    ]
