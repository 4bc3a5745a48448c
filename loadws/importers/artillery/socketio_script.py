"""What all users of Socket.IO in one script share: the connection, the names of their steps, and what is measured."""

from __future__ import annotations

import re
from typing import Any

from loadws.importers.artillery.expressions import Expressions
from loadws.importers.artillery.phases import duration, written
from loadws.importers.artillery.script import plain, text_of
from loadws.importers.names import Names
from loadws.importers.templates import rendered
from loadws.importers.vault import is_secret
from loadws.scenario.yaml.tree import Node

MEASURED_AS = (
    "Artillery times this answer as socketio.response_time; here its time, from the emit to the event, is {metric}"
)
_STEP_NAME = re.compile(r"[\w.:/-][\w .:/-]{0,59}", re.ASCII)
_USUAL_WITHIN_S = 10
#: The variable of the namespace, where users differ in it.
_VARIABLE = "protocol_namespace"


class Speaking:
    """What the users of Socket.IO in one script share. ``within`` is the deadline of answers, where it is not the usual one.

    ``measures`` are the times from an emit to the event that answers it.
    """

    def __init__(self, expressions: Expressions, target: Node, settings: Node | None, timeout: Node | None) -> None:
        self._expressions, self._target = expressions, target
        address = text_of(target).partition("://")[2].partition("#")[0]
        self.query = address.partition("?")[2]
        self._base = "/" + address.partition("?")[0].partition("/")[2].strip("/")
        auth = settings.child("auth") if settings is not None else None
        self.auth = None if auth is None else expressions.value(plain(auth), auth, "auth")
        lasts = duration(timeout)
        self.within = {} if lasts is None or lasts == _USUAL_WITHIN_S else {"within": written(lasts)}
        self.measures: list[dict[str, Any]] = []
        self._steps: dict[tuple[str, str, str], str] = {}
        self._metrics: dict[str, str] = {}
        self._names = Names()

    # -- the connection

    def namespace_of(self, said: str) -> str:
        """Return the namespace of an emit: what it says is behind the path of the target."""
        return "/" + f"{self._base}/{said}".strip("/").replace("//", "/")

    def text(self, namespace: str) -> Any:
        return self._expressions.text(namespace, self._target)

    def protocol(self, users: list[list[str]]) -> Any:
        """Return ``connection.protocol`` for users with these namespaces, of which the first is the connection's."""
        firsts = {names[0] for names in users}
        options: dict[str, Any] = {}
        if len(firsts) > 1:
            options["namespace"] = "{{ " + _VARIABLE + " }}"
        elif firsts != {"/"}:
            options["namespace"] = rendered(self.text(next(iter(firsts))))
        if self.auth is not None:
            options["auth"] = rendered(self.auth)
        return {"name": "socket.io", **options} if options else "socket.io"

    def settings(self, names: list[str], users: list[list[str]]) -> list[Any]:
        """Return what a user sets before it connects: its namespace, where users differ."""
        if len({each[0] for each in users}) < 2:
            return []
        return [{"set": {_VARIABLE: rendered(self.text(names[0]))}}]

    # -- steps

    def step_name(self, verb: str, event: str, waits: dict[str, Any] | None) -> str:
        """Return the name of a step; empty where it needs none. What waits for another answer is another step."""
        is_name = _STEP_NAME.fullmatch(event) is not None and not is_secret("", event)
        if waits is None and (not is_name or verb == "send"):
            return ""
        words = event if is_name else verb
        key = (verb, words, "" if waits is None else repr(_moment(waits)))
        if key not in self._steps:
            taken, name, count = set(self._steps.values()), words, 1
            while name in taken:
                count += 1
                name = f"{words}-{count}"
            self._steps[key] = name
        return self._steps[key]

    def measured(self, step: str, channel: str, waits: dict[str, Any]) -> str:
        """Return the metric of the time from a step to what it waits for."""
        if step not in self._metrics:
            metric = self._names.new(f"{step} to {'answer' if '{{' in channel else channel}")
            self._metrics[step] = metric
            self.measures.append({"name": metric, "from": {"step": step}, "to": _moment(waits), **self.within})
        return self._metrics[step]


def _moment(waits: dict[str, Any]) -> dict[str, Any]:
    """Return which messages a ``wait_for`` waits for."""
    return {key: waits[key] for key in ("event", "where") if key in waits}
