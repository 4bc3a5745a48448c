"""What a flow may say: payloads, and each kind of step.

A step is a mapping with one verb key, so each verb has a model of its own and ``step_verb`` chooses among them.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator
from typing import Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    JsonValue,
    Tag,
    WithJsonSchema,
    model_validator,
)

from loadws.scenario.model.connection import Compression, Reconnect, Tls
from loadws.scenario.model.field_types import (
    TEN_SECONDS,
    AnswerConditions,
    ByteRate,
    Captures,
    CloseCode,
    Conditions,
    Duration,
    FunctionName,
    Headers,
    Identifier,
    Many,
    Name,
    NotWritten,
    OnFailure,
    Size,
    Span,
    Status,
    Strict,
    Subprotocols,
    Template,
    Token,
    duration,
    exactly_one,
    short_for,
)
from loadws.scenario.model.network import Cookies, Origin, Proxy
from loadws.terms.errors import UnitError
from loadws.terms.units import (
    DURATION_PATTERN,
    DURATION_UNITS,
    parse_duration,
)

# -- payloads ---------------------------------------------------------------------------------------------------------


def _hex(text: str) -> str:
    try:
        bytes.fromhex(text)
    except ValueError:
        raise ValueError("must be pairs of the digits 0 to 9 and a to f") from None
    return text


def _base64(text: str) -> str:
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("must be base64 with its padding") from None
    return text


class Binary(Strict):
    """Bytes, said in one of four ways."""

    model_config = exactly_one("hex", "base64", "file", "random")

    hex: Annotated[
        Annotated[str, AfterValidator(_hex)] | None,
        Field(description="Pairs of hexadecimal digits; spaces may part them."),
    ] = None
    base64: Annotated[Annotated[str, AfterValidator(_base64)] | None, Field(description="Base64 with its padding.")] = (
        None
    )
    file: Annotated[str | None, Field(description="A file beside the scenario.")] = None
    random: Annotated[Size | None, Field(description="So many random bytes, new ones each time.")] = None

    @model_validator(mode="after")
    def _one(self) -> Binary:
        if len(self.model_fields_set) != 1:
            raise ValueError("bytes are said as exactly one of hex, base64, file or random")
        return self


#: A frame has a header of at least 6 bytes, and all of a message are written at once.
MOST_FRAGMENTS = 10_000


class Payload(Strict):
    """What a message carries: exactly one of text, json, file (a text file) or binary."""

    model_config = exactly_one("text", "json", "file", "binary")

    text: Annotated[Template | None, Field(description="A text message.")] = None
    json_: JsonValue = Field(
        default=None, alias="json", description="A text message: JSON. A value that is one template keeps its type."
    )
    file: Annotated[str | None, Field(description="A text message: a UTF-8 file beside the scenario.")] = None
    binary: Annotated[Binary | None, Field(description="A binary message.")] = None
    fragments: Annotated[
        int, Field(ge=1, le=MOST_FRAGMENTS, description="In how many frames the message goes out.")
    ] = 1

    @model_validator(mode="after")
    def _one(self) -> Payload:
        given = self.model_fields_set & {"text", "json_", "file", "binary"}
        if len(given) != 1:
            raise ValueError("a message is exactly one of text, json, file or binary")
        return self


_text_payload = short_for("text", "a message: text, or a mapping with text, json, file or binary")
Sendable = Annotated[Payload, BeforeValidator(_text_payload, json_schema_input_type=str | Payload)]


# -- steps ------------------------------------------------------------------------------------------------------------


class Step(Strict):
    """What every step has: a name for the report, and what to do when it fails (see Failure in the language)."""

    verb: ClassVar[str]
    name: Annotated[Name | None, Field(description="What reports call the step; else its text or verb-N.")] = None
    on_failure: Annotated[
        OnFailure | None,
        Field(description="What a failure ends: nothing, the turn, or the session; by kind, unless said."),
    ] = None

    @property
    def label(self) -> str:
        """The name the report uses. build.py gives every step one, so that it is never empty there."""
        return self.name or self.verb

    def children(self) -> Iterator[tuple[tuple[str | int, ...], tuple[AnyStep, ...]]]:
        """The flows inside this one, each with the path that leads to it."""
        return iter(())

    def with_flows(self, change: Callable[[Flow], Flow]) -> Self:
        """This step, with each flow inside it changed; the order is that of ``children``."""
        return self


class Body(Strict):
    """The mapping behind a verb; its name and on_failure count as the step's."""

    name: Annotated[Name | None, Field(description="The step's name, written here instead of beside the verb.")] = None
    on_failure: Annotated[
        OnFailure | None, Field(description="The step's on_failure, written here instead of beside the verb.")
    ] = None


