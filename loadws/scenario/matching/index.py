"""Conditions with a key: the request that a message answers is looked up, not searched for.

A condition that compares a place of the message with a value has a key: the value. The message's value at that place is
looked up in a dictionary, so that the cost does not grow with the number of requests that wait. Such conditions are an
equality of a JSONPath, of the text, or of a part of it that a regex takes, and bytes at an offset.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable

import msgspec

from loadws.scenario.matching.extract import TEXT, Place, json_place, slice_of
from loadws.scenario.matching.jsonpath import MISSING
from loadws.scenario.matching.matchers import EQUALS, Expectation
from loadws.scenario.matching.message import Message, bytes_of
from loadws.scenario.template.template import Compiled, Scope
from loadws.scenario.template.values import EvaluationError, freeze

Predicate = Callable[[Message], bool]
#: What a message has at a place, as a key; ``MISSING`` where that is nothing.
Extract = Callable[[Message], Hashable]
#: The place, and what it has to hold, with the templates evaluated now. Raises ``EvaluationError``.
Key = Callable[[Scope], tuple[Extract, Hashable]]


class Wanted(msgspec.Struct, eq=False):
    """Conditions with their templates evaluated: ``extract`` of the message equals ``key``, and ``rest`` holds.

    Where ``extract`` is None there is no key; where ``rest`` is None there are no other conditions. It is a struct because
    many are made.
    """

    extract: Extract | None
    key: Hashable
    rest: Predicate | None

    def holds(self, message: Message) -> bool:
        if self.extract is not None and self.extract(message) != self.key:
            return False
        return self.rest is None or self.rest(message)


def key_of(place: Place, expectation: Expectation) -> Key | None:
    """Return the key of an expectation; None where it is more than an equality."""
    if expectation.matcher is not EQUALS:
        return None
    extract, evaluate = _extractor(place), expectation.operand.evaluate

    def key(scope: Scope) -> tuple[Extract, Hashable]:
        wanted = evaluate(scope)
        return extract, wanted if type(wanted) is int or type(wanted) is str else freeze(wanted)

    return key


def key_of_bytes(at: int, content: Compiled) -> Key:
    """Return the key of bytes at an offset: as many of the message as the wanted value has."""

    def key(scope: Scope) -> tuple[Extract, Hashable]:
        wanted = content(scope)
        return _bytes_extractor(at, len(wanted)), wanted

    return key


def _extractor(place: Place) -> Extract:
    """Return the function that extracts a key.

    Conditions on the same place share it, so that it runs once for each message.
    """
    return _shared_extractor(place.label) if place is TEXT or place.label.startswith("$") else _extract_from(place)


@functools.lru_cache(maxsize=512)
def _shared_extractor(label: str) -> Extract:
    return _extract_from(TEXT if label == TEXT.label else json_place(label, (), in_key=True))


def _extract_from(place: Place) -> Extract:
    find = place.find

    def extract(message: Message) -> Hashable:
        found = find(message)
        if type(found) is str or type(found) is int:  # nearly always; it is its own key
            return found
        try:
            return MISSING if found is MISSING else freeze(found)
        except EvaluationError:
            return MISSING

    return extract


@functools.lru_cache(maxsize=512)
def _bytes_extractor(at: int, length: int) -> Extract:
    def extract(message: Message) -> Hashable:
        payload = message.payload
        if isinstance(payload, bytes):
            return slice_of(payload, at, length)
        carried = bytes_of(message)
        return MISSING if carried is None else slice_of(carried, at, length)

    return extract
