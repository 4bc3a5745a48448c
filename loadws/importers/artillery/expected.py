"""``match`` and ``capture`` of a response, as ``check`` and ``capture`` of a reply."""

from __future__ import annotations

from typing import Any

from loadws.importers.artillery.expressions import Expressions
from loadws.importers.artillery.script import Script, items, plain, text_of
from loadws.importers.templates import fixed, rendered
from loadws.scenario.matching.extract import compile_regex
from loadws.scenario.matching.jsonpath import PathError, parse_path
from loadws.scenario.yaml.tree import Node


def reply(script: Script, expressions: Expressions, node: Node) -> dict[str, Any]:
    """Return the ``check`` and ``capture`` of what a step expects; keys that cannot be carried over get a note."""
    found: dict[str, Any] = {}
    checks: dict[str, Any] = {}
    for each in items(node.child("match")):
        checks |= _check(script, expressions, each)
    captures: dict[str, Any] = {}
    for each in items(node.child("capture")):
        captures |= _capture(script, expressions, each)
    if checks:
        found["check"] = checks
    if captures:
        found["capture"] = captures
    return found


def _check(script: Script, expressions: Expressions, node: Node) -> dict[str, Any]:
    path, expected = _path(node), plain(node.child("value"))
    if path is not None:
        return {path: rendered(expressions.value(expected, node)) if expected is not None else {"exists": True}}
    pattern = text_of(node.child("regexp"))
    if _is_pattern(pattern) and "{{" not in pattern:
        return {"text": {"regex": rendered(pattern)}}
    script.loss(node, "this match was left out: it is neither the path to one place nor a regular expression")
    return {}


def _capture(script: Script, expressions: Expressions, node: Node) -> dict[str, Any]:
    name = text_of(node.child("as"))
    if not name:
        script.loss(node, "this capture was left out: it has no name (`as`)")
        return {}
    place = _place(node)
    if place is None:
        script.loss(node, "this capture was left out: it is neither the path to one place nor a regular expression")
        return {}
    return {expressions.define(name): place}


def _place(node: Node) -> Any:
    if (path := _path(node)) is not None:
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


def _path(node: Node) -> str | None:
    """Return the JSONPath, if it is one that names one place."""
    path = text_of(node.child("json"))
    try:
        parse_path(path)
    except PathError:
        return None
    return path


def _is_pattern(pattern: str) -> bool:
    try:
        compile_regex(pattern)
    except ValueError:
        return False
    return bool(pattern)
