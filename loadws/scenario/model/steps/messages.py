"""Steps that send and receive messages: send, publish, request, wait_for, expect_none."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from loadws.scenario.model.field_types import (
    TEN_SECONDS,
    Captures,
    CloseCode,
    Conditions,
    Name,
    Span,
    Strict,
    Template,
    short_for,
)
from loadws.scenario.model.steps.payload import Payload, Sendable, text_payload
from loadws.scenario.model.steps.step import OnConnection, Step


class SendBody(Payload, OnConnection):
    pass


class SendStep(Step):
    """Send a message that nobody answers."""

    verb = "send"
    send: Annotated[
        SendBody,
        BeforeValidator(text_payload, json_schema_input_type=str | SendBody),
        Field(description="The message: text, or a mapping."),
    ]


class PublishBody(OnConnection):
    probe: Annotated[Name, Field(description="The probe's name; a message handler delivers it.")]
    send: Annotated[Sendable, Field(description="The message: text, or a mapping. It carries {{ probe }}.")]
    to: Annotated[
        Template | None,
        Field(description="The audience: who says in: the same, and who says nothing. Without it, all who deliver it."),
    ] = None
    include_self: Annotated[
        bool, Field(description="Whether this connection, where it delivers the probe too, is to receive its own.")
    ] = True


class PublishStep(Step):
    """Send a message that many receive, and follow it to each of them."""

    verb = "publish"
    publish: Annotated[PublishBody, Field(description="Which probe, the message, and for whom.")]


class Reply(Strict):
    """Which message answers a request, and what must hold of it."""

    where: Annotated[
        Conditions | None,
        Field(description="Conditions that choose the answer. Without them it is the next message nobody claims."),
    ] = None
    check: Annotated[
        Conditions | None,
        Field(description="Conditions that should hold of it; a failed check counts, and the flow goes on."),
    ] = None
    capture: Annotated[
        Captures | None,
        Field(description="Variables, and where in it their values are: a JSONPath, text, {regex:} or {bytes:}."),
    ] = None
    until: Annotated[
        Conditions | None,
        Field(description="An answer of many messages: it goes on until these hold. First and last are timed."),
    ] = None
    within: Annotated[Span, Field(description="How long the answer may take, from the send.")] = TEN_SECONDS


class RequestBody(OnConnection):
    send: Annotated[Sendable, Field(description="The message: text, or a mapping.")]
    reply: Annotated[Reply, Field(description="Which message answers it, and what must hold of it.")] = Reply()


def _request_body(value: Any) -> Any:
    """``request: hello`` -> the message as ``send`` takes it."""
    longer = short_for("send", "a message: text, or a mapping with send and reply")(value)
    return {"send": {"text": value}} if isinstance(value, str) else longer


class RequestStep(Step):
    """Send a message, and wait for the message that answers it."""

    verb = "request"
    request: Annotated[
        RequestBody,
        BeforeValidator(_request_body, json_schema_input_type=str | RequestBody),
        Field(description="The message, or a mapping with its reply."),
    ]


class WaitForBody(OnConnection):
    where: Annotated[Conditions | None, Field(description="Which messages; without conditions, any.")] = None
    check: Annotated[
        Conditions | None,
        Field(description="Conditions that should hold of each; a failed check counts, and the flow goes on."),
    ] = None
    capture: Annotated[
        Captures | None,
        Field(
            description="Variables, and where in the last of them their values are: a JSONPath, text, {regex:} or {bytes:}."
        ),
    ] = None
    count: Annotated[int, Field(ge=1, description="How many messages.")] = 1
    close: Annotated[
        CloseCode | Literal["any"] | None,
        Field(description="Wait for the peer's close with this code instead, or any."),
    ] = None
    within: Annotated[Span, Field(description="How long all of them may take.")] = TEN_SECONDS

    @model_validator(mode="after")
    def _close_or_message(self) -> WaitForBody:
        if self.close is not None and (self.where or self.check or self.capture or self.count != 1):
            raise ValueError("wait_for takes either close, or where, check, capture and count")
        return self


class WaitForStep(Step):
    """Wait for messages that match, or for the peer's close."""

    verb = "wait_for"
    wait_for: Annotated[WaitForBody, Field(description="Which messages; nothing is needed.")]


class ExpectNoneBody(OnConnection):
    where: Annotated[
        Conditions | None, Field(description="Which messages must not come; without conditions, none at all.")
    ] = None
    for_: Span = Field(alias="for", description="How long.")


class ExpectNoneStep(Step):
    """Fail if a message that matches arrives within a time."""

    verb = "expect_none"
    expect_none: Annotated[ExpectNoneBody, Field(description="Which messages, and how long.")]
