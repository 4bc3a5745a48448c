"""Heartbeats are taken out of a conversation; those of the server that the page answered get a handler that answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from loadws.importers.har.protocols import is_heartbeat
from loadws.importers.har.recording import Frame
from loadws.importers.leaves import expression_path, is_kind_name, json_path
from loadws.importers.notes import Notes
from loadws.importers.templates import Expression, rendered

#: The page answers a heartbeat of the server within this time, in seconds.
_AT_ONCE_S = 2.0


@dataclass
class Beats:
    """The messages that are left, and the handlers that answer the server's heartbeats."""

    frames: list[Frame]
    handlers: list[dict[str, Any]] = field(default_factory=list)


def without_heartbeats(frames: Sequence[Frame], protocol: str | None, notes: Notes) -> Beats:
    """Return the conversation without its heartbeats. Where nothing else was sent, they are the conversation, and stay."""
    beating = {frame for frame in frames if is_heartbeat(frame, protocol)}
    left = [frame for frame in frames if frame not in beating]
    if not beating or not any(frame.is_sent for frame in left):
        return Beats(list(frames))
    beats = Beats(left)
    own = _answer_the_server([frame for frame in frames if frame in beating], beats)
    line = min(frame.line for frame in beating)
    notes.change(line, _said(len(beating), own, bool(beats.handlers)))
    return beats


def _said(count: int, own: int, is_answered: bool) -> str:
    text = f"{count} heartbeats were left out" if count > 1 else "a heartbeat was left out"
    if is_answered:
        text += "; a handler answers those of the server"
    if own:
        text += f"; {own} were the page's own: a server may close connections that send none"
    return text


def _answer_the_server(beating: Sequence[Frame], beats: Beats) -> int:
    """Add a handler for each kind of heartbeat that the page answered; return how many the page sent by itself."""
    own, asked = 0, None
    for frame in beating:
        if not frame.is_sent:
            asked = frame
            continue
        if asked is not None and frame.at_s - asked.at_s <= _AT_ONCE_S and _is_other(asked, frame):
            handler = {"where": _where(asked), "do": [{"send": _answer(asked, frame)}]}
            if handler not in beats.handlers:
                beats.handlers.append(handler)
        else:
            own += 1
        asked = None
    return own


def _is_other(asked: Frame, answer: Frame) -> bool:
    return asked.payload != answer.payload or asked.json is None


def _where(frame: Frame) -> dict[str, Any]:
    if isinstance(frame.json, dict):
        kinds = {key: value for key, value in frame.json.items() if is_kind_name(key) and isinstance(value, str)}
        return {json_path((key,)): rendered(value) for key, value in kinds.items()}
    return {"text": rendered(frame.payload)}


def _answer(asked: Frame, answer: Frame) -> Any:
    """Return the answer; what it repeats of the heartbeat it takes from there."""
    if not isinstance(answer.json, dict):
        return rendered(answer.payload)
    filled = dict(answer.json)
    if isinstance(asked.json, dict):
        for key, value in answer.json.items():
            if not is_kind_name(key) and value == asked.json.get(key) and isinstance(value, int | str):
                filled[key] = Expression(expression_path("message", (key,)))
    return {"json": rendered(filled)}
