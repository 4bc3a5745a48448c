"""The keys of a protocol file: how one protocol over WebSocket opens, answers, pushes, beats and says no.

A place is a JSONPath into the whole message. In what is sent, ``<name>`` stands for the argument of that name, and
``{{ }}`` is a template as in scenarios. ``docs/protocols.md`` is the reference with examples.
"""

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, JsonValue, model_validator

from loadws.scenario.matching.extract import MatchError
from loadws.scenario.matching.jsonpath import PathError, compile_path
from loadws.scenario.matching.matching import compile_conditions
from loadws.scenario.model.field_types import TEN_SECONDS, Many, Name, Span, Strict, Subprotocols
from loadws.scenario.model.steps import STEPS, CarryingStep, ProtocolStep
from loadws.scenario.template.template import TemplateError, compile_value

#: The verbs that a protocol may have; each has a key of the same name in its file.
_STEPS = {verb: step for verb, step in STEPS.items() if issubclass(step, ProtocolStep)}
VERBS = tuple(_STEPS)
#: Keys that every step has, so that no argument may be called so.
OF_STEPS = frozenset({"name", "on", "on_failure", "reply", "confirmed", "first", "subscription", "key", "ack", "send"})


def _path(text: str) -> str:
    try:
        compile_path(text)
    except PathError as error:
        raise ValueError(f"{error}; {error.advice}") from None
    return text


#: The argument that stands for the key of a subscription, which is known only while the load runs.
KEY = "key"
#: The argument that stands for the message of a step that carries one, and the verbs that do.
MESSAGE = "send"
#: The verbs whose message is answered always, and those whose message never is.
ALWAYS_ANSWERED = frozenset(verb for verb, step in _STEPS.items() if step.answered == "always")
NEVER_ANSWERED = frozenset(verb for verb, step in _STEPS.items() if step.answered == "never")
#: The keys of each verb that ask for an answer, by verb.
ASKED_FOR = {verb: step.asked_for for verb, step in _STEPS.items()}
CARRYING = frozenset(verb for verb, step in STEPS.items() if issubclass(step, CarryingStep))
#: The argument of what opens a connection that stands for the seconds between heartbeats.
HEARTBEAT = "heartbeat"
#: The argument that stands for what lets a server go on where a lost connection was; left out where there is nothing.
RESUME = "resume"
ARGUMENT = re.compile(r"<(\w+)>")

_ENVIRONMENT = re.compile(r"\{\{.*\benv\s*\(")


def _sendable(tree: JsonValue) -> JsonValue:
    if _ENVIRONMENT.search(str(tree)):
        raise ValueError("a protocol file does not read the environment; give the value as an argument")
    try:
        compile_value(tree)
    except TemplateError as error:
        raise ValueError(f"{error}; {error.advice}" if error.advice else str(error)) from None
    return tree


#: What is sent: JSON with ``<name>`` for arguments and ``{{ }}`` for what loadws makes.
Sent = Annotated[JsonValue, AfterValidator(_sendable)]


def arguments_in(tree: JsonValue) -> Iterator[str]:
    """Yield the names that stand as ``<name>`` in what is sent, as a value or as a key."""
    if isinstance(tree, str):
        yield from (match[1] for match in [ARGUMENT.fullmatch(tree)] if match)
    elif isinstance(tree, list):
        for item in tree:
            yield from arguments_in(item)
    elif isinstance(tree, dict):
        for key, item in tree.items():
            yield from arguments_in(key)
            yield from arguments_in(item)


Path = Annotated[str, AfterValidator(_path)]


def _conditions(mapping: dict[str, JsonValue]) -> dict[str, JsonValue]:
    try:
        compiled = compile_conditions(mapping)
    except MatchError as error:
        raise ValueError(f"{error}" + (f"; {error.advice}" if error.advice else "")) from None
    if compiled.names or not all(key.startswith("$") for key in mapping):
        raise ValueError("conditions of a protocol are JSONPaths and constant values: {$.type: ping}")
    return mapping


#: Conditions on the whole message.
Where = Annotated[
    dict[str, JsonValue],
    Field(min_length=1, json_schema_extra={"propertyNames": {"pattern": r"^\$"}}),
    AfterValidator(_conditions),
]


