"""The engine ``socketio`` beside ``ws`` in one script: Socket.IO 4 as what it is over WebSocket, text messages.

A scenario has one protocol, which its users of ``ws`` do not speak.

``40`` opens the namespace, ``42["event", …]`` is an event, ``42N[…]`` one that wants the acknowledgement ``43N[…]``, and
``2`` is the server's ping, which a handler answers with ``3``.
"""

from __future__ import annotations

import re
from typing import Any

from loadws.importers.artillery.emits import channel_of, either, event_of
from loadws.importers.artillery.expressions import as_source
from loadws.importers.artillery.script import text_of
from loadws.importers.artillery.steps import Carry, StepsOf
from loadws.importers.templates import Expression, mixed, rendered
from loadws.scenario.yaml.tree import Node

#: What a user of Socket.IO answers without being asked by its flow.
HANDLERS: list[dict[str, Any]] = [{"where": {"text": "2"}, "do": [{"send": "3"}]}]
OPENING: list[Any] = [
    {"wait_for": {"where": {"text": {"regex": "^0"}}}},
    {"request": {"name": "namespace", "send": "40", "reply": {"where": {"text": {"regex": "^40"}}}}},
]
_LOST = "was left out: loadws sees events of Socket.IO as text; what it times stays"


class FrameSteps(StepsOf):
    """Converts the steps of a user type of the engine ``socketio`` to frames."""

    def verbs(self) -> dict[str, Carry]:
        return {**super().verbs(), "emit": self._emit}

    def _emit(self, step: Node, body: Node) -> list[Any]:
        for part in (step, body):
            if text_of(part.child("namespace")) not in ("", "/"):
                self.script.loss(part, "this emit was left out: it is for a namespace of its own")
                return []
        event = event_of(self.expressions, body)
        if event is None:
            self.script.loss(step, "this emit was left out: it names no event")
            return []
        acknowledge, response = either(step, body, "acknowledge"), either(step, body, "response")
        for answer in (acknowledge, response):
            for key in ("match", "capture", "data"):
                if answer is not None and answer.child(key) is not None:
                    self.script.loss(answer, f"the {key} of this answer {_LOST}")
        name = {"name": event[0]} if re.fullmatch(r"[\w .:/-]{1,60}", str(event[0])) else {}
        if acknowledge is not None:
            return self._acknowledged(event, name)
        message = rendered(mixed(("42", Expression(f"{as_source(event)} | tojson"))))
        if response is None:
            return [{"send": message}]
        where = {"text": {"regex": rendered(self._answer(response))}}
        return [{"request": {**name, "send": message, "reply": {"where": where}}}]

    def _acknowledged(self, event: list[Any], name: dict[str, str]) -> list[Any]:
        message = mixed(("42", Expression("acknowledgement"), Expression(f"{as_source(event)} | tojson")))
        answer = mixed(("^43", Expression("acknowledgement"), "\\["))
        self.expressions.defined.add("acknowledgement")
        return [
            {"set": {"acknowledgement": "{{ id() }}"}},
            {
                "request": {
                    **name,
                    "send": rendered(message),
                    "reply": {"where": {"text": {"regex": rendered(answer)}}},
                }
            },
        ]

    def _answer(self, response: Node) -> str:
        """Return the pattern of the event that answers."""
        channel = channel_of(response)
        return '^42\\["' + re.escape(channel) + '"' if channel and "{{" not in channel else "^42\\["
