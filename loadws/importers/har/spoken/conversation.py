"""A socket's frames, read by a protocol's file: verbs that the page used, and messages that no request asked for.

What belongs to the protocol alone is left out: opening, heartbeats, ends of subscriptions. What the file does not know stays
the frame that it was.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from loadws.importers.har.recording import Frame
from loadws.importers.verbs import Fit, fits_of, is_own, read_records
from loadws.scenario.json_reader import NotJson
from loadws.scenario.matching.jsonpath import MISSING, compile_path
from loadws.scenario.matching.message import Enveloped
from loadws.scenario.protocol.protocol_file import (
    ALWAYS_ANSWERED,
    VERBS,
    Asking,
    ProtocolFile,
    Replies,
    Sending,
    Subscribing,
)
from loadws.scenario.protocol.protocol_rules import PushRule, Read, ReplyRule, content_of, key_from, test_of
from loadws.scenario.template.values import EvaluationError


@dataclass(frozen=True, eq=False)
class Spoken(Frame):
    """A frame as steps see it. ``tree`` is what it carries: of one that was sent, the arguments of its verb."""

    tree: Any = None

    @property
    def json(self) -> Any:
        """What it carries, where values may be found in it."""
        return self.tree if isinstance(self.tree, dict | list) else None

    @staticmethod
    def of(frame: Frame, tree: Any) -> Spoken:
        """Return what a frame carries."""
        text = tree if isinstance(tree, str) else ""
        return Spoken(frame.is_sent, frame.at_s, frame.opcode, text, frame.line, tree)


@dataclass(eq=False)
class Pushed:
    """A message that no request asked for. ``key`` is that of its subscription."""

    frame: Spoken
    event: Any = None
    key: Hashable = MISSING


@dataclass(eq=False)
class Done:
    """The use of a verb by the page. ``key`` is that of the subscription that it begins or ends.

    ``answer`` is the frame of the answer, ``has_failed`` whether that was an error. ``wants``: the verb waits for an answer.
    """

    frame: Spoken
    verb: str
    form: str
    wants: bool
    key: Hashable = MISSING
    answer: Spoken | None = None
    has_failed: bool = False


@dataclass(eq=False)
class Raw:
    """A frame that was sent and that the protocol's file does not know."""

    frame: Frame


@dataclass
class Conversation:
    """A whole conversation, in the order of its times.

    ``opening`` has the options of what the page sent to open, ``greeting`` what the server confirmed it with; None where the
    recording has no such message. ``own`` counts the messages that are loadws' own.
    """

    file: ProtocolFile
    items: list[Done | Pushed | Raw] = field(default_factory=list)
    opening: Spoken | None = None
    greeting: Spoken | None = None
    own: int = 0

    @property
    def frames(self) -> list[Frame]:
        """The messages as steps see them, the opening first."""
        first = [frame for frame in (self.opening, self.greeting) if frame is not None]
        rest = [frame for item in self.items for frame in _frames_of(item)]
        return [*first, *sorted(rest, key=lambda frame: frame.at_s)]


def _frames_of(item: Done | Pushed | Raw) -> Iterator[Frame]:
    yield item.frame
    if isinstance(item, Done) and item.answer is not None:
        yield item.answer


def read_conversation(file: ProtocolFile, reader: Callable[[], Read], frames: Sequence[Frame]) -> Conversation:
    """Return the conversation of a socket; ``reader`` makes a reader of one side's frames."""
    return _Reading(file, reader, frames).conversation


@dataclass(eq=False)
class _Record:
    frame: Frame
    record: Any
    is_taken: bool = False


