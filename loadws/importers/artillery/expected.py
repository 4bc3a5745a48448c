"""``match`` and ``capture`` of a response, as ``check`` and ``capture`` of a reply."""

from __future__ import annotations

import re
from typing import Any

from loadws.importers.artillery.expressions import Expressions
from loadws.importers.artillery.script import Script, items, plain, text_of
from loadws.importers.templates import fixed, rendered
from loadws.scenario.matching.extract import compile_regex
from loadws.scenario.matching.jsonpath import PathError, parse_path
from loadws.scenario.yaml.tree import Node

#: Artillery's way to write an index: ``$.0.name``.
_DOT_INDEX = re.compile(r"\.(\d+)(?=[.\[]|$)")


def reply(script: Script, expressions: Expressions, node: Node, *, of_arguments: bool = False) -> dict[str, Any]:
    """Return the ``check`` and ``capture`` of what a step expects; keys that cannot be carried over get a note.

    ``of_arguments`` says that the answer is a list of arguments. A path to none of them is one within the first.
    """
    found: dict[str, Any] = {}
    checks: dict[str, Any] = {}
    for each in items(node.child("match")):
        checks |= _check(script, expressions, each, of_arguments)
    captures: dict[str, Any] = {}
    for each in items(node.child("capture")):
        captures |= _capture(script, expressions, each, of_arguments)
    if checks:
        found["check"] = checks
    if captures:
        found["capture"] = captures
    return found


def _check(script: Script, expressions: Expressions, node: Node, of_arguments: bool) -> dict[str, Any]:
    script.lose_others(node, "json value regexp", "the match's")
    path, expected = _path(node, of_arguments), plain(node.child("value"))
    if path is not None:
        return {
            path: equal_to(rendered(expressions.value(expected, node))) if expected is not None else {"exists": True}
        }
    pattern = text_of(node.child("regexp"))
    if _is_pattern(pattern) and "{{" not in pattern:
        return {"text": {"regex": rendered(pattern)}}
    script.loss(node, "this match was left out: it is neither the path to one place nor a regular expression")
    return {}


def equal_to(value: Any) -> Any:
    """Return the condition that a value is this one."""
    return {"equals": value} if isinstance(value, dict | list) else value


def _capture(script: Script, expressions: Expressions, node: Node, of_arguments: bool) -> dict[str, Any]:
    script.lose_others(node, "json regexp header group as", "the capture's")
    name = text_of(node.child("as"))
    if not name:
        script.loss(node, "this capture was left out: it has no name (`as`)")
        return {}
    place = _place(node, of_arguments)
    if place is None:
        script.loss(node, "this capture was left out: it is neither the path to one place nor a regular expression")
        return {}
    return {expressions.define(name): place}


def _place(node: Node, of_arguments: bool) -> Any:
    if (path := _path(node, of_arguments)) is not None:
        return fixed(path)
    if header := text_of(node.child("header")):
        return {"header": header}
    pattern = text_of(node.child("regexp"))
    if not _is_pattern(pattern):
        return None
    group = plain(node.child("group"))
    compiled = compile_regex(pattern)
    is_group = isinstance(group, int) and not isinstance(group, bool) and 0 <= group <= compiled.groups
    return {"regex": fixed(pattern)} | ({"group": group} if is_group else {})


def _path(node: Node, of_arguments: bool) -> str | None:
    """Return the JSONPath, if it is one that names one place."""
    path = text_of(node.child("json"))
    if of_arguments and node.child("json") is None and node.child("regexp") is None:
        path = "$[0]"
    path = path if _parts(path) is not None else _DOT_INDEX.sub(r"[\1]", path)
    parts = _parts(path)
    if parts is None:
        return None
    return f"$[0]{path[1:]}" if of_arguments and parts and isinstance(parts[0], str) else path


def _parts(path: str) -> tuple[str | int, ...] | None:
    try:
        return parse_path(path)
    except PathError:
        return None


def _is_pattern(pattern: str) -> bool:
    try:
        compile_regex(pattern)
    except ValueError:
        return False
    return bool(pattern)
