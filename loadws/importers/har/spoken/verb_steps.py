"""The steps of a conversation in a protocol: its verbs, and waits for messages that no request asked for."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Hashable, Iterator
from typing import Any

from loadws.importers.har.bindings import Bindings
from loadws.importers.har.flow import STEP_NAME, raw_payload
from loadws.importers.har.loops import Step, looped
from loadws.importers.har.pauses import Pauses, written
from loadws.importers.har.recording import Frame
from loadws.importers.har.spoken.conversation import Conversation, Done, Pushed, Raw, Spoken
from loadws.importers.leaves import fits_scenario
from loadws.importers.notes import Notes
from loadws.importers.templates import Expression, rendered
from loadws.importers.vault import is_secret
from loadws.scenario.matching.jsonpath import MISSING

#: An answer that took longer may take twice as long as recorded; unless said, it may take ten seconds.
_SLOW_S = 5.0
#: The arguments that name what is called, the best name first.
_NAMING = ("method", "event", "command", "operationName", "topic", "channel", "query", "identifier")
#: The key under which each verb says what it waits for.
_WAITS = {"call_method": "reply", "subscribe": "confirmed", "unsubscribe": "confirmed", "emit": "ack"}


class SpokenFlow:
    """A maker of the steps of a conversation. ``begun_s`` is when its handshake began, in seconds since 1970."""

    def __init__(
        self, conversation: Conversation, begun_s: float, bindings: Bindings, notes: Notes, pauses: Pauses
    ) -> None:
        self._conversation, self._bindings = conversation, bindings
        self._notes, self._pauses = notes, pauses
        self._free_s = min([begun_s, *(frame.at_s for frame in conversation.frames[:1])])
        self._names: Counter[str] = Counter()
        self._subscriptions: dict[Hashable, str] = {}
        self._firsts: dict[Done, Pushed] = {}  # the first messages of subscriptions whose steps wait for them
        self._last_step = max(
            (index for index, item in enumerate(conversation.items) if not isinstance(item, Pushed)), default=-1
        )
        self._kinds = Counter(_kind(item) for item in conversation.items if isinstance(item, Pushed))
        self._awaited: frozenset[Pushed] = frozenset()
        self._unawaited: dict[Any, list[Pushed]] = {}

    def steps(self) -> list[Step]:
        """Return the steps behind ``connect``, with loops, and without the closing ``close``."""
        items = self._conversation.items
        self._bindings.generate(self._conversation.frames, set())
        for index, item in enumerate(items):
            if isinstance(item, Done) and item.verb == "subscribe" and item.key is not MISSING and not item.has_failed:
                same = (each for each in items[index + 1 :] if isinstance(each, Pushed) and each.key == item.key)
                if (first := next(same, None)) is not None and not item.wants:
                    self._firsts[item] = first
        self._awaited = frozenset(self._firsts.values())
        steps = [step for index, item in enumerate(items) for step in self._steps_of(item, index)]
        self._say_pushes()
        last_s = max((frame.at_s for frame in self._conversation.frames), default=0.0)
        if steps and (pause := self._pauses.pause(last_s - self._free_s)):
            steps.append(Step({}, pause))
        return looped(steps)

    def _steps_of(self, item: Done | Pushed | Raw, index: int) -> Iterator[Step]:
        if isinstance(item, Pushed):
            yield from self._waits_for(item, index)
            return
        body = self._body(item) if isinstance(item, Done) else None
        if isinstance(item, Done) and body is None:
            return  # the pause before it becomes a part of the next
        think_s = self._pauses.pause(item.frame.at_s - self._free_s)
        self._free_s = max(self._free_s, item.frame.at_s)
        if values := self._bindings.sets.get(item.frame):
            yield Step({"set": values}, think_s, item.frame.line)
            think_s = 0.0
        if isinstance(item, Raw):
            self._say_raw(item.frame, "the protocol's file does not know it")
            yield Step({"send": raw_payload(item.frame, self._bindings)}, think_s, item.frame.line)
            return
        assert body is not None
        yield Step(body, think_s, item.frame.line)
        ends = [frame.at_s for frame in (item.answer, self._first_of(item)) if frame is not None]
        self._free_s = max([self._free_s, *ends])

    # -- verbs

    def _body(self, done: Done) -> dict[str, Any] | None:
        """Return the step of a verb; None where it cannot be written, which a note says."""
        arguments = self._arguments(done)
        if arguments is None:
            self._say_lost(done.frame, "it holds a value that a scenario cannot")
            return None
        if done.wants and done.answer is None and done.verb in ("call_method", "subscribe", "unsubscribe"):
            self._say_lost(done.frame, "nothing answered it in the recording, and its step would wait")
            return None
        if done.verb == "unsubscribe":
            return self._unsubscribe(done, arguments)
        body: dict[str, Any] = {"name": name} if (name := self._name(done)) else {}
        body |= arguments
        if (waits := self._expected(done)) is not None:
            body[_WAITS[done.verb]] = waits
        if done.verb == "subscribe":
            self._subscriptions[done.key] = name
            if (first := self._first_of(done)) is not None:
                body["first"] = self._captured(first, done.frame, {})
        if done.has_failed and done.verb != "call_method":
            body["on_failure"] = "continue"
        return {done.verb: body}

    def _first_of(self, done: Done) -> Spoken | None:
        """Return the first message of a subscription, where its step waits for it."""
        return self._firsts[done].frame if done in self._firsts else None

    def _arguments(self, done: Done) -> dict[str, Any] | None:
        sending = self._conversation.file.verb(done.verb)
        if not fits_scenario(_without_bytes(done.frame.tree)) or sending is None:
            return None
        filled = self._bindings.filled(done.frame.tree, done.frame)
        usual = sending.may
        return {
            name: rendered(_with_bytes(value))
            for name, value in filled.items()
            if not (name in usual and usual[name] == done.frame.tree[name])
        }

    def _expected(self, done: Done) -> dict[str, Any] | None:
        """Return the conditions and captures of a step's answer; None where it has none."""
        if done.answer is None or done.verb not in _WAITS:
            return None
        said: dict[str, Any] = {}
        if done.has_failed and done.verb == "call_method":
            said["error"] = {"$": {"exists": True}}
        found = self._captured(done.answer, done.frame, said)
        return found if found or done.verb == "emit" else None

    def _captured(self, answer: Spoken, asked: Frame, said: dict[str, Any]) -> dict[str, Any]:
        if captures := self._bindings.captured(answer):
            said["capture"] = captures
        if (took_s := answer.at_s - asked.at_s) > _SLOW_S:
            said["within"] = written(2 * took_s)
        return said

    def _unsubscribe(self, done: Done, arguments: dict[str, Any]) -> dict[str, Any] | None:
        name = self._subscriptions.pop(done.key, None)
        if name is None:
            self._say_lost(done.frame, "the recording has no beginning of the subscription that it ends")
            return None
        expected = self._expected(done)
        more = {**arguments, "confirmed": expected} if expected else arguments
        return {"unsubscribe": {"subscription": name, **more} if more else name}

    def _name(self, done: Done) -> str:
        """Return the step's name in reports; that of a subscription is no other's."""
        if done.verb not in ("call_method", "subscribe", "emit"):
            return ""
        said = done.frame.tree
        words = [said[key] for key in _NAMING if isinstance(said.get(key), str)]
        words = [word for word in words if STEP_NAME.fullmatch(word) and not is_secret("", word)]
        if done.verb != "subscribe":
            return words[0] if words else ""
        name = words[0] if words else "subscription"
        self._names[name] += 1
        return name if self._names[name] == 1 else f"{name}-{self._names[name]}"

    # -- what came unasked

    def _waits_for(self, pushed: Pushed, index: int) -> Iterator[Step]:
        if pushed in self._awaited:
            return
        captures = self._bindings.captured(pushed.frame)
        if not captures and not (index < self._last_step and _kind(pushed)[0] and self._kinds[_kind(pushed)] == 1):
            self._unawaited.setdefault(_kind(pushed), []).append(pushed)
            return
        where: dict[str, Any] = {}
        if isinstance(pushed.event, str):
            where["event"] = rendered(self._bindings.text(pushed.event))
        if (name := self._subscriptions.get(pushed.key)) is not None:
            where["subscription"] = name
        for place in captures.values():
            where.setdefault(place, {"exists": True})
        body: dict[str, Any] = {"where": where} if len(where) != 1 or "event" not in where else dict(where)
        if captures:
            body["capture"] = captures
        self._free_s = max(self._free_s, pushed.frame.at_s)
        yield Step({"wait_for": body}, line=pushed.frame.line)

    def _say_pushes(self) -> None:
        for found in self._unawaited.values():
            count = "1 received message" if len(found) == 1 else f"{len(found)} received messages of one kind"
            text = f"{count} answered nothing that was sent, so no step waits for them"
            self._notes.change(found[0].frame.line, text)

    def _say_raw(self, frame: Frame, why: str) -> None:
        self._notes.change(frame.line, f"this message was carried over as it is: {why}")

    def _say_lost(self, frame: Frame, why: str) -> None:
        self._notes.loss(frame.line, f"this message was left out: {why}")


def _kind(pushed: Pushed) -> tuple[Any, Hashable]:
    """Return what messages of one kind have in common."""
    return (pushed.event if isinstance(pushed.event, str) else None), pushed.key


def _without_bytes(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _without_bytes(item) for key, item in tree.items()}
    if isinstance(tree, list):
        return [_without_bytes(item) for item in tree]
    return "" if isinstance(tree, bytes) else tree


def _with_bytes(tree: Any) -> Any:
    """Return a value with an expression in place of bytes."""
    if isinstance(tree, dict):
        return {key: _with_bytes(item) for key, item in tree.items()}
    if isinstance(tree, list):
        return [_with_bytes(item) for item in tree]
    if isinstance(tree, bytes):
        return Expression(f"'{base64.b64encode(tree).decode('ascii')}' | frombase64")
    return tree