class InText(Strict):
    """A place that holds JSON in a text: what that JSON is."""

    json_in: Annotated[Path, Field(description="The place of a text with JSON in it. Other text is used as it is.")]


class Inside(Strict):
    """A place that holds a whole message: text or bytes, read as a message of a connection without a protocol is."""

    message: Annotated[Path, Field(description="The place of a message in text or bytes.")]


#: What a message carries: a place, JSON in a text at a place, a message, or several places with a name each.
Content = Annotated[Path | InText | Inside | dict[str, Path], Field(union_mode="left_to_right")]


def _arguments(names: Any) -> Any:
    for name in names if isinstance(names, dict | list) else ():
        if isinstance(name, str) and name in OF_STEPS:
            raise ValueError(f"{name!r} is a key of every step; choose another name")
    return names


Needed = Annotated[Many[Name], BeforeValidator(_arguments)]
Optional = Annotated[dict[str, JsonValue], BeforeValidator(_arguments)]


class Fault(Strict):
    """An error of the protocol inside a message."""

    where: Annotated[
        Where | None, Field(description="Which messages are errors. Default: those that have the place.")
    ] = None
    at: Annotated[Path, Field(description="The place of the server's words about the error.")]
    code: Annotated[Path | None, Field(description="The place of its code, a number or a word.")] = None


class Replies(Strict):
    """Which message answers a request, and what it carries."""

    where: Annotated[Where | None, Field(description="Conditions on replies. Default: every message with the id.")] = (
        None
    )
    id: Annotated[Path | None, Field(description="The place of the id in the reply.")] = None
    sent_id: Annotated[Path | None, Field(description="The place of the id in what was sent. Default: as id.")] = None
    payload: Annotated[Content, Field(description="What the reply carries.")] = "$"
    errors: Annotated[Many[Fault], Field(description="Replies that are errors: the first that fits.")] = ()

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.where is None and self.id is None:
            raise ValueError("a reply is known by its id, by where, or by both")
        return self


class Answering(Strict):
    """What loadws answers to a message by itself, as soon as it has come."""

    send: Annotated[Sent, Field(description="What is sent, with <name> for each of places.")]
    places: Annotated[dict[str, Path], Field(description="The places in the message that send has by name.")] = {}

    @model_validator(mode="after")
    def _known(self) -> Self:
        if "{{" in str(self.send):
            raise ValueError("an answer has no templates: write <name>, and in places where it is in the message")
        for name in arguments_in(self.send):
            if name not in self.places:
                raise ValueError(f"<{name}> is in what is answered, and places does not have {name!r}")
        return self


class Pushed(Strict):
    """A kind of message that no request asked for."""

    where: Annotated[
        Where | None, Field(description="Which messages. Default: all that no rule before this takes.")
    ] = None
    event: Annotated[Path | None, Field(description="The place of the message's name: the condition event.")] = None
    payload: Annotated[Content, Field(description="What the message carries.")] = "$"
    subscription: Annotated[
        Path | None, Field(description="The place of the key of the subscription that the message belongs to.")
    ] = None
    ends: Annotated[
        bool, Field(description="Whether it ends the subscription. It is then the protocol's own and no message.")
    ] = False
    error: Annotated[Fault | None, Field(description="Says that it is an error, counted as protocol.server_error.")] = (
        None
    )
    answer: Annotated[Answering | None, Field(description="What loadws sends back at once, as an acknowledgement.")] = (
        None
    )


class Opening(Strict):
    """What happens between the upgrade and the first message. Connecting is done when it is confirmed."""

    send: Annotated[Sent, Field(description="What is sent as soon as the WebSocket is open. Default: nothing.")] = None
    confirmed: Annotated[
        Where | None, Field(description="The message that confirms it. Default: none, connecting is done at once.")
    ] = None
    payload: Annotated[
        Content, Field(description="What the confirmation carries, for connection.protocol.capture.")
    ] = "$"
    refused: Annotated[Where | None, Field(description="The message that refuses it.")] = None
    why: Annotated[Path, Field(description="The place of the reason in a refusal.")] = "$"
    code: Annotated[
        Path | None, Field(description="The place of its code, a number or a word: part of the error's kind.")
    ] = None
    within: Annotated[Span, Field(description="How long the confirmation may take.")] = TEN_SECONDS


