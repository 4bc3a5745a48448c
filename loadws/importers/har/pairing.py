"""Which received message answers which sent one: first by an id that both carry, then by their order and kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from loadws.importers.har.id_places import IdIndex, is_id_place
from loadws.importers.har.recording import Frame
from loadws.importers.leaves import Path, is_kind_name, leaves

#: An answer without an id comes at most so long after what it answers, in seconds.
_LATEST_S = 5.0


@dataclass(frozen=True)
class Answer:
    """The message that answers. ``sent`` and ``received`` are the places of the id; empty where there is none."""

    frame: Frame
    sent: Path = ()
    received: Path = ()


@dataclass
class Pairs:
    """The answers of a conversation; ``pushes`` are the messages that come unasked, again and again."""

    answers: dict[Frame, Answer]
    pushes: frozenset[Frame] = frozenset()

    @cached_property
    def received(self) -> frozenset[Frame]:
        """The messages that answer one that was sent."""
        return frozenset(answer.frame for answer in self.answers.values())

    @property
    def by_id(self) -> set[tuple[Frame, Path]]:
        """The places of ids that are answered."""
        return {(frame, answer.sent) for frame, answer in self.answers.items() if answer.sent}


def pair(frames: Sequence[Frame]) -> Pairs:
    """Return the answers among the messages of a conversation, which are in the order of their times."""
    answers = _paired_by_id(frames)
    taken = {answer.frame for answer in answers.values()}
    pushes = _pushes(frames, taken)
    answers |= _paired_by_order(frames, answers, taken | pushes)
    return Pairs(answers, frozenset(pushes - {answer.frame for answer in answers.values()}))


def kind_of(frame: Frame) -> Any:
    """Return what messages of one kind have in common: the words that name it, and the keys."""
    if isinstance(frame.payload, bytes):
        return "binary"
    if isinstance(frame.json, dict):
        words = tuple((key, value) for key, value in frame.json.items() if is_kind_name(key) and isinstance(value, str))
        return words, tuple(sorted(frame.json))
    if isinstance(frame.json, list):
        return tuple(item for item in frame.json if isinstance(item, str) and not any(map(str.isdigit, item)))
    return "text"


# -- by id


def _paired_by_id(frames: Sequence[Frame]) -> dict[Frame, Answer]:
    index = IdIndex(frames)
    answers: dict[Frame, Answer] = {}
    taken: set[Frame] = set()
    for at, frame in enumerate(frames):
        answer = _answer_to(frame, at, index, taken) if frame.is_sent and frame.json is not None else None
        if answer is not None:
            answers[frame] = answer
            taken.add(answer.frame)
    return answers


def _answer_to(frame: Frame, at: int, index: IdIndex, taken: set[Frame]) -> Answer | None:
    for path, value in leaves(frame.json):
        for place in index.of(value) if is_id_place(path, value) else ():
            if place.index <= at or place.frame in taken:
                continue
            if place.frame.is_sent:
                break  # the id was used again: what comes from here on answers that
            return Answer(place.frame, path, place.path)
    return None


# -- by order


def _pushes(frames: Sequence[Frame], taken: set[Frame]) -> set[Frame]:
    """Return the messages of those kinds that also come when nothing was asked, and more than once."""
    unasked: dict[Any, int] = {}
    for before, frame in zip((None, *frames), frames, strict=False):
        if not frame.is_sent and frame not in taken and not (before is not None and before.is_sent):
            unasked[kind_of(frame)] = unasked.get(kind_of(frame), 0) + 1
    often = {kind for kind, count in unasked.items() if count > 1}
    return {frame for frame in frames if not frame.is_sent and frame not in taken and kind_of(frame) in often}


def _paired_by_order(frames: Sequence[Frame], answered: dict[Frame, Answer], out: set[Frame]) -> dict[Frame, Answer]:
    found: dict[Frame, Answer] = {}
    asked = next_free = None
    for frame in frames:
        if frame.is_sent:
            asked = None if frame in answered else frame
        elif asked is not None and frame not in out and frame.at_s - asked.at_s <= _LATEST_S:
            found[asked] = Answer(frame)
            asked = next_free
    return found
