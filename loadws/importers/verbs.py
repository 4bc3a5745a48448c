"""What a page sent, in the verbs of its protocol: told by the protocol's own file, read backwards.

The file says what a verb sends, with ``<name>`` for each argument. A message that fits is that verb, with what stands in
these places as arguments.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from loadws.scenario.json_reader import NotJson, read_json
from loadws.scenario.protocol.find_protocol import load_protocol
from loadws.scenario.protocol.protocol_file import ARGUMENT, ProtocolFile, Sending
from loadws.scenario.protocol.protocol_rules import MissingLibrary, Read, ReplyRule, codec_of, key_from
from loadws.scenario.template.values import EvaluationError

#: The codecs whose readers read what a client sends, too.
READ_BOTH_WAYS = ("json", "socket.io")
#: Of verbs that a message fits equally well, the earlier one is meant.
_ORDER = ("emit", "call_method", "notify", "subscribe", "unsubscribe", "answer_call")
#: No frame of a recording is larger.
LARGEST = 1 << 30


def advice_on(name: str, sent: Sequence[str | bytes], received: Sequence[str | bytes]) -> str:
    """Return a sentence on what to write to let loadws speak a protocol. It quotes no value of the messages."""
    file = load_protocol(name, Path())
    text = (
        f"the messages are {file.about}, and were carried over as they are; with connection: {{protocol: {name}}} its ids, "
        "answers, heartbeats and opening are loadws' own"
    )
    found = [f"{count} x {said}" for said, count in _counted(file, sent, received).items()]
    return f"{text}, and what was sent is {', '.join(found)}" if found else text


def _counted(file: ProtocolFile, sent: Sequence[str | bytes], received: Sequence[str | bytes]) -> Counter[str]:
    """Return how often each verb was used with which arguments, in the order of the first use."""
    if file.codec not in READ_BOTH_WAYS:
        return Counter()
    try:
        reader = codec_of(file, LARGEST).reader
    except MissingLibrary:
        return Counter()
    ours, theirs = reader(), reader()
    replies = ReplyRule(file.replies) if file.replies is not None else None
    came = [record for payload in received for record in read_records(theirs, payload)]
    answered = {replies.key_of(record) for record in came} if replies is not None else set()
    counts: Counter[str] = Counter()
    for record in (record for payload in sent for record in read_records(ours, payload)):
        if not is_own(file, record):
            is_answered = replies is not None and _key_sent(replies, record) in answered
            counts[_said(file, record, is_answered=is_answered)] += 1
    return counts


def read_records(read: Read, payload: str | bytes) -> Iterator[Any]:
    """Yield the records of a frame; none of one that the protocol does not know."""
    try:
        yield from (record for record, _ in read(payload))
    except NotJson:  # one that the protocol does not know
        return


def _key_sent(replies: ReplyRule, record: Any) -> object:
    try:
        return replies.key_sent(record)
    except EvaluationError:  # it has no id
        return None


class Fit(msgspec.Struct, frozen=True):
    """A verb that sends a message, with the arguments that it then has. ``form`` is its key of ``instead`` or ``adds``."""

    verb: str
    arguments: dict[str, Any]
    form: str = ""


def fits_of(file: ProtocolFile, record: Any, *, is_answered: bool) -> list[Fit]:
    """Return the verbs that send a message, the one that is most probably meant first."""
    found: list[tuple[int, int, Fit]] = []
    for verb in _ORDER:
        for form, tree in _trees(file.verb(verb)):
            arguments = _fit(tree, record)
            if arguments is not None and (verb != "notify" or not is_answered):
                found.append((-_constants(tree), _rank(verb, is_answered=is_answered), Fit(verb, arguments, form)))
    return [fit for *_, fit in sorted(found, key=lambda each: each[:2])]


def is_own(file: ProtocolFile, record: Any) -> bool:
    """Return whether loadws sends a message by itself: the opening, a heartbeat, or the answer to one."""
    own = [file.open.send if file.open is not None else None, file.closing]
    beats = [beat.send for beat in file.heartbeats]
    return any(tree is not None and _fit(tree, record) is not None for tree in (*own, *beats)) or any(
        isinstance(record, dict) and isinstance(beat, dict) and bool(beat) and _begins(beat, record) for beat in beats
    )


def _begins(tree: dict[str, Any], record: dict[str, Any]) -> bool:
    """Return whether a message has all that a heartbeat has; it may have more, such as a payload."""
    return all(key in record and _fits(said, record[key], {}) for key, said in tree.items())


def _said(file: ProtocolFile, record: Any, *, is_answered: bool) -> str:
    """Return the verb of a message with the names of its arguments."""
    fits = fits_of(file, record, is_answered=is_answered)
    if not fits:
        return "messages that its file does not know"
    verb, arguments = fits[0].verb, fits[0].arguments
    options = set(file.options)
    if verb == "unsubscribe":
        return "unsubscribe"
    names = ", ".join(f"{name}: …" for name in arguments if name not in options)
    return f"{verb}: {{{names}}}" if names else verb


def _trees(sending: Sending | None) -> list[tuple[str, Any]]:
    """Return all forms of what a verb sends, each with the key that asks for it; of the plain one that is empty."""
    if sending is None:
        return []
    forms: list[tuple[str, Any]] = [("", sending.send), *sending.instead.items()]
    added = (
        (key, {**form, **more}) for _, form in forms for key, more in sending.adds.items() if isinstance(form, dict)
    )
    return [*forms, *added]


def _rank(verb: str, *, is_answered: bool) -> int:
    return -1 if verb == "notify" and not is_answered else _ORDER.index(verb)


def _constants(tree: Any) -> int:
    """Return how many words and numbers of what is sent are the protocol's own."""
    if isinstance(tree, dict):
        return sum(map(_constants, tree.values())) + sum(not ARGUMENT.fullmatch(key) for key in tree)
    if isinstance(tree, list):
        return sum(map(_constants, tree))
    return int(tree is not None and not (isinstance(tree, str) and (ARGUMENT.fullmatch(tree) or "{{" in tree)))