class _Reading:
    """The reading of one conversation. ``came`` are the records that the server sent."""

    def __init__(self, file: ProtocolFile, reader: Callable[[], Read], frames: Sequence[Frame]) -> None:
        self._file = file
        self.conversation = Conversation(file)
        ours, theirs = reader(), reader()
        self._replies = ReplyRule(file.replies) if file.replies is not None else None
        self._pushed = [PushRule(pushed) for pushed in file.pushed]
        self._beats = [test_of(beat.received) for beat in file.heartbeats if beat.received is not None]
        self._came = [
            _Record(frame, record)
            for frame in frames
            if not frame.is_sent
            for record in read_records(theirs, frame.payload)
        ]
        self._begun: set[Hashable] = set()  # keys of subscriptions
        self._rules = {verb: self._rule_of(file.verb(verb)) for verb in VERBS}
        self._by_id: dict[ReplyRule, dict[Hashable, list[_Record]]] = {}
        self._counts = Counter(key for came in self._came if (key := self._key_of(came.record)) is not MISSING)
        self._take_greeting()
        for frame in frames:
            if frame.is_sent:
                self._read_sent(frame, ours)
        self._read_pushes()
        self.conversation.items.sort(key=lambda item: item.frame.at_s)

    # -- what is the protocol's own

    def _take_greeting(self) -> None:
        opening = self._file.open
        if opening is None or opening.confirmed is None:
            return
        confirms, content = test_of(opening.confirmed), content_of(opening.payload)
        for came in self._came:
            if confirms(came.record):
                came.is_taken = True
                self.conversation.greeting = Spoken.of(came.frame, content(came.record))
                self.conversation.own += 1
                return

    def _is_own(self, frame: Frame, record: Any) -> bool:
        """Return whether loadws sends a record by itself; the options of the opening are kept."""
        opening = self._file.open
        options = None if opening is None or opening.send is None else options_in(opening.send, record)
        if options is None:
            return is_own(self._file, record) or self._ends_all(record)
        known = {name: value for name, value in options.items() if name in self._file.options}
        if self.conversation.opening is None:
            self.conversation.opening = Spoken.of(frame, known)
        return bool(self.conversation.opening.tree == known)

    def _ends_all(self, record: Any) -> bool:
        """Return whether a record ends the connection, and not a subscription of it; both sides may send such."""
        rule = self._rule_for(record)
        return rule is not None and rule.ends and rule.key(record) is MISSING

    # -- what was sent

    def _read_sent(self, frame: Frame, read: Read) -> None:
        try:
            records = [record for record, _ in read(frame.payload)]
        except NotJson:
            self.conversation.items.append(Raw(frame))
            return
        left = [record for record in records if not self._is_own(frame, record)]
        self.conversation.own += len(records) - len(left)
        done = [self._done(frame, record) for record in left]
        is_batch = self._file.batches and isinstance(frame.json, list)
        if is_batch or None in done:
            self.conversation.items.append(Raw(frame))
        else:
            self.conversation.items += [each for each in done if each is not None]

    def _done(self, frame: Frame, record: Any) -> Done | None:
        fits = fits_of(self._file, record, is_answered=self._is_answered(frame, record))
        fits = [fit for fit in fits if self._has_our_options(fit) and self._has_all(fit)]
        if not fits:
            return None
        fit = self._meant(frame, record, fits)
        sending = self._file.verb(fit.verb)
        rule = self._rules[fit.verb] if fit.verb in ALWAYS_ANSWERED or fit.form else None
        options = self._file.options
        arguments = {name: value for name, value in fit.arguments.items() if name not in options and name != "key"}
        done = Done(Spoken.of(frame, arguments), fit.verb, fit.form, wants=rule is not None)
        if "key" in fit.arguments:
            done.key = key_from(fit.arguments["key"])
        answer = None if rule is None else self._answer(frame, record, rule)
        if answer is not None and rule is not None:
            answer.is_taken = True
            done.has_failed = rule.failed(answer.record) is not None
            done.answer = Spoken.of(answer.frame, rule.content(answer.record))
        if isinstance(sending, Subscribing):
            at = sending.key.sent if sending.key.sent is not None else sending.key.reply
            place = record if sending.key.sent is not None else None if answer is None else answer.record
            found = MISSING if at is None or place is None else compile_path(at)(place)
            done.key = MISSING if found is MISSING else key_from(found)
            self._begun.add(done.key)
        return done

    def _has_our_options(self, fit: Fit) -> bool:
        """Return whether a message is for what was opened: a connection has one namespace."""
        opened = self.conversation.opening
        said = {} if opened is None else opened.tree
        options = self._file.options
        return all(value == said.get(name, options[name]) for name, value in fit.arguments.items() if name in options)

    def _has_all(self, fit: Fit) -> bool:
        """Return whether a message has all arguments that its verb needs."""
        sending = self._file.verb(fit.verb)
        return sending is not None and all(name in fit.arguments for name in sending.needs)

    def _is_answered(self, frame: Frame, record: Any) -> bool:
        return self._replies is not None and self._answer(frame, record, self._replies) is not None

    def _answer(self, frame: Frame, record: Any, rule: ReplyRule) -> _Record | None:
        """Return the first message with the id of what was sent that came after it and answers nothing else."""
        try:
            key = rule.key_sent(record)
        except EvaluationError:
            return None
        if rule not in self._by_id:
            self._by_id[rule] = {}
            for came in self._came:
                self._by_id[rule].setdefault(rule.key_of(came.record), []).append(came)
        same = self._by_id[rule].get(key, ())
        return next((came for came in same if not came.is_taken and came.frame.at_s >= frame.at_s), None)

    def _meant(self, frame: Frame, record: Any, fits: Sequence[Fit]) -> Fit:
        """Return the verb that is meant: of a call and a subscription that look alike, what came tells which it is."""
        verbs = {fit.verb: fit for fit in reversed(fits)}
        ending = verbs.get("unsubscribe")
        if ending is not None and key_from(ending.arguments.get("key")) in self._begun:
            return ending
        subscribing = self._file.subscribe
        if fits[0].verb == "call_method" and subscribing is not None and "subscribe" in verbs:
            if subscribing.key.reply is not None and self._replies is not None:
                answer = self._answer(frame, record, self._replies)
                found = MISSING if answer is None else compile_path(subscribing.key.reply)(answer.record)
                messages = self._count_of(found)
                return verbs["subscribe"] if messages else fits[0]
            found = MISSING if subscribing.key.sent is None else compile_path(subscribing.key.sent)(record)
            return fits[0] if self._count_of(found) == 1 else verbs["subscribe"]
        return fits[0]

    def _count_of(self, key: Any) -> int:
        """Return how many messages came for a subscription."""
        return 0 if key is MISSING else self._counts[key_from(key)]

    def _rule_of(self, sending: Sending | None) -> ReplyRule | None:
        """Return how the answer to a verb is known; None where it has none."""
        if not isinstance(sending, Asking) or sending.reply is False:
            return None
        return ReplyRule(sending.reply) if isinstance(sending.reply, Replies) else self._replies

    # -- what came unasked

    def _key_of(self, record: Any) -> Hashable:
        """Return the key of the subscription that a message belongs to; ``MISSING`` for none."""
        rule = self._rule_for(record)
        return MISSING if rule is None or rule.ends else rule.key(record)

    def _rule_for(self, record: Any) -> PushRule | None:
        return next((rule for rule in self._pushed if rule.takes(record)), None)

    def _read_pushes(self) -> None:
        for came in self._came:
            if came.is_taken:
                continue
            rule = self._rule_for(came.record)
            if any(beats(came.record) for beats in self._beats) or (rule is not None and rule.ends):
                self.conversation.own += 1
                continue
            message = Enveloped(b"", 0, envelope=came.record)
            message.open(came.record)
            key: Hashable = MISSING
            if rule is not None:
                rule.open(message)
                key = rule.key(came.record)
            event = None if message.event is MISSING else message.event
            self.conversation.items.append(Pushed(Spoken.of(came.frame, message.value), event, key))


def options_in(tree: Any, record: Any) -> dict[str, Any] | None:
    """Return the options in what opened a connection; None where it is something else.

    Only the outermost keys must be there, and be what the file says: pages name themselves and their version.
    """
    if not isinstance(tree, dict) or not isinstance(record, dict):
        return None
    for key, said in tree.items():
        is_option = isinstance(said, str) and said.startswith("<")
        if not is_option and key not in record:
            return None
        if not is_option and key != "version" and not isinstance(said, dict | list) and record[key] != said:
            return None
    return dict(_options(tree, record))


def _options(tree: Any, record: Any) -> Iterator[tuple[str, Any]]:
    for key, said in tree.items():
        if isinstance(said, str) and said.startswith("<") and key in record:
            yield said[1:-1], record[key]
        elif isinstance(said, dict) and isinstance(record.get(key), dict):
            yield from _options(said, record[key])
