"""Steps that send and receive messages: send, request, wait_for, expect_none."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from loadws.scenario.model.field_types import (
    TEN_SECONDS,
    ByEvent,
    Captures,
    CloseCode,
    Conditions,
    Span,
    Strict,
    short_for,
)
from loadws.scenario.model.steps.parts import CaptureSet, Carried, ConditionSet, Part, Provided
from loadws.scenario.model.steps.payload import Payload, Sendable, text_payload
from loadws.scenario.model.steps.step import (
    NOT_BEGUN,
    PATIENCE_NS,
    Awaits,
    ConnectionStep,
    Effect,
    Measures,
    OnConnection,
)
from loadws.scenario.model.unpacking import Where

#: What steps that send a message measure of it.
SENDING = frozenset({"schedule_lag", "send_lag", "write_wait"})
#: What a request measures of an answer in parts.
STREAMED = frozenset(
    {"first_message_time", "last_message_time", "unlagged_first_message_time", "unlagged_last_message_time"}
)
_MESSAGE = frozenset({"message", "received_ms"})
_EXCHANGE = frozenset({"sent", "message", "received_ms"})


class SendBody(Payload, OnConnection):
    pass


class SendStep(ConnectionStep):
    """Send a message that needs no answer."""

    verb = "send"
    waits = False
    sends = 1
    gives_sent = True
    measures = Measures(SENDING, frozenset({"send"}))
    reads_inbox = False
    names = ()
    is_named_by_text = True

    send: Annotated[
        SendBody,
        BeforeValidator(text_payload, json_schema_input_type=str | SendBody),
        Field(description="The message: text, or a mapping."),
    ]

    def parts(self) -> Iterator[Part]:
        """Yield the message."""
        yield Carried(("send",), self.send)

    def patience_ns(self) -> int | None:
        """Return the default: it has no ``within``."""
        return PATIENCE_NS

    def awaits(self) -> Awaits | None:
        """Return None: it waits for no message."""
        return None

    def effect(self) -> Effect | None:
        """Return None: it leaves the connection as it is."""
        return None


class Reply(Strict):
    """Which message answers a request, and the conditions on it."""

    where: Annotated[
        Where | None,
        Field(description="Conditions that choose the answer. Default: the next message that no handler handles."),
    ] = None
    check: Annotated[
        Conditions | None,
        Field(description="Conditions on the answer. A failed check is counted, and the flow goes on."),
    ] = None
    capture: Annotated[
        Captures | None,
        Field(
            description="Variables, and the places of their values in the answer: a JSONPath, text, {regex:} or {bytes:}."
        ),
    ] = None
    until: Annotated[
        Conditions | None,
        Field(description="For an answer of many messages: conditions on the last. The first and the last are timed."),
    ] = None
    within: Annotated[Span, Field(description="How long the answer may take, from the sending of the request.")] = (
        TEN_SECONDS
    )


class RequestBody(OnConnection):
    send: Annotated[Sendable, Field(description="The message: text, or a mapping.")]
    reply: Annotated[Reply, Field(description="Which message is the answer, and the conditions on it.")] = (
        Reply.model_construct()
    )


def _request_body(value: Any) -> Any:
    """Return the long form of ``request: hello``, and of a mapping that has the message only."""
    longer = short_for("send", "a message: text, or a mapping with send and reply")(value)
    return {"send": {"text": value}} if isinstance(value, str) else longer


class RequestStep(ConnectionStep):
    """Send a message, and wait for the message that answers it."""

    verb = "request"
    waits = True
    sends = 1
    gives_sent = True
    measures = Measures(
        SENDING | STREAMED | NOT_BEGUN | {"response_time", "unlagged_time", "service_time", "stray_messages"},
        frozenset({"request"}),
        counts_unrun=True,
    )
    reads_inbox = False
    names = ()
    is_named_by_text = True

    request: Annotated[
        RequestBody,
        BeforeValidator(_request_body, json_schema_input_type=str | RequestBody),
        Field(description="The message, or a mapping with its reply."),
    ]

    def parts(self) -> Iterator[Part]:
        """Yield the message, then what must hold of its answer. Later steps may read both."""
        place, reply = ("request", "reply"), self.request.reply
        yield Carried(("request", "send"), self.request.send)
        for key, conditions in (("where", reply.where), ("check", reply.check), ("until", reply.until)):
            yield ConditionSet((*place, key), conditions, specials=_EXCHANGE)
        yield CaptureSet((*place, "capture"), reply.capture)
        yield Provided(_EXCHANGE)

    def patience_ns(self) -> int | None:
        """Return how long the answer may take."""
        return self.request.reply.within

    def awaits(self) -> Awaits | None:
        """Return whether it chooses its answer, or takes the next message."""
        return "next" if self.request.reply.where is None else "answer"

    def effect(self) -> Effect | None:
        """Return None: it leaves the connection as it is."""
        return None

    def measured(self) -> frozenset[str]:
        """Return the metrics; those of an answer in parts only where it has an ``until``."""
        metrics = self.measures.metrics
        return metrics if self.request.reply.until is not None else metrics - STREAMED


class WaitForBody(OnConnection, ByEvent):
    where: Annotated[Where | None, Field(description="Conditions on the messages. Default: any message.")] = None
    check: Annotated[
        Conditions | None,
        Field(description="Conditions on each of them. A failed check is counted, and the flow goes on."),
    ] = None
    capture: Annotated[
        Captures | None,
        Field(
            description="Variables, and the places of their values in the last one: a JSONPath, text, {regex:} or {bytes:}."
        ),
    ] = None
    count: Annotated[int, Field(ge=1, description="How many messages.")] = 1
    close: Annotated[
        CloseCode | Literal["any"] | None,
        Field(description="Wait for the server's close with this code, or any, instead of messages."),
    ] = None
    within: Annotated[Span, Field(description="How long all of them may take.")] = TEN_SECONDS

    @model_validator(mode="after")
    def _close_or_message(self) -> Self:
        if self.close is not None and (self.where or self.check or self.capture or self.count != 1):
            raise ValueError("wait_for takes either close, or where, check, capture and count")
        return self


class WaitForStep(ConnectionStep):
    """Wait for messages that match conditions, or for the server's close."""

    verb = "wait_for"
    waits = True
    sends = 0
    gives_sent = False
    measures = Measures(frozenset({"wait_time"}) | NOT_BEGUN, frozenset({"wait_for"}), counts_unrun=True)
    reads_inbox = True
    names = ()
    is_named_by_text = False

    wait_for: Annotated[WaitForBody, Field(description="Which messages. All keys are optional.")]

    def parts(self) -> Iterator[Part]:
        """Yield what must hold of the messages. Later steps may read the last of them."""
        body = self.wait_for
        yield ConditionSet(("wait_for", "where"), body.where, specials=_MESSAGE)
        yield ConditionSet(("wait_for", "check"), body.check, specials=_MESSAGE)
        yield CaptureSet(("wait_for", "capture"), body.capture)
        if body.close is None:
            yield Provided(_MESSAGE)

    def patience_ns(self) -> int | None:
        """Return how long the messages may take; None where it waits for the close."""
        return self.wait_for.within if self.wait_for.close is None else None

    def awaits(self) -> Awaits | None:
        """Return whether it waits for messages or for the close."""
        return "pushed" if self.wait_for.close is None else "close"

    def effect(self) -> Effect | None:
        """Return None: it leaves the connection as it is."""
        return None


class ExpectNoneBody(OnConnection, ByEvent):
    where: Annotated[
        Where | None, Field(description="Conditions on the messages that must not come. Default: any message.")
    ] = None
    for_: Span = Field(alias="for", description="How long.")


class ExpectNoneStep(ConnectionStep):
    """Fail if a message that matches conditions arrives within a time."""

    verb = "expect_none"
    waits = True
    sends = 0
    gives_sent = False
    measures = Measures(tries=frozenset({"wait_for"}))
    reads_inbox = False
    names = ()
    is_named_by_text = False

    expect_none: Annotated[ExpectNoneBody, Field(description="Which messages, and how long.")]

    def parts(self) -> Iterator[Part]:
        """Yield which messages must not come."""
        yield ConditionSet(("expect_none", "where"), self.expect_none.where, specials=_MESSAGE)

    def patience_ns(self) -> int | None:
        """Return the default: it has no ``within``."""
        return PATIENCE_NS

    def awaits(self) -> Awaits | None:
        """Return that it looks at messages that no request asked for."""
        return "pushed"

    def effect(self) -> Effect | None:
        """Return None: it leaves the connection as it is."""
        return None
