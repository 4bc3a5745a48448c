"""``import_artillery``: a script becomes a scenario; each of its scenarios is a type of user."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from loadws.importers.artillery.ensure import thresholds
from loadws.importers.artillery.expressions import Expressions, variable_name
from loadws.importers.artillery.javascript import Functions
from loadws.importers.artillery.phases import phases
from loadws.importers.artillery.script import Script, items, pairs, plain, text_of
from loadws.importers.artillery.socketio import SocketIoSteps, namespaces_in
from loadws.importers.artillery.socketio_frames import HANDLERS, OPENING, FrameSteps
from loadws.importers.artillery.socketio_script import Speaking
from loadws.importers.artillery.steps import StepsOf
from loadws.importers.credentials import is_secret_name
from loadws.importers.leaves import expression_path
from loadws.importers.names import environment_name
from loadws.importers.notes import Imported, ImportFailed, Variable
from loadws.importers.templates import Expression, rendered
from loadws.importers.vault import is_secret
from loadws.importers.writing import Draft, assembled
from loadws.importers.yaml_text import Steps
from loadws.scenario.yaml.tree import Node, with_child

_CONFIG = "target phases variables payload processor environments tls ensure plugins"
#: The keys of an engine's settings that its ``connect`` takes.
_OF_ENGINE = {"ws": "headers subprotocols", "socketio": "extraHeaders headers subprotocols path query"}
_SCENARIO = "name engine weight flow beforeScenario afterScenario"
_SOCKET_IO = "/socket.io/"
_OF_FRAMES = "EIO=4&transport=websocket"
_ENGINES = ("ws", "socketio")
_BY_VERBS = (
    "the events of Socket.IO became the verbs of its protocol, which need pip install 'loadws[socketio]'; for an "
    "acknowledgement Artillery waits without end, and this for {within}"
)
_BY_FRAMES = (
    "the events of Socket.IO are sent as text, each in its own message, because a scenario has one protocol, which the "
    "users of the engine ws do not speak"
)


def import_artillery(
    content: bytes, path: Path, environment: str | None = None, folder: Path | None = None
) -> Imported:
    """Return the scenario of a script, to be kept in a folder: that of the script unless said.

    Raises ``ImportFailed`` for a file that is no script, or has nothing that loadws could run.
    """
    return _Import(Script(content, path), environment, path.parent if folder is None else folder).imported()


class _Import:
    """One script on its way to a scenario."""

    def __init__(self, script: Script, environment: str | None, folder: Path) -> None:
        self._script, self._folder = script, folder
        config = script.root.child("config")
        assert config is not None
        self._config = config
        self._overrides = self._environment(environment)
        self._expressions, self._functions = Expressions(script), Functions(script)
        self._speaking: Speaking | None = None
        self._namespaces: list[list[str]] = []  # of each user of Socket.IO
        script.vault.names.take(_names_in(script.root))
        for name in ("target", "$environment"):
            self._expressions.defined.add(name)

    def imported(self) -> Imported:
        script = self._script
        script.lose_others(script.root, "config scenarios", "the part")
        target = self._target()
        draft = Draft([f"Imported from {script.path.name} (Artillery)"], target)
        draft.load = phases(script, self._setting("phases"))
        draft.variables = self._variables(draft)
        scenarios = [(node, _engine(node, target)) for node in items(script.root.child("scenarios"))]
        self._choose_verbs(scenarios)
        for node, engine in scenarios:
            self._scenario(node, engine, target, draft)
        used = {engine for _, engine in scenarios if engine in _ENGINES} | ({"timeout"} if self._speaking else set())
        for settings in (self._config, *([self._overrides] if self._overrides is not None else [])):
            script.lose_others(settings, " ".join((_CONFIG, *used)), "the setting")
        plugins = self._setting("plugins")
        if plugins is not None:
            script.lose_others(plugins, "ensure", "the plugin")
        ensure = self._setting("ensure") or (plugins.child("ensure") if plugins is not None else None)
        draft.thresholds = thresholds(script, ensure, asks_http="'http':" in str(draft.users))
        if self._speaking is not None:
            draft.connection["protocol"] = self._speaking.protocol(self._namespaces)
            draft.measures = self._speaking.measures
        if not draft.users:
            advice = "loadws imports scenarios of the engines ws and socketio"
            place = f"{script.path}:{script.line(script.root.child('scenarios') or script.root)}"
            raise ImportFailed(f"{place}: there is no scenario here that loadws could run", advice)
        if (tls := self._setting("tls")) is not None:
            script.lose_others(tls, "rejectUnauthorized", "the tls")
            if plain(tls.child("rejectUnauthorized")) is False:
                draft.connection["tls"] = {"verify": False}
        if (processor := self._setting("processor")) is not None and not self._functions.files:
            script.change(
                processor, "the setting 'processor' was left out: no step that is carried over calls a function"
            )
        self._demand(draft)
        return assembled(draft, script.vault, script.notes, self._functions.files)

    # -- settings

    def _environment(self, name: str | None) -> Node | None:
        """Return the settings of the environment of this name.

        Raises:
            ImportFailed: The script has no such environment.
        """
        environments = self._config.child("environments")
        names = [key for key, _ in pairs(environments)]
        if name is None:
            if names:
                text = f"the environments {', '.join(names)} were left out: choose one with --environment"
                self._script.change(environments or self._config, text)
            return None
        if environments is None or name not in names:
            known = f"environments are {', '.join(names)}" if names else "the script has no environments"
            raise ImportFailed(f"{self._script.path}: there is no environment {name!r}", known)
        return environments.child(name)

    def _setting(self, key: str) -> Node | None:
        """Return a setting; of a mapping that the environment has too, the keys of both."""
        own, general = self._overrides.child(key) if self._overrides is not None else None, self._config.child(key)
        if own is None or general is None or not isinstance(general.value, dict):
            return own if own is not None else general
        for name, child in pairs(own):
            general = with_child(general, name, child)
        return general

    def _target(self) -> str:
        node = self._setting("target")
        written = self._expressions.fixed(text_of(node), node or self._config)
        if node is None or "{{" in written or not written:
            place = f"{self._script.path}:{self._script.line(node or self._config)}"
            advice = "write the address of the server in config.target"
            raise ImportFailed(f"{place}: there is no target that can be carried over", advice)
        for scheme, ours in (("https://", "wss://"), ("http://", "ws://")):
            if written.startswith(scheme):
                return ours + written.removeprefix(scheme)
        return written

    def _variables(self, draft: Draft) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, node in pairs(self._setting("variables")):
            ours = self._expressions.define(name)
            if isinstance(node.value, str | int) and "{{" not in str(node.value) and is_secret(name, node.value):
                draft.required.append(Variable(ours, environment_name(ours), is_text=isinstance(node.value, str)))
                self._script.vault.secret.append(ours)
                continue
            values = self._expressions.value(plain(node), node, name)
            if isinstance(values, list):
                found[f"{ours}_values"] = rendered(values)
                values = None
                found[ours] = "{{ choice(" + f"{ours}_values" + ") }}"
            else:
                found[ours] = rendered(values)
        for index, node in enumerate(items(self._setting("payload"))):
            self._payload(node, "payload" if index == 0 else f"payload_{index + 1}", found, draft)
        return found

    def _payload(self, node: Node, name: str, found: dict[str, Any], draft: Draft) -> None:
        self._script.lose_others(node, "path fields order skipHeader delimiter", "the payload's")
        path, fields = text_of(node.child("path")), [text_of(each) for each in items(node.child("fields"))]
        if not path.lower().endswith(".csv") or not fields:
            self._script.loss(node, "this payload was left out: it is no .csv file with fields")
            return
        file = self._script.path.parent / path
        source: dict[str, Any] = {"file": Path(os.path.relpath(file, self._folder)).as_posix()}
        columns = fields
        if plain(node.child("skipHeader")) is True:
            columns = self._header(file, text_of(node.child("delimiter"))) or fields
        else:
            source["columns"] = fields
        if delimiter := text_of(node.child("delimiter")):
            source["delimiter"] = delimiter
        source["order"] = "sequential" if text_of(node.child("order")) == "sequence" else "random"
        draft.data[name] = source
        for field, column in zip(fields, columns, strict=False):
            found[self._expressions.define(field)] = rendered(Expression(expression_path(name, (column,))))
            if is_secret_name(column):
                self._script.vault.secret.append(f"{name}.{column}")

    def _header(self, file: Path, delimiter: str) -> list[str] | None:
        """Return the names in a CSV file's first line; None where the file cannot be read."""
        try:
            with file.open(encoding="utf-8-sig", newline="") as stream:
                return [name.strip() for name in next(csv.reader(stream, delimiter=delimiter or ","), [])]
        except (OSError, ValueError, csv.Error):
            return None

    # -- scenarios

    def _choose_verbs(self, scenarios: Sequence[tuple[Node, str]]) -> None:
        """Choose the verbs of Socket.IO for its scenarios, unless the script has scenarios of the engine ws too."""
        if {engine for _, engine in scenarios if engine in _ENGINES} != {"socketio"}:
            return
        target, settings = self._setting("target") or self._config, self._setting("socketio")
        speaking = self._speaking = Speaking(self._expressions, target, settings, self._setting("timeout"))
        self._namespaces = [
            namespaces_in(node.child("flow"), speaking) for node, engine in scenarios if engine == "socketio"
        ]

    def _scenario(self, node: Node, engine: str, target: str, draft: Draft) -> None:
        script = self._script
        if engine not in _ENGINES:
            script.loss(node, f"this scenario was left out: loadws has nothing for the engine {engine!r}")
            return
        script.lose_others(node, _SCENARIO, "the scenario's")
        opening, flow, handlers = self._steps(node, engine, target)
        before = [self._functions.call(text_of(each), each) for each in items(node.child("beforeScenario"))]
        after = [self._functions.call(text_of(each), each) for each in items(node.child("afterScenario"))]
        closing = [] if flow and flow[-1] == "close" else ["close"]
        name = text_of(node.child("name")).strip() or f"user-{len(draft.users) + 1}"
        weight = plain(node.child("weight"))
        draft.add_user(
            name, Steps([*before, *([] if _connects(flow) else opening), *flow, *closing, *after]), handlers,
            weight if isinstance(weight, int | float) and not isinstance(weight, bool) and weight > 0 else 1,
        )  # fmt: skip

    def _steps(self, node: Node, engine: str, target: str) -> tuple[list[Any], Steps, list[dict[str, Any]]]:
        """Return what opens the connection, the flow, and the handlers."""
        flow, said = node.child("flow"), self._connect(engine)
        own = (self._script, self._expressions, self._functions, target)
        connect: Any = {"connect": said} if said else "connect"
        if engine == "ws":
            return [connect], StepsOf(*own, said).flow(flow), []
        if self._speaking is None:
            self._script.change(node, _BY_FRAMES)
            return [connect, *OPENING], FrameSteps(*own).flow(flow), HANDLERS
        self._script.change(node, _BY_VERBS.format(within=self._speaking.within.get("within", "10s")))
        namespaces = namespaces_in(flow, self._speaking)
        steps = SocketIoSteps(*own, self._speaking, namespaces)
        opening = [*self._speaking.settings(namespaces, self._namespaces), connect, *steps.opening()]
        return opening, steps.flow(flow), []

    def _connect(self, engine: str) -> dict[str, Any]:
        """Return what every connect of an engine says."""
        settings = self._setting(engine)
        said: dict[str, Any] = {}
        if engine == "socketio":
            said["path"] = self._socket_io_path(settings)
        if settings is not None:
            known = _OF_ENGINE[engine]
            if engine == "socketio":
                is_plain = [text_of(each) for each in items(settings.child("transports"))] == ["websocket"]
                known += (" auth" if self._speaking else "") + (" transports" if is_plain else "")
            self._script.lose_others(settings, known, f"the {engine}")
            headers = plain(settings.child("headers"))
            if engine == "socketio" and isinstance(more := plain(settings.child("extraHeaders")), dict):
                headers = (headers if isinstance(headers, dict) else {}) | more
            if isinstance(headers, dict):
                values = {name: self._expressions.value(value, settings, name) for name, value in headers.items()}
                said["headers"] = {name: str(rendered(value)) for name, value in values.items()}
            if protocols := [text_of(each) for each in items(settings.child("subprotocols"))]:
                said["subprotocols"] = protocols
        return said

    def _socket_io_path(self, settings: Node | None) -> Any:
        path = text_of(settings.child("path")) if settings is not None else ""
        query = plain(settings.child("query")) if settings is not None else None
        values = [] if self._speaking is not None else [_OF_FRAMES]
        if self._speaking is not None and self._speaking.query:
            values.append(self._speaking.query)
        if isinstance(query, dict):
            values += [f"{key}={value}" for key, value in query.items()]
        elif isinstance(query, str):
            values.append(query.lstrip("?&"))
        address = (f"/{path.strip('/')}/" if path.strip("/") else _SOCKET_IO) + (
            "?" + "&".join(values) if values else ""
        )
        return rendered(self._expressions.text(address, settings or self._config))

    # -- what must be set

    def _demand(self, draft: Draft) -> None:
        """Make required variables of what nothing in the script sets, and name the environment's own."""
        expressions = self._expressions
        for name, node in expressions.used.items():
            if name not in expressions.defined and name != "acknowledgement":
                draft.required.append(Variable(name, environment_name(name), is_secret=False))
                self._script.change(node, f"nothing in the script sets {name!r}, so it is a variable that you must set")
        given = {variable.environment for variable in draft.required}
        draft.environment = [name for name in expressions.environment if name not in given]


def _engine(node: Node, target: str) -> str:
    return text_of(node.child("engine")) or ("ws" if target.startswith(("ws", "$")) else "http")


def _connects(flow: Steps) -> bool:
    return any(step == "connect" or (isinstance(step, dict) and "connect" in step) for step in flow)


def _names_in(node: Node) -> Iterator[str]:
    """Yield every name that the script gives a value: its variables, the fields of its payloads, its captures."""
    for key, child in pairs(node):
        if key == "variables":
            yield from (variable_name(name) for name, _ in pairs(child))
        elif key == "fields":
            yield from (variable_name(text_of(each)) for each in items(child))
        elif key == "as":
            yield variable_name(text_of(child))
    for child in node.children():
        yield from _names_in(child)
