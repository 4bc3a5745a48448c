"""A protocol, compiled: frames become records, records become messages, and arguments become what is sent. No I/O."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterator, Mapping
from functools import partial
from typing import Any

import msgspec
from pydantic import JsonValue

from loadws.scenario.json_reader import NotJson, read_json
from loadws.scenario.matching.index import Extract, Wanted
from loadws.scenario.matching.jsonpath import MISSING, Find, compile_path
from loadws.scenario.matching.matchers import NO_SCOPE
from loadws.scenario.matching.matching import compile_conditions
from loadws.scenario.matching.message import Carried, Enveloped, Message
from loadws.scenario.protocol import mqtt_packets, stomp_frames
from loadws.scenario.protocol.protocol_file import (
    ARGUMENT,
    KEY,
    MESSAGE,
    RESUME,
    Content,
    Fault,
    Inside,
    InText,
    ProtocolFile,
    Pushed,
    Replies,
)
from loadws.scenario.template.scope import Scope
from loadws.scenario.template.template import compile_template, compile_value
from loadws.scenario.template.values import EvaluationError, as_json, freeze

#: Whether a rule is for a record.
Test = Callable[[Any], bool]
#: The longest code of an error that becomes part of its kind: a server must not fill reports.
LONGEST_CODE = 40
_CODE = re.compile(rf"[\w-]{{1,{LONGEST_CODE}}}")


# -- reading ----------------------------------------------------------------------------------------------------------


def test_of(where: Mapping[str, JsonValue] | None) -> Test:
    """Return whether a record meets conditions on it; without any, every record does."""
    if where is None:
        return lambda record: True
    holds = compile_conditions(where).bind(NO_SCOPE)

    def test(record: Any) -> bool:
        return holds(Message(b"", 0, record))

    return test


def content_of(content: Content) -> Find:
    """Return the function from a record to what it carries; what is not there is None, in a mapping it is left out."""
    if isinstance(content, str):
        find = compile_path(content)
        return lambda record: _or_none(find(record))
    if isinstance(content, InText):
        inner = compile_path(content.json_in)
        return lambda record: _from_text(_or_none(inner(record)))
    if isinstance(content, Inside):
        whole = compile_path(content.message)
        return lambda record: Carried.of(_or_none(whole(record)))
    places = {name: compile_path(place) for name, place in content.items()}

    def several(record: Any) -> dict[str, Any]:
        found = ((name, find(record)) for name, find in places.items())
        return {name: value for name, value in found if value is not MISSING}

    return several


def _or_none(value: Any) -> Any:
    return None if value is MISSING else value


def _from_text(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return read_json(value)
    except NotJson:
        return value


class Failed(msgspec.Struct, frozen=True):
    """An error of the protocol: its code, or nothing, and the server's words for it."""

    code: str
    said: Any

    def kind(self, family: str) -> str:
        """Return the kind of the error: the family, followed by a dot and the error's code where it has one."""
        return f"{family}.{self.code}" if self.code else family


def fault_of(fault: Fault) -> Callable[[Any], Failed | None]:
    """Return the function that finds an error in a record; None where it is none."""
    is_fault = test_of(fault.where) if fault.where is not None else None
    find, code = compile_path(fault.at), compile_path(fault.code) if fault.code is not None else None

    def failed(record: Any) -> Failed | None:
        said = find(record)
        if is_fault is None:
            if said is MISSING or said is None:
                return None
        elif not is_fault(record):
            return None
        return Failed(_code(code(record)) if code is not None else "", _or_none(said))

    return failed


def fault_words(at: str, code: str | None) -> Callable[[Any], Failed]:
    """Return the function from a record that is an error to the server's words and its code."""
    find, find_code = compile_path(at), compile_path(code) if code is not None else None
    return lambda record: Failed("" if find_code is None else _code(find_code(record)), _or_none(find(record)))


def _code(value: Any) -> str:
    text = str(value) if type(value) in (int, str) else ""
    return text if _CODE.fullmatch(text) else ""


