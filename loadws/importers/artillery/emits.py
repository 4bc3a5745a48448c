"""What an ``emit`` of a script is made of: its event, its arguments, and the answers that it waits for."""

from __future__ import annotations

from typing import Any

from loadws.importers.artillery.expressions import Expressions
from loadws.importers.artillery.script import items, plain, text_of
from loadws.scenario.yaml.tree import Node


def event_of(expressions: Expressions, body: Node) -> list[Any] | None:
    """Return the event and its arguments; None where there is no event."""
    if isinstance(body.value, tuple):
        said = plain(body)
        return [expressions.value(each, body) for each in said] if said else None
    channel = text_of(body.child("channel"))
    if not channel:
        return [expressions.text(text_of(body), body)] if text_of(body) else None
    data = body.child("data")
    values = [] if data is None else [expressions.value(plain(data), data)]
    return [expressions.text(channel, body), *values]


def either(step: Node, body: Node, key: str) -> Node | None:
    """Return what stands beside the verb or in its mapping."""
    return body.child(key) if body.child(key) is not None else step.child(key)


def channel_of(response: Node) -> str:
    """Return the event that answers; empty where none is named."""
    listed = next(items(response.child("on")), None)
    return text_of(response.child("channel")) or text_of(listed) or text_of(response)