class Beat(Strict):
    """A heartbeat. Either side may begin it; none is a message."""

    every: Annotated[
        Span | None, Field(description="The time between two that loadws sends. Default: it sends none.")
    ] = None
    due: Annotated[
        Span | None,
        Field(
            description="The time in which the server sends something, a heartbeat or a message. After twice that without "
            "any the connection is lost. Default: any time."
        ),
    ] = None
    agreed: Annotated[
        Path | None,
        Field(
            description="The place, in what confirms the opening, of the seconds that the server wants between two. The "
            "longer time counts; 0 is none at all. Default: every, or due, as it is."
        ),
    ] = None
    send: Annotated[Sent, Field(description="What loadws sends: by itself, or as the answer to the server's.")] = None
    received: Annotated[Where | None, Field(description="The server's: its heartbeat, or its answer to ours.")] = None
    answer: Annotated[bool, Field(description="Whether send answers each received one.")] = False
    timeout: Annotated[
        Span | None,
        Field(
            description="How long the answer to ours may take; after that the connection is lost. Default: any time."
        ),
    ] = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.every is None and self.received is None:
            raise ValueError("a heartbeat has every, received, or both")
        if self.answer and (self.every is not None or self.received is None):
            raise ValueError("answer: true is for a heartbeat that the server sends: received, send and no every")
        if self.due is not None and (self.every is not None or self.received is None):
            raise ValueError("due is for heartbeats that the server sends: received and no every")
        if self.agreed is not None and self.every is None and self.due is None:
            raise ValueError("what is agreed is the time of every, or of due")
        if self.timeout is not None and (self.every is None or self.received is None):
            raise ValueError("a timeout needs both every and received")
        return self


class Key(Strict):
    """The key of a subscription, which its messages carry."""

    sent: Annotated[Path | None, Field(description="Its place in what was sent.")] = None
    reply: Annotated[Path | None, Field(description="Its place in the confirmation.")] = None
    topics: Annotated[
        bool,
        Field(description="Whether it is a filter of topics, as MQTT has them: + is one level, # all further ones."),
    ] = False

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.sent is None) == (self.reply is None):
            raise ValueError("a key is at one place: {sent: $.id} or {reply: $.result}")
        return self


class Sending(Strict):
    """A verb: its arguments, and what it sends."""

    needs: Annotated[Needed, Field(description="The arguments that a step must have.")] = ()
    may: Annotated[
        Optional, Field(description="Those that it may have, each with its default. null: left out of what is sent.")
    ] = {}
    choices: Annotated[
        dict[str, Many[JsonValue]], Field(description="Arguments that have one of a few values: which.")
    ] = {}
    send: Annotated[
        Sent,
        Field(description="What is sent, with <name> for each argument; <send> is the message of a verb that has one."),
    ]
    instead: Annotated[
        dict[str, Sent], Field(description="What is sent instead where the step has the argument of this name.")
    ] = {}
    adds: Annotated[
        dict[str, dict[str, Sent]],
        Field(description="What is added to what is sent, a mapping, where the step has the argument of this name."),
    ] = {}

    @model_validator(mode="after")
    def _can_be_added_to(self) -> Self:
        if self.adds and not all(isinstance(tree, dict) for tree in (self.send, *self.instead.values())):
            raise ValueError("adds needs a mapping in send, and in each of instead")
        return self

    def sent_by(self, said: frozenset[str]) -> JsonValue:
        """Return what is sent by a step that has these arguments and keys."""
        tree = next((tree for name, tree in self.instead.items() if name in said), self.send)
        for name, more in self.adds.items():
            if name in said and isinstance(tree, dict):
                tree = {**tree, **more}
        return tree

    @property
    def arguments(self) -> tuple[str, ...]:
        """Return the names of all arguments."""
        return (*self.needs, *self.may)


class Asking(Sending):
    """A verb that sends a message and may wait for its answer."""

    reply: Annotated[
        Replies | bool, Field(description="What answers it: true as in replies, false nothing, or a rule of its own.")
    ] = True

    def is_answered(self, said: frozenset[str]) -> bool:
        """Return whether a step that has these keys is answered.

        Where ``adds`` has ``confirmed``, only a step that has that key asks for an answer.
        """
        return self.reply is not False and ("confirmed" not in self.adds or "confirmed" in said)