class OnConnection(Body):
    """A body whose step speaks or listens on the connection that ``on`` names, else on the one without a name."""

    on: Annotated[Name | None, Field(description="The connection, by the name that connect gave it: as.")] = None


class ExpectHandshake(Strict):
    """What the answer to an upgrade should be; a status other than 101 makes that refusal the right one."""

    status: Annotated[Status, Field(description="The status; any but 101 is a refusal that is right.")] = 101
    headers: Annotated[dict[str, JsonValue], Field(description="Headers of the answer, and what each should be.")] = {}
    body: Annotated[Conditions | None, Field(description="Conditions on the body of a refusal.")] = None
    subprotocol: Annotated[
        Token | None, Field(description="The one of those offered that the server has to choose.")
    ] = None

    @property
    def is_redirect(self) -> bool:
        """The redirect itself is what is right, so it is not followed."""
        return 300 <= self.status <= 399


class ConnectBody(Body):
    as_: Annotated[
        Name | None, Field(alias="as", description="A name for the connection, for users that have several: on.")
    ] = None
    path: Annotated[
        Template | None, Field(description="Instead of the target's own path and query; sent as it is written.")
    ] = None
    headers: Annotated[Headers, Field(description="More headers, or other values for the connection's own.")] = {}
    origin: Annotated[Origin | None, Field(description="Instead of the connection's own: the header Origin.")] = None
    cookies: Annotated[Cookies, Field(description="More cookies, or other values for the connection's own.")] = {}
    query: Annotated[
        dict[str, Template], Field(description="More of a query, or other values for the connection's own.")
    ] = {}
    proxy: Annotated[Proxy | None, Field(description="Instead of the connection's own; direct for none.")] = None
    subprotocols: Annotated[Subprotocols | None, Field(description="Instead of the connection's own.")] = None
    compression: Annotated[Compression | None, Field(description="Instead of the connection's own.")] = None
    tls: Annotated[Tls | None, Field(description="Replaces what connection.tls says, key by key.")] = None
    reconnect: Annotated[Reconnect | None, Field(description="Instead of the connection's own: reconnect.")] = None
    expect: Annotated[
        ExpectHandshake | None, Field(description="What the server's answer should be; else the upgrade, 101.")
    ] = None
    capture: Annotated[
        Captures | None, Field(description="Variables from the answer's headers: {header: X-Session}.")
    ] = None


class ConnectStep(Step):
    """Open the WebSocket."""

    verb = "connect"
    connect: Annotated[ConnectBody, Field(description="How, where it differs from connection; nothing is needed.")]


class CloseBody(OnConnection):
    code: Annotated[CloseCode, Field(description="The close code that is sent.")] = 1000
    reason: Annotated[Template, Field(description="The reason that is sent, at most 123 bytes.")] = ""


class CloseStep(Step):
    """Close the WebSocket, and wait for the peer's close."""

    verb = "close"
    close: Annotated[CloseBody, Field(description="With what; nothing is needed.")]


class DropStep(Step):
    """Cut TCP without a close frame."""

    verb = "drop"
    drop: Annotated[OnConnection, Field(description="Which connection; nothing is needed.")]


