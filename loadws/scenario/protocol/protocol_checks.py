"""What a protocol file says that cannot work, though each of its values is of the right kind.

The checks read the tree of the file and not its model, so that they tell their problems beside all others, each at its own
place.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from loadws.scenario.matching.jsonpath import PathError, parse_path
from loadws.scenario.protocol.protocol_file import (
    ALWAYS_ANSWERED,
    ARGUMENT,
    ASKED_FOR,
    CARRYING,
    HEARTBEAT,
    KEY,
    MESSAGE,
    NEVER_ANSWERED,
    OF_STEPS,
    RESUME,
    VERBS,
)
from loadws.scenario.yaml.explain import Problems, any_of
from loadws.scenario.yaml.tree import Node
from loadws.terms.errors import did_you_mean

#: Keys whose values are JSON of the protocol's own: a null inside of them is one.
_JSON = frozenset({"send", "closing", "may", "options", "where", "confirmed", "refused", "received"})


def check_rules(root: Node, problems: Problems) -> None:
    """Add the problems of a whole protocol file."""
    _Rules(problems).check(root)


class _Rules:
    def __init__(self, problems: Problems) -> None:
        self._problems = problems

    def _add(self, node: Node, message: str, advice: str) -> None:
        self._problems.add(node.head, message, advice, node.where)

    def _add_value(self, node: Node, message: str, advice: str) -> None:
        self._problems.add(node.start, message, advice, node.where)

    def check(self, root: Node) -> None:
        """Check the whole file."""
        self._nulls(root)
        if (about := root.child("about")) is not None and isinstance(about.value, str) and not about.value.strip():
            self._add_value(about, "'about' is empty", "write the protocol's name and version; errors name it so")
        self._framing(root)
        self._opening(root)
        for beat in _items(root.child("heartbeats")):
            self._beat(beat)
        self._replies(root.child("replies"))
        self._pushed(_items(root.child("pushed")))
        for verb in VERBS:
            body = root.child(verb)
            if body is not None and isinstance(body.value, dict):
                self._verb(root, verb, body)
        self._subscriptions(root)
        if _is_true(root.child("one_call")) and not _has(root, "call_method"):
            self._add(_child(root, "one_call"), "one_call is of calls, and there is no call_method", "leave it out")

    # -- keys that say nothing ----------------------------------------------------------------------------------------

    def _nulls(self, node: Node) -> None:
        if not isinstance(node.value, dict):
            for child in node.children():
                if child.value is None:
                    self._add(child, "this item has no value", "give it one, or leave it out")
                else:
                    self._nulls(child)
            return
        for key, child in node.value.items():
            if child.value is None:
                self._add(child, f"{key!r} has no value", "give it one, or leave the key out")
            elif key in ("instead", "adds") and isinstance(child.value, dict):
                for name, sent in child.value.items():
                    if sent.value is None:
                        self._add(sent, f"{name!r} has no value", "say what is sent, or leave the key out")
            elif key == "payload" and child.value in ({}, ()):
                self._add(child, "a payload is at one place, or at several that have names", "write payload: $.data")
            elif key not in _JSON:
                self._nulls(child)

    # -- frames and opening -------------------------------------------------------------------------------------------

    def _framing(self, root: Node) -> None:
        if _is_true(root.child("ends_records")) and not _has(root, "separator"):
            advice = 'write separator: "\\n" beside it, or what ends a record, or leave it out'
            self._add(_child(root, "ends_records"), "ends_records is of a separator, and there is none", advice)
        codec = root.child("codec")
        if codec is not None and isinstance(codec.value, str) and codec.value != "json":
            for key in ("separator", "ends_records", "batches"):
                if (found := root.child(key)) is not None and found.value not in (None, False):
                    self._add(found, f"{key} is of JSON, and the codec is {codec.value}", "leave it out")

    def _opening(self, root: Node) -> None:
        opening = root.child("open")
        if opening is not None and isinstance(opening.value, dict):
            self._confirmation(opening)
        options = _names(root.child("options"))
        sent = [
            *_arguments_in(None if opening is None else opening.child("send")),
            *_arguments_in(root.child("closing")),
        ]
        for name, node in sent:
            if name not in (*options, HEARTBEAT, RESUME):
                advice = did_you_mean(name, options) or f"add it to options: {{{name}: null}}"
                self._add_value(node, f"<{name}> is no option", advice)
        used = {name for name, _ in sent} | {name for verb in VERBS for name, _ in _sent_by(root.child(verb))}
        self._unused(root.child("options"), used, "option")

    def _confirmation(self, opening: Node) -> None:
        keys: tuple[str, ...]
        if not _has(opening, "confirmed"):
            keys, what, advice = (
                ("payload", "refused", "why", "code", "within"),
                "an opening that is confirmed",
                "confirmed",
            )
        elif not _has(opening, "refused"):
            keys, what, advice = ("why", "code"), "a refusal", "refused"
        else:
            return
        for key in keys:
            if (found := opening.child(key)) is not None:
                self._add(found, f"{key!r} is of {what}", f"add {advice}, or leave it out")

    def _unused(self, declared: Node | None, used: set[str], what: str) -> None:
        """Tell of each name that is asked for and goes nowhere."""
        for name, node in _named(declared):
            if name not in used and name.isidentifier() and name not in OF_STEPS:
                self._add(node, f"the {what} {name!r} is sent nowhere", f'write <{name}> in "send", or leave it out')

    # -- heartbeats ---------------------------------------------------------------------------------------------------

    def _beat(self, beat: Node) -> None:
        if not isinstance(beat.value, dict):
            return
        every, received, sends = _has(beat, "every"), _has(beat, "received"), "send" in beat.value
        answers = _is_true(beat.child("answer"))
        if not every and not received:
            self._add(beat, "a heartbeat has every, received, or both", "write {every: 30s, send: {type: ping}}")
        if answers and (every or not received):
            advice = "write {received: {$.type: ping}, answer: true, send: {type: pong}}"
            self._add(
                _child(beat, "answer"), "an answer is to a heartbeat of the server's: received, and no every", advice
            )
        if (every or answers) and not sends:
            what = "loadws sends this heartbeat" if every else "this heartbeat is answered"
            self._add(
                beat, f"{what}, and nothing says what is sent", "add send: {type: ping}, or what the server expects"
            )
        if sends and not every and not answers and received:
            advice = "add answer: true, or every: 30s, or leave send out"
            self._add(
                _child(beat, "send"), "this is never sent: the heartbeat is the server's, and not answered", advice
            )
        self._due(beat, every=every, received=received)
        if _has(beat, "timeout") and not (every and received):
            advice = "add what the server answers: received: {$.type: pong}" if every else "leave it out"
            self._add(
                _child(beat, "timeout"), "a timeout is of a heartbeat that loadws sends and the server answers", advice
            )

    def _due(self, beat: Node, *, every: bool, received: bool) -> None:
        if _has(beat, "due") and (every or not received):
            self._add(
                _child(beat, "due"),
                "'due' is of a heartbeat that the server sends: received, and no every",
                "leave it out",
            )
        if _has(beat, "agreed") and not every and not _has(beat, "due"):
            self._add(_child(beat, "agreed"), "what is agreed is the time of every, or of due", "add one of them")

    # -- replies and pushed messages ----------------------------------------------------------------------------------

    def _replies(self, replies: Node | None) -> None:
        if replies is None or not isinstance(replies.value, dict):
            return
        if not _has(replies, "where") and not _has(replies, "id"):
            self._add(replies, "a reply is known by its id, by where, or by both", "write id: $.id")
        elif _has(replies, "sent_id") and not _has(replies, "id"):
            self._add(_child(replies, "sent_id"), "sent_id is compared with id, and there is none", "add id: $.id")

    def _pushed(self, rules: list[Node]) -> None:
        takes_all: Node | None = None
        for rule in rules:
            if not isinstance(rule.value, dict):
                continue
            if takes_all is not None:
                line, _ = self._problems.source.position(takes_all.head)
                advice = "give that one a where, or put this one before it"
                self._add(rule, f"no message gets here: the rule in line {line} takes all", advice)
                return
            if not _has(rule, "where"):
                takes_all = rule
            self._automatic(rule.child("answer"))
            if _is_true(rule.child("ends")):
                for key in ("event", "payload"):
                    if (found := rule.child(key)) is not None:
                        message = f"{key!r} is of a message, and one that ends a subscription is the protocol's own"
                        self._add(found, message, "leave it out, or let ends be false")

    def _automatic(self, answer: Node | None) -> None:
        """Check what is answered to a pushed message at once."""
        if answer is None or not isinstance(answer.value, dict):
            return
        sent = list(_arguments_in(answer.child("send")))
        places = _named(answer.child("places"))
        known = [name for name, _ in places]
        for name, node in sent:
            if name not in known:
                advice = did_you_mean(name, known) or f"add it to places: {{{name}: $.{name}}}"
                self._add_value(node, f"<{name}> is no place of the message", advice)
        for name, node in places:
            if name not in [used for used, _ in sent]:
                self._add(node, f"the place {name!r} is sent nowhere", f'write <{name}> in "send", or leave it out')

    # -- verbs --------------------------------------------------------------------------------------------------------

    def _verb(self, root: Node, verb: str, body: Node) -> None:
        needs, may = _named(body.child("needs")), _named(body.child("may"))
        options = _names(root.child("options"))
        seen: dict[str, Node] = {}
        for name, node in (*needs, *may):
            if name in seen:
                self._add(node, f"{name!r} appears twice among the arguments", "keep it in needs or in may, once")
            seen[name] = node
        for key in ("instead", "adds"):
            self._chosen(key, verb, body, seen)
        for name, node in _named(body.child("choices")):
            if name not in seen:
                self._add(
                    node, f"{name!r} is no argument of {verb}", did_you_mean(name, seen) or f"add needs: [{name}]"
                )
        own = {KEY} if verb == "unsubscribe" else {MESSAGE} if verb in CARRYING else set()
        for name, node in _sent_by(body):
            if name == KEY and KEY not in own:
                self._add_value(node, "<key> is that of a subscription, which only unsubscribe has", "name an argument")
            elif name not in {*seen, *options, *own}:
                advice = did_you_mean(name, [*seen, *options, *own]) or f"add it to needs: needs: [{name}]"
                if name in OF_STEPS:
                    advice = "that is a key of steps; give the argument another name"
                self._add_value(node, f"<{name}> is no argument of {verb}", advice)
        used = {*(name for name, _ in _sent_by(body)), *_names(body.child("instead")), *_names(body.child("adds"))}
        self._unused(body.child("needs"), used, "argument")
        self._unused(body.child("may"), used, "argument")
        self._answered(root, verb, body)

    def _chosen(self, key: str, verb: str, body: Node, arguments: Iterable[str]) -> None:
        """Check that what ``instead`` or ``adds`` sends is for an argument, or for a key of the verb."""
        known = [*arguments, *ASKED_FOR[verb]]
        if key == "adds" and verb in ALWAYS_ANSWERED:
            known.append("confirmed")
        for name, node in _named(body.child(key)):
            if name not in known:
                advice = did_you_mean(name, known) or f"{key} has an argument for a key: {any_of(known)}"
                self._add(node, f"{name!r} is no argument of {verb}", advice)

    def _answered(self, root: Node, verb: str, body: Node) -> None:
        """Check that the id of what is sent is where the rule of its answers looks for it."""
        reply = body.child("reply")
        if reply is not None and isinstance(reply.value, dict):
            self._replies(reply)
            rule: Node | None = reply
        elif verb in NEVER_ANSWERED or (reply is not None and reply.value is False):
            rule = None
        else:
            rule = root.child("replies")
            if rule is None and (verb in ALWAYS_ANSWERED or _has(body, "instead")):
                advice = "add replies: {id: $.id}, or write reply: false here"
                self._add(body, f"{verb} is answered, and nothing says what a reply is", advice)
        if verb in ALWAYS_ANSWERED:
            self._sent_at(body, rule)

    def _sent_at(self, body: Node, rule: Node | None) -> None:
        place = None if rule is None else rule.child("sent_id") or rule.child("id")
        added = [node for _, node in _named(body.child("adds"))]
        for sent in (body.child("send"), *(node for _, node in _named(body.child("instead")))):
            if sent is None or place is None:
                continue
            if not any(_reaches(node, place.value) for node in (sent, *added)):
                advice = 'put an id there, as "{{ id() }}", or say where it is: sent_id; or write reply: false'
                self._add(sent, f"this is answered by its id, and has none at {place.value}", advice)

    # -- subscriptions ------------------------------------------------------------------------------------------------

    def _subscriptions(self, root: Node) -> None:
        subscribe, unsubscribe = root.child("subscribe"), root.child("unsubscribe")
        if unsubscribe is not None and subscribe is None:
            self._add(unsubscribe, "there is no subscribe, so nothing to end", "add subscribe, or leave it out")
        if subscribe is None or not isinstance(subscribe.value, dict):
            return
        key = subscribe.child("key")
        if key is None or not isinstance(key.value, dict):
            return
        sent, reply = key.child("sent"), key.child("reply")
        if (sent is None) == (reply is None):
            self._add(key, "a key is at one place", "write {sent: $.id} or {reply: $.result}")
        elif sent is not None:
            send = subscribe.child("send")
            if send is not None and not _reaches(send, sent.value):
                self._add_value(sent, f"what subscribe sends has nothing at {sent.value}", "write a place of its send")
        elif reply is not None and (rule := subscribe.child("reply")) is not None and rule.value is False:
            advice = "write key: {sent: …}, or say what confirms it"
            self._add_value(reply, "the key is in the confirmation, and reply: false says that there is none", advice)


# -- reading the tree -------------------------------------------------------------------------------------------------


def _child(node: Node, key: str) -> Node:
    child = node.child(key)
    assert child is not None, "it was looked for before"
    return child


def _has(node: Node, key: str) -> bool:
    child = node.child(key)
    return child is not None and child.value is not None


def _is_true(node: Node | None) -> bool:
    return node is not None and node.value is True


def _items(node: Node | None) -> list[Node]:
    return [] if node is None or not isinstance(node.value, tuple) else list(node.value)


def _named(node: Node | None) -> list[tuple[str, Node]]:
    """Return the names in a list, or those that are the keys of a mapping, each with its node."""
    if node is not None and isinstance(node.value, dict):
        return list(node.value.items())
    return [(item.value, item) for item in _items(node) if isinstance(item.value, str)]


def _names(node: Node | None) -> list[str]:
    return [name for name, _ in _named(node)]


def _arguments_in(node: Node | None) -> Iterator[tuple[str, Node]]:
    """Yield the names that stand as ``<name>`` in what is sent, as a value or as a key, each with its node."""
    if node is None:
        return
    if isinstance(node.value, str) and (match := ARGUMENT.fullmatch(node.value)):
        yield match[1], node
    for key, child in node.value.items() if isinstance(node.value, dict) else ():
        if match := ARGUMENT.fullmatch(key):
            assert child.key_start is not None, "it is a value of a mapping"
            yield match[1], Node(key, child.key_start, child.key_start, child.where)
    for child in node.children():
        yield from _arguments_in(child)


def _sent_by(body: Node | None) -> Iterator[tuple[str, Node]]:
    if body is not None:
        yield from _arguments_in(body.child("send"))
        for key in ("instead", "adds"):
            for _, sent in _named(body.child(key)):
                yield from _arguments_in(sent)


def _reaches(node: Node, place: object) -> bool:
    """Return whether there may be something at a place of what is sent; arguments and templates may hold anything."""
    try:
        parts = parse_path(place) if isinstance(place, str) else ()
    except PathError:  # it has a message of its own
        return True
    for part in parts:
        if isinstance(node.value, str) and (ARGUMENT.fullmatch(node.value) or node.value.startswith("{{")):
            return True
        if isinstance(node.value, dict) and any(ARGUMENT.fullmatch(key) for key in node.value):
            return True
        child = _below(node, part)
        if child is None:
            return False
        node = child
    return True


def _below(node: Node, part: str | int) -> Node | None:
    """Return what is behind a key, or at an index, which may count from the end."""
    if isinstance(node.value, tuple) and isinstance(part, int) and part < 0:
        part += len(node.value)
    return node.child(part)