class Subscribing(Asking):
    """The verb ``subscribe``."""

    key: Annotated[Key, Field(description="What tells its messages from those of other subscriptions.")]


class ProtocolFile(Strict):
    """A protocol, as its file describes it: messages, verbs, replies, subscriptions and heartbeats."""

    about: Annotated[str, Field(description="Its name and version, for people.")]
    subprotocols: Annotated[
        Subprotocols, Field(description="What is offered in the upgrade where connection.subprotocols says nothing.")
    ] = ()
    query: Annotated[
        dict[str, str], Field(description="Parameters of the URL, which connection.query may replace.")
    ] = {}
    codec: Annotated[
        Literal["json", "mqtt", "stomp", "socket.io"],
        Field(
            description="How frames become records: json, mqtt, stomp, or socket.io (pip install 'loadws[socketio]')."
        ),
    ] = "json"
    separator: Annotated[
        str | None, Field(min_length=1, description="What stands between records, where one frame may hold several.")
    ] = None
    ends_records: Annotated[bool, Field(description="Whether the separator stands behind the last record too.")] = False
    batches: Annotated[bool, Field(description="Whether a list holds several messages.")] = False
    one_call: Annotated[bool, Field(description="Whether a call has to wait until the one before is answered.")] = False
    options: Annotated[
        Optional,
        Field(
            description="What connection.protocol may say for open.send, each with its default. "
            "<heartbeat> is there too, the seconds between heartbeats of ours, and <resume>: what the codec knows of "
            "the connection before, in whose place this one comes."
        ),
    ] = {}
    open: Annotated[Opening | None, Field(description="How a connection opens.")] = None
    closing: Annotated[
        Sent, Field(description="What is sent before loadws closes the connection. Default: nothing.")
    ] = None
    heartbeats: Annotated[Many[Beat], Field(description="Heartbeats, of either side.")] = ()
    replies: Annotated[Replies | None, Field(description="How answers are told from other messages.")] = None
    pushed: Annotated[Many[Pushed], Field(description="Messages that no request asked for; the first that fits.")] = ()
    call_method: Annotated[Asking | None, Field(description="The verb call_method.")] = None
    notify: Annotated[Sending | None, Field(description="The verb notify.")] = None
    subscribe: Annotated[Subscribing | None, Field(description="The verb subscribe.")] = None
    unsubscribe: Annotated[Asking | None, Field(description="The verb unsubscribe; <key> is the subscription's.")] = (
        None
    )
    emit: Annotated[Asking | None, Field(description="The verb emit; instead.ack is what it sends with ack.")] = None
    answer_call: Annotated[Sending | None, Field(description="The verb answer_call.")] = None
    publish_topic: Annotated[Asking | None, Field(description="The verb publish_topic; adds.qos is for qos 1.")] = None
    send_to: Annotated[Asking | None, Field(description="The verb send_to; adds.confirmed asks for a receipt.")] = None

    @model_validator(mode="after")
    def _options(self) -> Self:
        for name in arguments_in(self.open.send) if self.open is not None else ():
            if name not in self.options and name not in (HEARTBEAT, RESUME):
                raise ValueError(f"<{name}> is in what open sends, and options does not have {name!r}")
        for verb in VERBS:
            sending = self.verb(verb)
            known = (
                {*self.options, *sending.arguments, KEY, *(MESSAGE for _ in CARRYING & {verb})}
                if sending is not None
                else ()
            )
            for name in (
                arguments_in([sending.send, *sending.instead.values(), *sending.adds.values()])
                if sending is not None
                else ()
            ):
                if name not in known:
                    raise ValueError(f"<{name}> is in what {verb} sends, and neither needs nor may has {name!r}")
        return self

    @model_validator(mode="after")
    def _replies(self) -> Self:
        if self.replies is None and any(
            isinstance(asking, Asking) and asking.reply is True for asking in map(self.verb, VERBS)
        ):
            raise ValueError(
                "a verb is answered, and replies does not say what a reply is; or write reply: false there"
            )
        return self

    def verb(self, name: str) -> Sending | None:
        """Return what the file says about a verb; None where the protocol has none of this name."""
        sending: Sending | None = getattr(self, name) if name in VERBS else None
        return sending
