"""The steps of a flow, whatever its engine: pauses, loops, logs, functions and HTTP; and those of the engine ``ws``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from loadws.importers.artillery.expected import reply
from loadws.importers.artillery.expressions import Expressions, as_source, variable_name
from loadws.importers.artillery.javascript import Functions
from loadws.importers.artillery.phases import duration, written
from loadws.importers.artillery.script import Script, items, pairs, plain, text_of
from loadws.importers.leaves import fits_scenario
from loadws.importers.origins import origin_of, request_target
from loadws.importers.templates import Expression, rendered
from loadws.importers.yaml_text import Steps
from loadws.scenario.yaml.tree import Node

_METHODS = ("get", "post", "put", "patch", "delete", "head", "options")
_RANDOM_PAUSE = re.compile(r"\{\{\s*\$randomNumber\(\s*(\d+)\s*,\s*(\d+)\s*\)\s*\}\}")
_TARGET = re.compile(r"\{\{\s*target\s*\}\}")
_RANGE = re.compile(r"(\d+)-(\d+)")
#: Verbs that say themselves which keys may stand beside them.
_WITH_OWN_KEYS = ("loop", "emit")
#: How a verb becomes steps: from the step's mapping and the verb's value.
Carry = Callable[[Node, Node], list[Any]]


class StepsOf:
    """Converts the steps of one user type."""

    def __init__(
        self,
        script: Script,
        expressions: Expressions,
        functions: Functions,
        target: str,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self.script, self.expressions, self.functions = script, expressions, functions
        self._target = target
        self._settings = settings or {}  # what every connect of the engine has
        self._verbs: dict[str, Carry] = {
            "think": self._think,
            "loop": self._loop,
            "log": self._log,
            "function": self._function,
            "send": self._send,
            "wait": self._wait,
            "connect": self._connect,
            **dict.fromkeys(_METHODS, self._http),
        }

    def verbs(self) -> dict[str, Carry]:
        return self._verbs

    def flow(self, node: Node | None) -> Steps:
        """Return the steps of a list; a step that is not known is left out, and said."""
        found = Steps()
        verbs = self.verbs()
        for each in items(node):
            verb, body = next(((key, child) for key, child in pairs(each) if key in verbs), ("", each))
            if verb:
                if verb not in _WITH_OWN_KEYS:
                    self.script.lose_others(each, verb, "the step's")
                found += verbs[verb](each, body)
            else:
                name = next((key for key, _ in pairs(each)), str(plain(each))[:40])
                self.script.loss(each, f"the step {name!r} was left out: loadws has nothing that does the same")
        return found

    def text(self, value: Any, node: Node, name: str = "") -> Any:
        return rendered(self.expressions.value(value, node, name))

    # -- every engine

    def _think(self, step: Node, body: Node) -> list[Any]:
        text = text_of(body).strip()
        if match := _RANDOM_PAUSE.fullmatch(text):
            return [{"think": f"{match[1]}s..{match[2]}s"}] if int(match[1]) <= int(match[2]) else []
        if (seconds := duration(body)) is not None:
            return [{"think": written(seconds)}]
        if text != "0":
            self.script.loss(step, "this think was left out: its time is not a number")
        return []

    def _loop(self, step: Node, body: Node) -> list[Any]:
        self.script.lose_others(step, "loop count over", "the loop's")
        turn = self.flow(body)
        if not turn:
            return []
        count, over = plain(step.child("count")), step.child("over")
        if over is not None:
            return self._over(over, turn)
        if isinstance(count, int) and not isinstance(count, bool) and count >= 0:
            times: Any = count
        elif isinstance(count, str):
            times = self.text(count, step)
        else:
            self.script.loss(step, "this loop has no count, so its steps are run once")
            times = 1
        return self._counted(times, turn)

    def _counted(self, times: Any, turn: Steps) -> list[Any]:
        """Return a loop; where its steps use ``$loopCount`` it counts its turns."""
        if "loop_count" not in str(turn):
            return [{"repeat": times, "do": turn}]
        count = {"set": {"loop_count": "{{ loop_count + 1 }}"}}
        return [{"set": {"loop_count": 0}}, {"repeat": times, "do": Steps([count, *turn])}]

    def _over(self, over: Node, turn: Steps) -> list[Any]:
        values = plain(over)
        if isinstance(values, str) and (match := _RANGE.fullmatch(values)):
            elements: Any = list(range(int(match[1]), min(int(match[2]), int(match[1]) + 999) + 1))
            source, times = as_source(elements), len(elements)
        elif isinstance(values, list):
            source, times = as_source(self.expressions.value(values, over)), len(values)
        else:
            name = variable_name(text_of(over).strip("{} "))
            self.expressions.used.setdefault(name, over)
            source, times = name, "{{ " + name + " | length }}"  # type: ignore[assignment]
        first = {"set": {"loop_count": 0}}
        element = {"set": {"loop_element": rendered(Expression(f"({source})[loop_count]"))}}
        count = {"set": {"loop_count": "{{ loop_count + 1 }}"}}
        return [first, {"repeat": times, "do": Steps([element, count, *turn])}]

    def _log(self, step: Node, body: Node) -> list[Any]:
        return [{"log": rendered(self.expressions.text(text_of(body), body))}]

    def _function(self, step: Node, body: Node) -> list[Any]:
        return [self.functions.call(text_of(body), body)]

    def _http(self, step: Node, body: Node) -> list[Any]:
        method = next(key for key, child in pairs(step) if child is body)
        self.script.lose_others(body, "url json body form headers qs capture match", "the request's")
        said: dict[str, Any] = {method: self._address(text_of(body.child("url")), body)}
        for key, ours in (("headers", "headers"), ("qs", "query"), ("form", "form")):
            values = plain(body.child(key))
            if isinstance(values, dict):
                said[ours] = {name: _as_text(self.text(value, body, name)) for name, value in values.items()}
        if (data := body.child("json")) is not None:
            said["json"] = self.text(plain(data), data)
        elif (data := body.child("body")) is not None and "form" not in said:
            said["text"] = self.text(text_of(data), data)
        return [{"http": said | reply(self.script, self.expressions, body)}]

    def _address(self, url: str, node: Node) -> Any:
        """Return an address, or the path of one on the target's own host."""
        is_ours = "{{" not in url.partition("/")[0] and origin_of(url) == origin_of(self._target) is not None
        return rendered(self.expressions.text(request_target(url) if is_ours else url, node))

    # -- ws

    def _send(self, step: Node, body: Node) -> list[Any]:
        is_exchange = body.child("capture") is not None or body.child("match") is not None
        if is_exchange:
            self.script.lose_others(body, "payload capture match", "the send's")
        content = body.child("payload") if is_exchange or _is_wrapped(body) else body
        expected = reply(self.script, self.expressions, body) if is_exchange else {}
        if content is None:
            return [{"wait_for": expected or {}}]
        payload = self._payload(content)
        if not is_exchange:
            return [{"send": payload}]
        return [{"request": {"send": payload} | ({"reply": expected} if expected else {})}]

    def _payload(self, node: Node) -> Any:
        value = plain(node)
        if isinstance(value, dict | list) and fits_scenario(value):
            return {"json": self.text(value, node)}
        return self.text(value if isinstance(value, str) else text_of(node), node)

    def _wait(self, step: Node, body: Node) -> list[Any]:
        self.script.lose_others(body, "capture match", "the wait's")
        expected = reply(self.script, self.expressions, body)
        return [{"wait_for": expected} if expected else "wait_for"]

    def _connect(self, step: Node, body: Node) -> list[Any]:
        said: dict[str, Any] = dict(self._settings)
        url = text_of(body) or text_of(body.child("target")) or text_of(body.child("url"))
        if function := text_of(body.child("function")):
            self.script.loss(
                body, f"the function {function!r} of this connect was left out: say what it does in the step"
            )
        self.script.lose_others(body, "target url headers subprotocols function", "the connection's")
        if url and (path := self._path(url, body)) is not None:
            said["path"] = path
        headers = plain(body.child("headers"))
        if isinstance(headers, dict):
            own = {name: _as_text(self.text(value, body, name)) for name, value in headers.items()}
            said["headers"] = said.get("headers", {}) | own
        if protocols := [text_of(each) for each in items(body.child("subprotocols"))]:
            said["subprotocols"] = protocols
        return [{"connect": said} if said else "connect"]

    def _path(self, url: str, node: Node) -> Any:
        """Return the path of an address, behind that of the target where it begins with the target; None where it is the
        target.
        """
        if (match := _TARGET.match(url)) is not None:
            rest = url[match.end() :]
            return rendered(self.expressions.text(self._behind_target(rest, node), node)) if rest else None
        path = url
        if origin_of(path) is not None:
            if origin_of(path) != origin_of(self._target):
                self.script.loss(node, "only the path of this connect is kept: a scenario has one target")
            path = request_target(path)
        elif urlsplit(path.replace("{", "").replace("}", "")).scheme in ("ws", "wss"):
            self.script.loss(node, "only the path of this connect is kept: a scenario has one target")
            path = "/" + path.split("/", 3)[3] if path.count("/") >= 3 else "/"
        return rendered(self.expressions.text(path or "/", node))

    def _behind_target(self, rest: str, node: Node) -> str:
        """Return path and query of the target with a text behind it."""
        scheme, _, address = self._target.partition("://")
        if scheme not in ("ws", "wss"):
            self.script.loss(node, "the path of the target is not known here: write it before the path of this connect")
            address = ""
        begins = re.search(r"[/?]", address)
        path = (address[begins.start() :] if begins else "") + rest
        return path if path.startswith("/") else f"/{path}"


def _is_wrapped(body: Node) -> bool:
    """Return whether a ``send`` is a mapping with nothing but its payload."""
    return isinstance(body.value, dict) and set(body.value) == {"payload"}


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