class ReplyRule:
    """How an answer is known, and what it carries. ``content`` returns what a record carries."""

    def __init__(self, replies: Replies) -> None:
        self.content = content_of(replies.payload)
        self._faults = [fault_of(fault) for fault in replies.errors]
        self._id = compile_path(replies.id) if replies.id is not None else None
        self._extract = _extractor(self._id) if self._id is not None else None
        sent_id = replies.sent_id or replies.id
        self._sent_id = compile_path(sent_id) if sent_id is not None else None
        self.is_reply = test_of(replies.where)
        self._rest = None if replies.where is None else (lambda message: self.is_reply(_record(message)))

    def wanted(self, sent: Any) -> Wanted:
        """Return what is looked for in an answer to ``sent``.

        Raises:
            EvaluationError: ``sent`` has no id at the place that the file names.
        """
        if self._extract is None:
            return Wanted(None, None, self._rest)
        return Wanted(self._extract, self.key_sent(sent), self._rest)

    def key_sent(self, sent: Any) -> Hashable:
        """Return the id in what is sent, as a key.

        Raises:
            EvaluationError: There is none at the place that the file names.
        """
        found = MISSING if self._sent_id is None else self._sent_id(sent)
        if found is MISSING:
            raise EvaluationError("what is sent has no id at the place that the protocol file names")
        return freeze(found)

    def key_of(self, record: Any) -> Hashable:
        """Return the id that an answer has, as a key; ``MISSING`` where the record is none."""
        found = self._id(record) if self._id is not None and self.is_reply(record) else MISSING
        return MISSING if found is MISSING else key_from(found)

    def open(self, message: Enveloped) -> None:
        """Set what an answer carries."""
        message.open(self.content(message.envelope))

    def failed(self, record: Any) -> Failed | None:
        """Return the error that an answer is; None where it is none."""
        for fault in self._faults:
            found = fault(record)
            if found is not None:
                return found
        return None


class BatchRule(ReplyRule):
    """The same for the answers to a batch of calls, which are one list in the order of the calls."""

    def __init__(self, replies: Replies) -> None:
        super().__init__(replies)
        self._one = ReplyRule(replies)

    def open(self, message: Enveloped) -> None:
        """Set what the answers carry, as a list."""
        message.open([self._one.content(record) for record in message.envelope])

    def failed(self, record: Any) -> Failed | None:
        """Return the first error among the answers; None where there is none."""
        return next((found for each in record if (found := self._one.failed(each)) is not None), None)


def _record(message: Message) -> Any:
    return message.envelope if isinstance(message, Enveloped) else MISSING


def _extractor(find: Find) -> Extract:
    def extract(message: Message) -> Hashable:
        found = find(_record(message))
        return MISSING if found is MISSING else key_from(found)

    return extract


def key_from(value: Any) -> Hashable:
    """Return a value as the key of a dictionary; ``MISSING`` where it can be none."""
    try:
        return freeze(value)
    except EvaluationError:
        return MISSING


class PushRule:
    """A kind of message that no request asked for."""

    def __init__(self, pushed: Pushed) -> None:
        self.takes = test_of(pushed.where)
        self.ends = pushed.ends
        self._content = content_of(pushed.payload)
        self._event = compile_path(pushed.event) if pushed.event is not None else None
        self._key = compile_path(pushed.subscription) if pushed.subscription is not None else None
        self._fault = fault_of(pushed.error) if pushed.error is not None else None
        #: What is answered at once, made of a record; None for nothing.
        self.answer = filler_of(pushed.answer.send, pushed.answer.places) if pushed.answer is not None else None

    def open(self, message: Enveloped) -> None:
        """Set what a message carries, and its name."""
        message.open(self._content(message.envelope))
        if self._event is not None:
            message.event = self._event(message.envelope)

    def key(self, record: Any) -> Hashable:
        """Return the key of the subscription that a record belongs to; ``MISSING`` for none."""
        found = MISSING if self._key is None else self._key(record)
        return MISSING if found is MISSING else key_from(found)

    def failed(self, record: Any) -> Failed | None:
        """Return the error that a record is; None where it is none."""
        return None if self._fault is None else self._fault(record)


#: Yields each record of a frame with its size in bytes. Raises ``NotJson``.
Read = Callable[[str | bytes], Iterator[tuple[Any, int]]]


class Framing:
    """How records lie in frames. ``reader`` makes the reader of one connection."""

    def __init__(self, file: ProtocolFile) -> None:
        self._separator = file.separator
        self._ends = file.ends_records
        self._batches = file.batches

    def reader(self) -> Read:
        """Return the reader of one connection; frames of JSON are read alike on all."""
        return self._records

    def _records(self, payload: str | bytes) -> Iterator[tuple[Any, int]]:
        """Yield each record of a frame with its size in bytes. Raises ``NotJson``."""
        for text in self._texts(payload):
            record = read_json(text)
            size = len(text) if isinstance(text, bytes) or text.isascii() else len(text.encode("utf-8", "replace"))
            if self._batches and isinstance(record, list):
                for index, each in enumerate(record):
                    yield each, 0 if index else size
            else:
                yield record, size

    def _texts(self, payload: str | bytes) -> list[str] | list[bytes]:
        if self._separator is None:
            return [payload]  # type: ignore[return-value]  # a list of one, of either kind
        if isinstance(payload, bytes):
            return [part for part in payload.split(self._separator.encode()) if part.strip()]
        return [part for part in payload.split(self._separator) if part.strip()]

    def framed(self, value: Any) -> str:
        """Return the frame that holds one record. Raises ``EvaluationError`` where it cannot be written as JSON."""
        return as_json(value) + (self._separator or "" if self._ends else "")