def _fit(tree: Any, record: Any) -> dict[str, Any] | None:
    """Return the arguments with which a message is what a file sends; None where it is something else."""
    arguments: dict[str, Any] = {}
    return arguments if _fits(tree, record, arguments) else None


def _fits(tree: Any, record: Any, arguments: dict[str, Any]) -> bool:
    if isinstance(tree, str):
        return _text_fits(tree, record, arguments)
    if isinstance(tree, list):
        return isinstance(record, list) and len(tree) == len(record) and all(
            _fits(part, item, arguments) for part, item in zip(tree, record, strict=True)
        )  # fmt: skip
    if isinstance(tree, dict):
        if tree.keys() == {"json_text"}:
            return isinstance(record, str) and _json_fits(tree["json_text"], record, arguments)
        return isinstance(record, dict) and _object_fits(tree, record, arguments)
    return key_from(tree) == key_from(record)


def _text_fits(tree: str, record: Any, arguments: dict[str, Any]) -> bool:
    if (argument := ARGUMENT.fullmatch(tree)) is not None:
        arguments[argument[1]] = record
        return True
    if "{{" in tree:
        return isinstance(record, str | int)
    if tree.isdecimal() and isinstance(record, str):  # a number of the client's own, such as join_ref of Phoenix
        return record.isdecimal()
    return bool(tree == record)


def _json_fits(tree: Any, text: str, arguments: dict[str, Any]) -> bool:
    try:
        return _fits(tree, read_json(text), arguments)
    except NotJson:
        return False


def _object_fits(tree: dict[str, Any], record: dict[str, Any], arguments: dict[str, Any]) -> bool:
    """Return whether all keys fit. One whose value is an argument may be absent; a key that is an argument is any other."""
    left = dict(record)
    named = [key for key in tree if ARGUMENT.fullmatch(key)]
    for key in tree:
        if key in named:
            continue
        if key not in left:
            is_optional = isinstance(tree[key], str) and ARGUMENT.fullmatch(tree[key]) is not None
            if not is_optional:
                return False
        elif not _fits(tree[key], left.pop(key), arguments):
            return False
    if len(left) != len(named):
        return False
    for key, (name, item) in zip(named, left.items(), strict=True):
        if not (_text_fits(key, name, arguments) and _fits(tree[key], item, arguments)):
            return False
    return True
