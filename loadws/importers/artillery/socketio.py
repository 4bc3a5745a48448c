"""The engine ``socketio`` in the verbs of Socket.IO: ``emit``, its acknowledgement, and waits for events.

A connection of a scenario has one namespace. What a user says in further ones is sent as packets: ``40/b,`` opens a
namespace, ``42/b,["event", …]`` is an event, ``42/b,N[…]`` one that wants the acknowledgement ``43/b,N[…]``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from loadws.importers.artillery.emits import channel_of, either, event_of
from loadws.importers.artillery.expected import equal_to, reply
from loadws.importers.artillery.expressions import Expressions, as_source
from loadws.importers.artillery.javascript import Functions
from loadws.importers.artillery.script import Script, items, pairs, plain, text_of
from loadws.importers.artillery.socketio_script import MEASURED_AS, Speaking
from loadws.importers.artillery.steps import Carry, StepsOf
from loadws.importers.templates import Expression, Mixed, mixed, rendered
from loadws.scenario.yaml.tree import Node

#: Unlike ``re.escape`` it leaves blanks and the like as they are: people read these patterns.
_SPECIAL = re.compile(r"([.^$*+?{}\[\]\\|()])")
_PACKET = "this emit is sent as a packet: it is for a second namespace, and a connection of a scenario has one"
_ANSWERED = "data args match capture"


class SocketIoSteps(StepsOf):
    """Converts the steps of a user type of the engine ``socketio``."""

    def __init__(
        self,
        script: Script,
        expressions: Expressions,
        functions: Functions,
        target: str,
        speaking: Speaking,
        namespaces: list[str],
    ) -> None:
        super().__init__(script, expressions, functions, target)
        self._speaking, self._namespaces = speaking, namespaces

    def verbs(self) -> dict[str, Carry]:
        return {**super().verbs(), "emit": self._emit}

    def opening(self) -> list[Any]:
        """Return the steps that open the namespaces beside the connection's own."""
        steps: list[Any] = []
        for name in self._namespaces[1:]:
            auth = [] if self._speaking.auth is None else [Expression(f"{as_source(self._speaking.auth)} | tojson")]
            packet = rendered(mixed(("40", *self._prefix(name), *auth)))
            where = {"envelope": {"$.type": "connect", "$.namespace": self._name_of(name)}}
            steps.append({"request": {"send": packet, "reply": {"where": where}}})
        return steps

    # -- emit

    def _emit(self, step: Node, body: Node) -> list[Any]:
        self.script.lose_others(step, "emit acknowledge response namespace", "the emit's")
        self.script.lose_others(body, "channel data acknowledge response namespace", "the emit's")
        event = event_of(self.expressions, body)
        if event is None:
            self.script.loss(step, "this emit was left out: it names no event")
            return []
        name = self._speaking.namespace_of(text_of(either(step, body, "namespace")))
        response = either(step, body, "response")
        waits = None if response is None else self._response(response, name)
        acknowledge = either(step, body, "acknowledge")
        is_own = name == self._namespaces[0]
        verb = "emit" if is_own else "send" if acknowledge is None else "request"
        said = self._speaking.step_name(verb, str(event[0]), waits)
        if waits is not None and response is not None:
            self._time(response, said, waits)
        if is_own:
            steps: list[Any] = [self._by_verb(event, said, acknowledge)]
        else:
            self.script.change(step, _PACKET)
            steps = self._by_packet(event, said, name, acknowledge)
        return [*steps, {"wait_for": waits}] if waits is not None else steps

    def _by_verb(self, event: list[Any], said: str, acknowledge: Node | None) -> dict[str, Any]:
        verb: dict[str, Any] = {"name": said} if said else {}
        verb["event"] = rendered(event[0])
        if len(event) > 1:
            verb["args"] = rendered(event[1:])
        if acknowledge is not None:
            verb["ack"] = {**self._acknowledgement(acknowledge), **self._speaking.within}
        return {"emit": verb}

    def _by_packet(self, event: list[Any], said: str, name: str, acknowledge: Node | None) -> list[Any]:
        step: dict[str, Any] = {"name": said} if said else {}
        packet = Expression(f"{as_source(event)} | tojson")
        head = ("42", *self._prefix(name))
        if acknowledge is None:
            text = rendered(mixed((*head, packet)))
            return [{"send": {**step, "text": text} if step else text}]
        self.expressions.defined.add("acknowledgement")
        where = {"envelope": {"$.type": "ack", "$.id": "{{ acknowledgement }}"}}
        expected = self._of_record(self._acknowledgement(acknowledge), acknowledge)
        send = rendered(mixed((*head, Expression("acknowledgement"), packet)))
        answer = {"where": where, **expected, **self._speaking.within}
        return [{"set": {"acknowledgement": "{{ id() }}"}}, {"request": {**step, "send": send, "reply": answer}}]

    def _acknowledgement(self, node: Node) -> dict[str, Any]:
        self.script.lose_others(node, _ANSWERED, "the acknowledgement's")
        expected = reply(self.script, self.expressions, node, of_arguments=True)
        data = self._data(node)
        return {**expected, "check": {**data, **expected.get("check", {})}} if data else expected

    def _of_record(self, expected: dict[str, Any], node: Node) -> dict[str, Any]:
        """Return conditions and captures of a packet: its arguments are a part of it."""
        checks, captures = expected.get("check", {}), expected.get("capture", {})
        if "text" in checks or not all(isinstance(place, str) for place in captures.values()):
            self.script.loss(node, "regular expressions of this answer were left out: its namespace is a second one")
        found: dict[str, Any] = {}
        if paths := {f"$.args{path[1:]}": value for path, value in checks.items() if path != "text"}:
            found["check"] = {"envelope": paths}
        if places := {key: f"$.args{path[1:]}" for key, path in captures.items() if isinstance(path, str)}:
            found["capture"] = {key: {"envelope": place} for key, place in places.items()}
        return found

    # -- response

    def _response(self, node: Node, namespace: str) -> dict[str, Any] | None:
        """Return the ``wait_for`` of the event that answers; None where none is named."""
        channel = channel_of(node)
        if not channel:
            self.script.loss(node, "this response was left out: it names no event")
            return None
        self.script.lose_others(node, f"channel on {_ANSWERED}", "the response's")
        where: dict[str, Any] = {"event": rendered(self.expressions.text(channel, node)), **self._data(node)}
        if len(self._namespaces) > 1:
            where["envelope"] = {"$.namespace": self._name_of(namespace)}
        body: dict[str, Any] = {"where": where} if len(where) > 1 else dict(where)
        return {
            **body,
            **reply(self.script, self.expressions, node, of_arguments=True),
            **self._speaking.within,
        }

    def _time(self, response: Node, said: str, waits: dict[str, Any]) -> None:
        """Let the time from the emit to its answer be measured."""
        metric = self._speaking.measured(said, channel_of(response), waits)
        self.script.change(response, MEASURED_AS.format(metric=metric))

    def _data(self, node: Node) -> dict[str, Any]:
        """Return the conditions of the arguments that an answer should have: of a list all, else the last one."""
        data = node.child("data") if node.child("data") is not None else node.child("args")
        value = plain(data)
        if data is None or value in (None, "", 0):  # Artillery looks at none of them
            return {}
        ours = rendered(self.expressions.value(value, data))
        if isinstance(value, list):
            return {"$": {"equals": ours}}
        if isinstance(value, str) and ours == value:  # a part is enough
            return {"$[-1]": {"regex": _SPECIAL.sub(r"\\\1", value)}}
        if isinstance(value, str):
            self.script.change(data, "this text is compared as a whole, and in Artillery it may be a part")
        return {"$[-1]": equal_to(ours)}

    # -- namespaces

    def _prefix(self, name: str) -> tuple[Any, ...]:
        value = self._speaking.text(name)
        parts = value.parts if isinstance(value, Mixed) else (value,)
        return (*parts, ",") if name != "/" else ()

    def _name_of(self, name: str) -> Any:
        return rendered(self._speaking.text(name))


def namespaces_in(flow: Node | None, speaking: Speaking) -> list[str]:
    """Return the namespaces that a flow speaks in, the first one first: that of the target where it says nothing."""
    return list(dict.fromkeys(speaking.namespace_of(name) for name in _named(flow))) or [speaking.namespace_of("")]


def _named(flow: Node | None) -> Iterator[str]:
    for step in items(flow):
        for key, body in pairs(step):
            if key == "emit":
                yield text_of(either(step, body, "namespace"))
            elif key == "loop":
                yield from _named(body)