class ReconnectStep(Step):
    """Close the connection if it is open, and connect again as before."""

    verb = "reconnect"
    reconnect: Annotated[OnConnection, Field(description="Which connection; nothing is needed.")]


class StallBody(OnConnection):
    for_: Annotated[Span, Field(alias="for", description="How long nothing is read.")]


def _stall_body(value: Any) -> Any:
    return value if isinstance(value, dict | StallBody) else {"for": value}


class StallStep(Step):
    """Stop reading altogether for a time, so that the peer is held up."""

    verb = "stall"
    stall: Annotated[
        Annotated[StallBody, BeforeValidator(_stall_body, json_schema_input_type=str | StallBody)],
        Field(description="How long, or a mapping."),
    ]


class ReadSlowlyBody(OnConnection):
    rate: Annotated[ByteRate, Field(description="Bytes a second, as they come from the network.")]
    for_: Annotated[
        Span | None,
        Field(alias="for", description="How long; without it, to the connection's end, and the flow goes on."),
    ] = None


class ReadSlowlyStep(Step):
    """Read slower than the peer may want to write."""

    verb = "read_slowly"
    read_slowly: Annotated[ReadSlowlyBody, Field(description="How slowly, and how long.")]


class SendBody(Payload, OnConnection):
    pass


class SendStep(Step):
    """Send a message that nobody answers."""

    verb = "send"
    send: Annotated[
        Annotated[SendBody, BeforeValidator(_text_payload, json_schema_input_type=str | SendBody)],
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
        Annotated[RequestBody, BeforeValidator(_request_body, json_schema_input_type=str | RequestBody)],
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
    count: Annotated[Annotated[int, Field(ge=1)], Field(description="How many messages.")] = 1
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


class Think(Strict):
    """A pause: fixed (least = most), uniform between two, or exponential with a mean."""

    least: Annotated[Duration | None, NotWritten()] = None
    most: Annotated[Duration | None, NotWritten()] = None
    exponential: Annotated[Span | None, Field(description="A random time with this mean.")] = None


def _think(value: Any) -> Any:
    if isinstance(value, dict) and (not value or value.keys() & {"least", "most"}):
        raise ValueError("a pause is a time, a range as 1s..3s, or {exponential: 2s}")
    if isinstance(value, dict | Think):
        return value
    if not isinstance(value, str) or ".." not in value:
        fixed = duration(value)
        return {"least": f"{fixed}ns", "most": f"{fixed}ns"}
    least, dots, most = value.partition("..")
    think = {"least": least.strip(), "most": most.strip() if dots else least.strip()}
    if dots and parse_safely(think["least"]) > parse_safely(think["most"]):
        raise ValueError(f"the range {value!r} begins above its end")
    return think


def parse_safely(text: str) -> int:
    """A duration, or 0 where the field's own validator will complain anyway."""
    try:
        return parse_duration(text)
    except UnitError:
        return 0


class ThinkStep(Step):
    """Pause. Neither the pause nor its oversleeping counts in any latency."""

    verb = "think"
    think: Annotated[
        Annotated[
            Think,
            BeforeValidator(_think),
            WithJsonSchema(
                {
                    "oneOf": [
                        {"type": "string", "examples": ["1s", "1s..3s"]},
                        {
                            "type": "object",
                            "properties": {"exponential": {"type": "string", "pattern": DURATION_PATTERN}},
                            "required": ["exponential"],
                            "additionalProperties": False,
                        },
                    ]
                }
            ),
        ],
        Field(description="How long: 1s, a range 1s..3s, or {exponential: 2s}."),
    ]


class EveryStep(Step):
    """A schedule: a turn at each intended time, whatever the server does."""

    verb = "every"
    every: Annotated[Span, Field(description="The interval between intended times.")]
    for_: Span | None = Field(
        default=None,
        alias="for",
        description="How long turns are intended; a backlog still runs. Without it, as long as the user lives.",
    )
    late: Annotated[
        Literal["catch-up", "skip"],
        Field(description="What a turn does whose time has passed: run as soon as it can, or not at all."),
    ] = "catch-up"
    overlap: Annotated[bool, Field(description="Whether a turn may begin while the last one still waits.")] = False
    align: Annotated[
        bool, Field(description="Whether a held user's first turn is at once, and not at a random offset.")
    ] = False
    do: Annotated[Flow, Field(description="The steps of a turn.")]

    def children(self) -> Iterator[tuple[tuple[str | int, ...], tuple[AnyStep, ...]]]:
        yield ("do",), self.do

    def with_flows(self, change: Callable[[Flow], Flow]) -> Self:
        return self.model_copy(update={"do": change(self.do)})


class RepeatStep(Step):
    """The steps, a number of times."""

    verb = "repeat"
    repeat: Annotated[Annotated[int, Field(ge=0)] | Template, Field(description="How often: a number, or a template.")]
    do: Annotated[Flow, Field(description="The steps of a turn.")]

    def children(self) -> Iterator[tuple[tuple[str | int, ...], tuple[AnyStep, ...]]]:
        yield ("do",), self.do

    def with_flows(self, change: Callable[[Flow], Flow]) -> Self:
        return self.model_copy(update={"do": change(self.do)})


class WhileStep(Step):
    """The steps, as long as an expression is true."""

    verb = "while"
    while_: Template = Field(alias="while", description="An expression, looked at before each turn.")
    do: Annotated[Flow, Field(description="The steps of a turn.")]

    def children(self) -> Iterator[tuple[tuple[str | int, ...], tuple[AnyStep, ...]]]:
        yield ("do",), self.do

    def with_flows(self, change: Callable[[Flow], Flow]) -> Self:
        return self.model_copy(update={"do": change(self.do)})


class IfStep(Step):
    """The steps of then where an expression is true, of else where it is not."""

    verb = "if"
    if_: Template = Field(alias="if", description="An expression.")
    then: Annotated[Flow, Field(description="The steps where it is true.")] = ()
    else_: Flow = Field(default=(), alias="else", description="The steps where it is not.")

    def children(self) -> Iterator[tuple[tuple[str | int, ...], tuple[AnyStep, ...]]]:
        yield ("then",), self.then
        yield ("else",), self.else_

    def with_flows(self, change: Callable[[Flow], Flow]) -> Self:
        return self.model_copy(update={"then": change(self.then), "else_": change(self.else_)})


class Choice(Strict):
    weight: Annotated[
        Annotated[float, Field(gt=0)], Field(description="Its share, in proportion to the other choices' weights.")
    ] = 1.0
    do: Annotated[Flow, Field(description="Its steps.")]


class PickStep(Step):
    """One of several flows, by weight."""

    verb = "pick"
    pick: Annotated[
        Annotated[Many[Choice], Field(min_length=1)], Field(description="The choices, one of which is run.")
    ]

    def children(self) -> Iterator[tuple[tuple[str | int, ...], tuple[AnyStep, ...]]]:
        for index, choice in enumerate(self.pick):
            yield ("pick", index, "do"), choice.do

    def with_flows(self, change: Callable[[Flow], Flow]) -> Self:
        choices = tuple(choice.model_copy(update={"do": change(choice.do)}) for choice in self.pick)
        return self.model_copy(update={"pick": choices})


class ParallelStep(Step):
    """Several flows side by side; the step is over when all of them are."""

    verb = "parallel"
    parallel: Annotated[
        Annotated[Many[Annotated[Flow, Field(min_length=1)]], Field(min_length=1)], Field(description="The flows.")
    ]

    def children(self) -> Iterator[tuple[tuple[str | int, ...], tuple[AnyStep, ...]]]:
        for index, branch in enumerate(self.parallel):
            yield ("parallel", index), branch

    def with_flows(self, change: Callable[[Flow], Flow]) -> Self:
        return self.model_copy(update={"parallel": tuple(change(branch) for branch in self.parallel)})


class BarrierBody(Body):
    users: Annotated[int, Field(ge=1, description="How many users meet: nobody goes on before that many are there.")]
    within: Annotated[Span, Field(description="How long a user waits for the others; then the step has failed.")] = (
        TEN_SECONDS
    )


class BarrierStep(Step):
    """Wait until so many users are here; then all of them go on, and the next ones gather anew."""

    verb = "barrier"
    barrier: Annotated[BarrierBody, Field(description="How many, and how long.")]


class SetStep(Step):
    """Give variables values."""

    verb = "set"
    set: Annotated[
        Annotated[dict[Identifier, JsonValue], Field(min_length=1)],
        Field(description="Name and value; a value that is one template keeps its type."),
    ]


class CheckBody(Body):
    that: Annotated[Template, Field(description="An expression that should be true.")]


_check_body = short_for("that", "an expression, or a mapping")


class CheckStep(Step):
    """An expression that should be true; a failed check counts, and the flow goes on."""

    verb = "check"
    check: Annotated[
        Annotated[CheckBody, BeforeValidator(_check_body, json_schema_input_type=str | CheckBody)],
        Field(description="The expression, or a mapping with a name."),
    ]


class RecordBody(Strict):
    """``unit`` is a duration's (us, ms, s), or any word: its value is then recorded as it is."""

    name: Annotated[Name, Field(description="The trend's name, in reports and thresholds.")]
    value: Annotated[
        Annotated[Template, Field(json_schema_extra={"pattern": r"\{\{|^\$\{"})] | int | float,
        Field(description="A number, or a template that gives one."),
    ]
    unit: Annotated[Name, Field(description="A unit of time (ns, us, ms, s), or any word.")] = "1"
    on_failure: Annotated[
        OnFailure | None,
        Field(description="What a failure ends: nothing, the turn, or the session; by kind, unless said."),
    ] = None

    @property
    def ns_per_unit(self) -> int | None:
        """What turns a value into nanoseconds; None where the unit is no time."""
        return DURATION_UNITS[self.unit] if self.unit in ("ns", "us", "µs", "ms", "s") else None

    @property
    def metric_unit(self) -> str:
        """The unit of the trend: every time is kept in nanoseconds."""
        return self.unit if self.ns_per_unit is None else "ns"


class RecordStep(Step):
    """A value for a trend of the scenario's own."""

    verb = "record"
    record: Annotated[RecordBody, Field(description="The trend, and the value.")]


def _something(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be empty")
    return text


class CountStep(Step):
    """One more of a counter of the scenario's own."""

    verb = "count"
    count: Annotated[
        Annotated[Template, AfterValidator(_something), Field(json_schema_extra={"pattern": r"\S"})],
        Field(description="The counter's name; may be a template."),
    ]


class LogStep(Step):
    """A line in the run's log (a bounded number of them)."""

    verb = "log"
    log: Annotated[Template, Field(description="The line.")]


class PingBody(OnConnection):
    within: Annotated[Span, Field(description="How long the pong may take.")] = TEN_SECONDS


class PingStep(Step):
    """A ping, and its pong."""

    verb = "ping"
    ping: Annotated[PingBody, Field(description="How; nothing is needed.")]


class CallBody(Body):
    """``sets``, ``records`` and ``counts`` are what the function does that the rest of the scenario has to know of."""

    function: Annotated[
        FunctionName,
        Field(description="module:function, beside the scenario: an async function that takes a user and the args."),
    ]
    args: Annotated[
        dict[str, JsonValue], Field(description="What it is called with, by name; templates keep their type.")
    ] = {}
    sets: Annotated[Many[Identifier], Field(description="Variables that it sets, for the steps after it.")] = ()
    records: Annotated[
        dict[Name, Name], Field(description="Trends of its own, and their units: us, ms, s, or any word.")
    ] = {}
    counts: Annotated[Many[Name], Field(description="Counters of its own that thresholds may name.")] = ()


_call_body = short_for("function", "module:function, or a mapping")


class CallStep(Step):
    """Run a Python function. As a whole flow, in place of its steps, it is a user written in Python: a session."""

    model_config = ConfigDict(json_schema_extra=lambda schema: schema["properties"].pop("is_session", None))

    verb = "call"
    call: Annotated[
        Annotated[CallBody, BeforeValidator(_call_body, json_schema_input_type=FunctionName | CallBody)],
        Field(description="The function, or a mapping with its args."),
    ]
    is_session: Annotated[bool, NotWritten()] = False


#: The methods of HTTP that a step may use, each a key of its body.
HttpMethod = Literal["get", "post", "put", "patch", "delete", "head", "options"]
_METHODS: tuple[HttpMethod, ...] = get_args(HttpMethod)
_BODIES = ("json_", "text", "form", "binary", "file")


class HttpBody(Body):
    """One request: exactly one method, at most one body, and what must hold of the answer."""

    model_config = exactly_one(*_METHODS)

    get: Annotated[
        Template | None,
        Field(description="The address, sent as it is written: http(s)://, or a path on the target's host."),
    ] = None
    post: Annotated[Template | None, Field(description="As get.")] = None
    put: Annotated[Template | None, Field(description="As get.")] = None
    patch: Annotated[Template | None, Field(description="As get.")] = None
    delete: Annotated[Template | None, Field(description="As get.")] = None
    head: Annotated[Template | None, Field(description="As get.")] = None
    options: Annotated[Template | None, Field(description="As get.")] = None
    headers: Annotated[Headers, Field(description="Headers of the request.")] = {}
    query: Annotated[
        dict[str, Template],
        Field(description="Added to the query that the address has, encoded as HTML forms encode it."),
    ] = {}
    json_: Annotated[JsonValue, Field(alias="json", description="The body, as application/json.")] = None
    text: Annotated[Template | None, Field(description="The body, as text/plain.")] = None
    form: Annotated[dict[str, Template] | None, Field(description="The body, as an HTML form sends it.")] = None
    binary: Annotated[Binary | None, Field(description="The body, as application/octet-stream.")] = None
    file: Annotated[str | None, Field(description="The body: a text file beside the scenario.")] = None
    check: Annotated[
        AnswerConditions | None,
        Field(description="What must hold of the answer: status, headers, and conditions as on a message."),
    ] = None
    capture: Annotated[
        Captures | None,
        Field(
            description="Variables, and where their values are: as of a message, {status: true}, {header: X} or {cookie: X}."
        ),
    ] = None
    within: Annotated[Span, Field(description="From the request to the last byte of the answer.")] = TEN_SECONDS
    redirects: Annotated[int, Field(ge=0, le=50, description="How many redirects are followed.")] = 10
    proxy: Annotated[
        Proxy | None,
        Field(description="Instead of the connection's own, which holds where it has no template; direct for none."),
    ] = None

    @model_validator(mode="after")
    def _one_method(self) -> HttpBody:
        methods = [method for method in _METHODS if method in self.model_fields_set]
        if len(methods) != 1 or getattr(self, methods[0]) is None:
            raise ValueError("a request has exactly one method and its address: " + ", ".join(_METHODS))
        if len(self.model_fields_set.intersection(_BODIES)) > 1:
            raise ValueError("a request has at most one body: json, text, form, binary or file")
        return self

    @property
    def method(self) -> HttpMethod:
        return next(method for method in _METHODS if method in self.model_fields_set)

    @property
    def url(self) -> Template:
        return str(getattr(self, self.method))

    @property
    def payload(self) -> Payload | None:
        """The body as a message would carry it; None where there is none, or a form."""
        given = {name: getattr(self, name) for name in self.model_fields_set.intersection(_BODIES) - {"form"}}
        return Payload.model_construct(_fields_set=set(given), **given) if given else None


class HttpStep(Step):
    """Ask over HTTP, with the user's own connections and cookies."""

    verb = "http"
    http: Annotated[HttpBody, Field(description="The request, and what must hold of its answer.")]


STEPS: dict[str, type[Step]] = {
    step.verb: step
    for step in (
        ConnectStep, CloseStep, SendStep, RequestStep, WaitForStep, ExpectNoneStep, ThinkStep, EveryStep, RepeatStep,
        WhileStep, IfStep, PickStep, ParallelStep, BarrierStep, SetStep, CheckStep, RecordStep, CountStep, LogStep,
        PublishStep, PingStep, HttpStep, DropStep, ReconnectStep, StallStep, ReadSlowlyStep, CallStep,
    )
}  # fmt: skip
#: Verbs that may stand alone, as a word: all their keys have defaults.
_Word = Literal["connect", "close", "ping", "wait_for", "drop", "reconnect"]
BARE_VERBS = frozenset(get_args(_Word))


def step_verb(value: Any) -> str | None:
    """The verb of a step, read from the file's tree or from a model; None where there is none or more than one."""
    if isinstance(value, Step):
        return value.verb
    if not isinstance(value, dict):
        return None
    verbs = [key for key in value if key in STEPS]
    return str(verbs[0]) if len(verbs) == 1 else None


def _bare(value: Any) -> Any:
    """``connect`` -> ``{connect: {}}``; so is ``connect:`` with nothing behind it."""
    if isinstance(value, str) and value in BARE_VERBS:
        return {value: {}}
    if isinstance(value, dict):
        return {key: {} if inner is None and key in BARE_VERBS else inner for key, inner in value.items()}
    return value


_OneStep = Annotated[
    Annotated[ConnectStep, Tag("connect")]
    | Annotated[CloseStep, Tag("close")]
    | Annotated[SendStep, Tag("send")]
    | Annotated[PublishStep, Tag("publish")]
    | Annotated[RequestStep, Tag("request")]
    | Annotated[WaitForStep, Tag("wait_for")]
    | Annotated[ExpectNoneStep, Tag("expect_none")]
    | Annotated[ThinkStep, Tag("think")]
    | Annotated[EveryStep, Tag("every")]
    | Annotated[RepeatStep, Tag("repeat")]
    | Annotated[WhileStep, Tag("while")]
    | Annotated[IfStep, Tag("if")]
    | Annotated[PickStep, Tag("pick")]
    | Annotated[ParallelStep, Tag("parallel")]
    | Annotated[BarrierStep, Tag("barrier")]
    | Annotated[SetStep, Tag("set")]
    | Annotated[CheckStep, Tag("check")]
    | Annotated[RecordStep, Tag("record")]
    | Annotated[CountStep, Tag("count")]
    | Annotated[LogStep, Tag("log")]
    | Annotated[PingStep, Tag("ping")]
    | Annotated[DropStep, Tag("drop")]
    | Annotated[ReconnectStep, Tag("reconnect")]
    | Annotated[StallStep, Tag("stall")]
    | Annotated[ReadSlowlyStep, Tag("read_slowly")]
    | Annotated[HttpStep, Tag("http")]
    | Annotated[CallStep, Tag("call")],
    Discriminator(step_verb),
]
AnyStep = Annotated[_OneStep, BeforeValidator(_bare, json_schema_input_type=_Word | _OneStep)]
Flow = Many[AnyStep]


def _python_flow(value: Any) -> Any:
    """``flow: {call: ..}`` -> the one step, which is a whole session."""
    return [{**value, "is_session": True}] if isinstance(value, dict) and "call" in value else value


UserFlow = Annotated[Flow, BeforeValidator(_python_flow, json_schema_input_type=Flow | CallStep)]


def walk(flow: Flow, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], AnyStep]]:
    """Every step of a flow, outer before inner, with the path to it (for positions in messages)."""
    for index, step in enumerate(flow):
        yield (*path, index), step
        for inner, steps in step.children():
            yield from walk(steps, (*path, index, *inner))
