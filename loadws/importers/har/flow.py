"""The flow of one socket: from its handshake to its last message, as steps of a scenario."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from loadws.importers.har.bindings import Bindings
from loadws.importers.har.loops import Step, looped
from loadws.importers.har.pairing import Answer, Pairs, kind_of, pair
from loadws.importers.har.pauses import Pauses, span, written
from loadws.importers.har.recording import Frame, Socket
from loadws.importers.leaves import expression_path, fits_scenario, is_kind_name, json_path, leaves
from loadws.importers.notes import Notes
from loadws.importers.templates import Expression, Mixed, rendered
from loadws.importers.vault import Vault, is_secret
from loadws.importers.yaml_text import Commented, Steps
from loadws.terms.masker import Masker

#: What may be the name of a step in reports.
STEP_NAME = re.compile(r"[A-Za-z_][\w.:/-]{0,39}", re.ASCII)
#: A request whose answer took longer than this may take twice as long as recorded; unless said, it may take ten seconds.
_SLOW_S = 5.0


class Flow:
    """A maker of the steps of a conversation. ``frames`` are its messages without heartbeats."""

    def __init__(
        self, socket: Socket, frames: Sequence[Frame], bindings: Bindings, notes: Notes, pauses: Pauses
    ) -> None:
        self._socket, self._frames, self._bindings = socket, frames, bindings
        self._notes, self._pauses = notes, pauses
        self._pairs: Pairs = pair(frames)
        self._free_s = socket.handshake.at_s

    def steps(self) -> list[Step]:
        """Return the steps behind ``connect``, with loops, and without the closing ``close``."""
        self._bindings.generate(self._frames, self._pairs.by_id)
        steps = [step for frame in self._frames for step in self._steps_of(frame)]
        self._say_pushes()
        if steps and (listening := self._listening()):
            steps.append(listening)
        return looped(steps)

    def _listening(self) -> Step | None:
        """Return the pause for which the page only listened at the end."""
        last_s = max((frame.at_s for frame in self._frames), default=0.0)
        pause = self._pauses.pause(last_s - self._free_s)
        return Step({}, pause) if pause else None

    # -- one message

    def _steps_of(self, frame: Frame) -> Iterator[Step]:
        if frame.is_sent:
            yield from self._sent(frame)
        elif frame not in self._pairs.received and self._is_waited_for(frame):
            body: dict[str, Any] = {"where": self._where(frame)}
            if captures := self._bindings.captured(frame):
                body["capture"] = captures
            self._free_s = max(self._free_s, frame.at_s)
            yield Step({"wait_for": body}, line=frame.line)

    def _is_waited_for(self, frame: Frame) -> bool:
        if frame in self._bindings.captures:
            return True
        is_told_apart = frame.json is not None and any(_kinds(frame))
        is_before_a_message = any(other.is_sent and other.at_s >= frame.at_s for other in self._frames)
        return is_told_apart and is_before_a_message and frame not in self._pairs.pushes

    def _sent(self, frame: Frame) -> Iterator[Step]:
        think_s = self._pauses.pause(frame.at_s - self._free_s) if self._free_s else 0.0
        self._free_s = max(self._free_s, frame.at_s)
        payload = raw_payload(frame, self._bindings)
        if values := self._bindings.sets.get(frame):
            yield Step({"set": values}, think_s, frame.line)
            think_s = 0.0
        answer = self._pairs.answers.get(frame)
        if answer is None:
            yield Step({"send": payload}, think_s, frame.line)
            return
        self._free_s = max(self._free_s, answer.frame.at_s)
        yield Step({"request": self._request(frame, payload, answer)}, think_s, frame.line)

    def _request(self, frame: Frame, payload: Any, answer: Answer) -> Any:
        reply: dict[str, Any] = {}
        if where := self._answer_where(frame, answer):
            reply["where"] = where
        if captures := self._bindings.captured(answer.frame):
            reply["capture"] = captures
        if (took_s := answer.frame.at_s - frame.at_s) > _SLOW_S:
            reply["within"] = written(2 * took_s)
        named = {"name": name} if (name := _name(frame)) else {}
        if not reply and not named and isinstance(payload, str):
            return payload
        return {**named, "send": payload} | ({"reply": reply} if reply else {})

    # -- conditions

    def _answer_where(self, frame: Frame, answer: Answer) -> dict[str, Any]:
        if not answer.received:
            return self._where(answer.frame) if answer.frame.json is not None else {}
        value = _at(frame.json, answer.sent)
        filled = _at(self._bindings.filled(frame.json, frame), answer.sent)
        is_in_variable = isinstance(filled, Expression) and filled.source.isidentifier()
        is_readable = fits_scenario(frame.json)
        expected = filled if is_in_variable or not is_readable else Expression(expression_path("sent", answer.sent))
        return {json_path(answer.received): rendered(expected if expected != value else value)}

    def _where(self, frame: Frame) -> dict[str, Any]:
        """Return conditions that a message fulfils: the words that name its kind, and the places of captures."""
        where: dict[str, Any] = {json_path(path): rendered(self._bindings.text(value)) for path, value in _kinds(frame)}
        for place in self._bindings.captures.get(frame, {}).values():
            where.setdefault(place, {"exists": True})
        if not where:
            keys = [path for path, _ in leaves(frame.json)][:1]
            where = {json_path(path): {"exists": True} for path in keys} or {"$": {"exists": True}}
        return where

    def _say_pushes(self) -> None:
        counts: dict[Any, list[Frame]] = {}
        for frame in self._frames:
            is_left = not frame.is_sent and frame not in self._pairs.received
            if is_left and not self._is_waited_for(frame):
                counts.setdefault(kind_of(frame), []).append(frame)
        for found in counts.values():
            count = "1 received message" if len(found) == 1 else f"{len(found)} received messages of one kind"
            text = f"{count} answered nothing that was sent, so no step waits for them"
            self._notes.change(found[0].line, text)


def raw_payload(frame: Frame, bindings: Bindings) -> Any:
    """Return a message as it was sent, with variables in place of what differs from user to user."""
    if isinstance(frame.payload, bytes):
        return {"binary": {"base64": base64.b64encode(frame.payload).decode("ascii")}}
    if frame.json is not None and fits_scenario(frame.json):
        return {"json": rendered(bindings.filled(frame.json, frame))}
    return rendered(bindings.text(frame.payload))


def _kinds(frame: Frame) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield the places and texts that name the kind of a message."""
    tree = frame.json
    if isinstance(tree, dict):
        for key, value in tree.items():
            if is_kind_name(key) and isinstance(value, str) and not is_secret(key, value):
                yield (key,), value
    elif isinstance(tree, list):
        for index, item in enumerate(tree):
            if isinstance(item, str) and item and not any(map(str.isdigit, item)) and not is_secret("", item):
                yield (index,), item


