"""Requests with ``where`` that are in flight on one connection, and for a while those that were.

A message answers the oldest request whose conditions it meets. Requests are indexed by what they look for (see
``scenario.matching.index``): a message is looked up once for each place that some request examines, however many
requests there are. Only requests whose conditions have no key are tried one after another.

The outcome of a request is remembered for a while, so that a message that comes again or too late is recognised.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterator
from typing import Generic, Literal, Protocol, TypeVar

import msgspec

from loadws.scenario.matching.index import Extract, Wanted
from loadws.scenario.matching.message import Message

#: How many requests that were answered or timed out are remembered, beside as many as were in flight at once.
REMEMBERED = 64
#: Up to so many places are kept when no request waits there: the next request mostly examines the same place as the last.
KEPT_PLACES = 2


class Waiting(Protocol):
    """An item indexed by its match key. ``number`` is a sequence number; the smallest is the oldest."""

    number: int

    @property
    def wanted(self) -> Wanted | None: ...


Item = TypeVar("Item", bound=Waiting)


class ByKey(Generic[Item]):
    """Items indexed by their match keys."""

    __slots__ = ("_by_place", "_without_key")

    def __init__(self) -> None:
        self._by_place: dict[Extract, dict[Hashable, list[Item]]] = {}
        self._without_key: list[Item] = []

    def __iter__(self) -> Iterator[Item]:
        for items in self._by_place.values():
            for same in items.values():
                yield from same
        yield from self._without_key

    def add(self, item: Item) -> None:
        wanted = item.wanted
        assert wanted is not None
        if wanted.extract is None:
            self._without_key.append(item)
            return
        items = self._by_place.get(wanted.extract)
        if items is None:
            items = self._by_place[wanted.extract] = {}
        one = [item]
        same = items.setdefault(wanted.key, one)
        if same is not one:  # rarely: keys tell requests apart
            same.append(item)

    def discard(self, item: Item) -> None:
        """Remove an item, if it is in. Equal keys are few, or the oldest goes first."""
        wanted = item.wanted
        assert wanted is not None
        if wanted.extract is None:
            _discard(self._without_key, item)
            return
        items = self._by_place.get(wanted.extract)
        same = None if items is None else items.pop(wanted.key, None)
        if items is None or same is None:
            return
        if len(same) > 1 or same[0] is not item:
            _discard(same, item)
            items[wanted.key] = same
        elif not items and len(self._by_place) > KEPT_PLACES:
            del self._by_place[wanted.extract]

    def oldest(self, message: Message, may: Callable[[Message, Item], bool]) -> Item | None:
        """Return the oldest item that the message matches and that ``may`` permits."""
        found: Item | None = None
        for extract, items in self._by_place.items():
            same = items.get(extract(message))
            if same is not None:
                item = same[0]
                wanted = item.wanted
                if wanted is not None and wanted.rest is None and may(message, item):  # nearly always
                    first: Item | None = item
                else:
                    first = _first(same, message, may)
                found = first if found is None else _older(found, first)
        return _older(found, _first(self._without_key, message, may)) if self._without_key else found


def _first(items: list[Item], message: Message, may: Callable[[Message, Item], bool]) -> Item | None:
    for item in items:
        wanted = item.wanted
        assert wanted is not None
        if may(message, item) and (wanted.rest is None or wanted.rest(message)):
            return item
    return None


def _older(one: Item | None, other: Item | None) -> Item | None:
    if one is None or other is None:
        return other if one is None else one
    return one if one.number < other.number else other


def _discard(items: list[Item], item: Item) -> None:
    for index, each in enumerate(items):
        if each is item:
            del items[index]
            return


# -- those that were --------------------------------------------------------------------------------------------------


class Settled(msgspec.Struct, eq=False):
    """The record of a settled request. ``is_owed``: it timed out, and its answer has not come since."""

    wanted: Wanted | None
    number: int
    is_owed: bool


# -- both -------------------------------------------------------------------------------------------------------------


class InFlight(Generic[Item]):
    """The requests of one connection. ``waits`` is how many wait for their answer."""

    __slots__ = ("_asked", "_remembered", "_waiting", "answered_by", "waits")

    def __init__(self) -> None:
        self.waits = 0
        self._asked = 0
        self._waiting: ByKey[Item] = ByKey()
        self._remembered = Remembered()
        #: Returns the request that a message answers. The request goes on waiting until it is settled.
        self.answered_by = self._waiting.oldest

    def __iter__(self) -> Iterator[Item]:
        """Iterate over the waiting requests, the oldest first."""
        return iter(sorted(self._waiting, key=lambda item: item.number))

    def add(self, item: Item) -> None:
        item.number = self._asked
        self._asked += 1
        self.waits += 1
        if self.waits > self._remembered.most_waiting:
            self._remembered.most_waiting = self.waits
        self._waiting.add(item)

    def settle(self, item: Item, *, is_owed: bool) -> None:
        """Mark a request as answered, or as timed out with its answer still owed."""
        self.waits -= 1
        self._waiting.discard(item)
        self._remembered.put((item.wanted, item.number, is_owed))

    def forget(self, item: Item) -> None:
        """Remove a request without remembering it."""
        self.waits -= 1
        self._waiting.discard(item)

    def came_again(self, message: Message) -> Literal["late", "duplicate"] | None:
        """Classify an unmatched message as late or duplicate; return None if it matches no recent request."""
        settled = self._remembered.by_key()
        owed = settled.oldest(message, _is_owed)
        if owed is not None:
            owed.is_owed = False
            return "late"
        return None if settled.oldest(message, _any) is None else "duplicate"


class Remembered:
    """The requests that were settled last.

    Where every message is an answer, requests come and go in order and none is looked up. So they are indexed only when
    a message is looked up while they are here.
    """

    __slots__ = ("_by_key", "_indexed", "_new", "most_waiting")

    def __init__(self) -> None:
        self.most_waiting = 0
        self._new: deque[tuple[Wanted | None, int, bool]] = deque()  # the parts of those that are not indexed
        self._indexed: deque[Settled] = deque()  # older than the new ones
        self._by_key: ByKey[Settled] = ByKey()

    def put(self, settled: tuple[Wanted | None, int, bool]) -> None:
        """Remember a request by the parts of its ``Settled``, which is only made where one is looked up."""
        new, indexed = self._new, self._indexed
        new.append(settled)
        if len(new) + len(indexed) > REMEMBERED + self.most_waiting:
            if indexed:
                self._by_key.discard(indexed.popleft())
            else:
                new.popleft()

    def by_key(self) -> ByKey[Settled]:
        while self._new:
            settled = Settled(*self._new.popleft())
            self._by_key.add(settled)
            self._indexed.append(settled)
        return self._by_key


def _is_owed(message: Message, settled: Settled) -> bool:
    return settled.is_owed


def _any(message: Message, settled: Settled) -> bool:
    return True
