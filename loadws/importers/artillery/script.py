"""An Artillery script as it is written: its tree, the lines of its parts, and the notes about them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from loadws.importers.notes import ImportFailed, Notes
from loadws.importers.vault import Vault
from loadws.scenario.yaml.explain import Problems, ScenarioError, SourceText
from loadws.scenario.yaml.source import decode, read_tree
from loadws.scenario.yaml.tree import Node, plain_value

_ADVICE = "an Artillery script has the keys config and scenarios"

#: What to write in the scenario instead of a key that an importer does not carry over.
_INSTEAD = {
    ("the setting", "timeout"): "write `within` in the steps that wait",
    ("the setting", "http"): "write it in each step `http`",
    ("the setting", "defaults"): "write it in each step `http`",
    ("the plugin", "publish-metrics"): "`--output` sends figures elsewhere (`loadws docs outputs`)",
    ("the request's", "name"): "write `name` in the step",
    ("the setting", "ws"): "no scenario of the script has the engine ws",
    ("the setting", "socketio"): "no scenario of the script has the engine socketio",
    ("the ws", "proxy"): "write `connection: {proxy: …}`",
    ("the ws", "rejectUnauthorized"): "write `connection: {tls: {verify: false}}`",
    ("the ws", "perMessageDeflate"): "write `connection: {compression: true}`",
    ("the socketio", "transports"): "loadws opens a WebSocket at once",
    ("the tls", "ca"): "write `connection: {tls: {ca: …}}`",
    ("the tls", "cert"): "write `connection: {tls: {certificate: …}}`",
    ("the tls", "key"): "write `connection: {tls: {key: …}}`",
}


class Script:
    """One script on its way to a scenario."""

    def __init__(self, content: bytes, path: Path) -> None:
        self.path = path
        self.notes, self.vault = Notes(), Vault()
        self._source, self.root = _read(content, path)

    def line(self, node: Node) -> int:
        """Return the line of a value, counted from 1."""
        return self._source.text.count("\n", 0, node.head) + 1

    def loss(self, node: Node, text: str) -> None:
        self.notes.loss(self.line(node), text)

    def change(self, node: Node, text: str) -> None:
        self.notes.change(self.line(node), text)

    def lose(self, node: Node, what: str, key: str) -> None:
        """Say that a key was left out; where loadws has something like it, also what."""
        if (instead := _INSTEAD.get((what, key))) is not None:
            self.loss(node, f"{what} {key!r} was left out: {instead}")
        else:
            self.loss(node, f"{what} {key!r} was left out: loadws has nothing that does the same")

    def lose_others(self, node: Node, known: str, what: str) -> None:
        """Say of every key of a mapping that is not among the known ones that it was left out."""
        for key, child in pairs(node):
            if key not in known.split():
                self.lose(child, what, key)


def _read(content: bytes, path: Path) -> tuple[SourceText, Node]:
    try:
        source = decode(content, path)
        root = read_tree(Problems(source))
    except ScenarioError as error:
        first = error.problems[0]
        place = f"{path}:{first.line}:{first.column}" if first.line else str(path)
        raise ImportFailed(f"{place}: this is no Artillery script: {first.message}", first.advice or _ADVICE) from None
    missing = [key for key in ("config", "scenarios") if root.child(key) is None]
    if missing:
        raise ImportFailed(f"{path}:1: this is no Artillery script: there is no `{missing[0]}`", _ADVICE)
    return source, root


def pairs(node: Node | None) -> Iterator[tuple[str, Node]]:
    """Yield the keys and values of a mapping; nothing of anything else."""
    if node is not None and isinstance(node.value, dict):
        yield from node.value.items()


def items(node: Node | None) -> Iterator[Node]:
    """Yield the elements of a list; of a single value, itself; of nothing, nothing."""
    if node is None or node.value is None:
        return
    if isinstance(node.value, tuple):
        yield from node.value
    else:
        yield node


def plain(node: Node | None) -> Any:
    return None if node is None else plain_value(node)


def text_of(node: Node | None) -> str:
    """Return a scalar as text; empty for anything else."""
    value = None if node is None else node.value
    return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""