def _name(frame: Frame) -> str:
    """Return a request's name in reports: the value of the frame's field that names its kind; empty without such a field."""
    words = [value for _, value in _kinds(frame) if STEP_NAME.fullmatch(value)]
    return words[0] if words else ""


def _at(tree: Any, path: Sequence[str | int]) -> Any:
    for part in path:
        tree = tree[part]
    return tree


# -- steps as the scenario has them


def as_yaml(steps: Iterable[Step], vault: Vault, notes: Notes) -> Steps:
    """Return the steps for the YAML writer. A step that would reveal a secret is left out, with a note."""
    masker = vault.masker()
    written_steps = Steps()
    for step in steps:
        if step.think_s:
            written_steps.append({"think": span(step.pauses_s or (step.think_s,))})
        if not step.body:
            continue
        body = dict(step.body)
        if body == {"close": {}}:
            written_steps.append("close")
            continue
        if step.inner:
            body["do"] = as_yaml(step.inner, vault, notes)
        elif hides_secret(body, masker):
            notes.loss(
                step.line, "this message was left out: it holds a secret in a form that a variable cannot replace"
            )
            continue
        written_steps.append(Commented(body, step.comments) if step.comments else body)
    return written_steps


def hides_secret(value: Any, masker: Masker) -> bool:
    """Return whether some text in a value contains a secret."""
    return any(masker.spans(text) for text in _texts(value))


def _texts(value: Any) -> Iterator[str]:
    """Yield every text in a value, keys too; of base64 also what it stands for."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield str(key)
            yield from _texts(item)
            if key == "base64" and isinstance(item, str):
                yield base64.b64decode(item).decode("utf-8", "replace")
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, str | Mixed) or (isinstance(value, int) and not isinstance(value, bool)):
        yield str(value)