def filler_of(tree: JsonValue, places: Mapping[str, str]) -> Find:
    """Return the function from a record to a copy of ``tree`` with the values at places of the record for ``<name>``."""
    if isinstance(tree, str):
        argument = ARGUMENT.fullmatch(tree)
        if argument is None:
            return lambda record: tree
        find = compile_path(places[argument[1]])
        return lambda record: _or_none(find(record))
    if isinstance(tree, list):
        items = [filler_of(item, places) for item in tree]
        return lambda record: [item(record) for item in items]
    if isinstance(tree, dict):
        pairs = [(key, filler_of(item, places)) for key, item in tree.items()]
        return lambda record: {key: item(record) for key, item in pairs}
    return lambda record: tree


# -- sending ----------------------------------------------------------------------------------------------------------

#: Makes a part of what is sent; ``_LEFT_OUT`` where its argument was not given.
Make = Callable[[Scope], Any]
_LEFT_OUT = object()


def compile_sending(tree: JsonValue, arguments: Mapping[str, JsonValue]) -> Make:
    """Compile what is sent: ``<name>`` becomes the argument, whole; one without a value is left out.

    The result raises ``EvaluationError``.
    """
    make = _compile(tree, arguments)
    return lambda scope: _present(make(scope))


def _present(value: Any) -> Any:
    return None if value is _LEFT_OUT else value


def _compile(tree: JsonValue, arguments: Mapping[str, JsonValue]) -> Make:
    if isinstance(tree, str):
        return _text(tree, arguments)
    if isinstance(tree, list):
        items = [_compile(item, arguments) for item in tree]
        return lambda scope: [_present(item(scope)) for item in items]
    if isinstance(tree, dict):
        if tree.keys() == {"json_text"}:
            inner = _compile(tree["json_text"], arguments)
            return lambda scope: as_json(_present(inner(scope)))
        pairs = [(_key(key, arguments), _compile(item, arguments)) for key, item in tree.items()]
        return lambda scope: _object(pairs, scope)
    return lambda scope: tree


def _object(pairs: list[tuple[Make, Make]], scope: Scope) -> dict[str, Any]:
    made = ((key(scope), item(scope)) for key, item in pairs)
    return {key: value for key, value in made if value is not _LEFT_OUT}


def _text(text: str, arguments: Mapping[str, JsonValue]) -> Make:
    argument = ARGUMENT.fullmatch(text)
    if argument is None:
        return compile_template(text).evaluate
    name = argument[1]
    if name == KEY:
        return lambda scope: scope.extra["subscription"].key_as_sent
    if name == RESUME:
        return lambda scope: scope.extra.get(RESUME) or _LEFT_OUT
    if name == MESSAGE:
        return lambda scope: scope.extra["carried"]
    value = arguments.get(name)
    return (lambda scope: _LEFT_OUT) if value is None else compile_value(value).evaluate


def _key(text: str, arguments: Mapping[str, JsonValue]) -> Make:
    argument = ARGUMENT.fullmatch(text)
    value = arguments.get(argument[1]) if argument is not None else None
    return compile_template(value if isinstance(value, str) else text).text


class MissingLibrary(Exception):
    """A protocol needs a library that is not installed. ``advice`` says how to install it."""

    advice = "pip install 'loadws[socketio]'"


class Codec(msgspec.Struct, frozen=True):
    """What makes the reader of a connection, and what makes the frame of a record; both raise ``EvaluationError``.

    ``frames`` makes all frames of a record; None where a record has one always.
    """

    reader: Callable[[], Read]
    framed: Callable[[Any], str | bytes]
    frames: Callable[[Any], tuple[str | bytes, ...]] | None = None


def resume_of(read: Read) -> Mapping[str, Any] | None:
    """Return what lets a server go on where a reader was, on another connection; None where it offers nothing."""
    resume: Mapping[str, Any] | None = getattr(read, "resume", None)
    return resume


def codec_of(file: ProtocolFile, most: int) -> Codec:
    """Return how bytes become records, and records bytes.

    ``most`` is the size of the largest packet that may span frames, in bytes.

    Raises:
        MissingLibrary: The library of the file's codec is not installed.
    """
    if file.codec == "json":
        framing = Framing(file)
        return Codec(framing.reader, framing.framed)
    if file.codec == "mqtt":
        return Codec(partial(mqtt_packets.Reader, most), mqtt_packets.framed)
    if file.codec == "stomp":
        return Codec(partial(stomp_frames.Reader, most), stomp_frames.framed)
    try:
        from loadws.scenario.protocol import socket_io_packets
    except ImportError as error:
        raise MissingLibrary(f"{file.about} needs the library python-socketio: {error}") from None
    return Codec(socket_io_packets.Reader, socket_io_packets.framed, socket_io_packets.frames_of)
