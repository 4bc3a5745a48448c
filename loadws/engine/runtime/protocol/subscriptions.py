"""The subscriptions of one connection: which message belongs to which, by the protocol's keys."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from typing import Any

from loadws.engine.runtime.parker import Parker
from loadws.scenario.matching.jsonpath import MISSING
from loadws.scenario.matching.message import Enveloped
from loadws.scenario.protocol.protocol_rules import Failed, key_from
from loadws.transport.base import Outgoing

#: Subscribes again, given the strand that opened a connection and that connection's conversation.
Renew = Callable[..., Awaitable[None]]


class Subscription:
    """A subscription, from before it is sent.

    Its key tells which messages belong to it; ``find_sent`` reads it in the message that subscribes, ``find_reply`` in the
    reply, and one of them is None. ``key_as_sent`` is the key as messages have it. ``out`` is the message that subscribes.
    ``awaited_by`` is the strand that waits for the first message, and ``first`` that message once it has come. ``failed`` is
    the error with which the server ended the subscription. ``renew`` subscribes again on another connection.
    """

    __slots__ = (
        *("awaited_by", "failed", "find_reply", "find_sent", "first", "is_active", "key_as_sent", "name", "out"),
        "renew",
    )

    def __init__(
        self,
        name: str,
        find_sent: Callable[[Any], Any] | None,
        find_reply: Callable[[Any], Any] | None,
        renew: Renew | None = None,
    ) -> None:
        self.name = name
        self.renew = renew
        self.find_sent = find_sent
        self.find_reply = find_reply
        self.key_as_sent: Any = None
        self.out = Outgoing()
        self.is_active = False
        self.awaited_by: Parker | None = None
        self.first: Enveloped | None = None
        self.failed: Failed | None = None

    @property
    def key(self) -> Hashable:
        """Return the key as one of a dictionary."""
        return key_from(self.key_as_sent)


class Subscriptions:
    """The subscriptions of one connection that are active, oldest first.

    ``matches`` tells whether the key of a message is that of a subscription where they are not equal; None: it is not.
    """

    __slots__ = ("_by_key", "_matches")

    def __init__(self, matches: Callable[[Any, Any], bool] | None = None) -> None:
        self._by_key: dict[Hashable, Subscription] = {}
        self._matches = matches

    def add(self, subscription: Subscription, key: Any) -> None:
        """Let the messages with this key belong to a subscription from now on."""
        if key is MISSING or key is None:
            return
        subscription.key_as_sent = key
        subscription.is_active = True
        self._by_key[subscription.key] = subscription

    def of(self, key: Hashable) -> Subscription | None:
        """Return the subscription that a message with this key belongs to: the one with its very key, else the oldest."""
        found = self._by_key.get(key)
        matches = self._matches
        if found is not None or matches is None or key is MISSING:
            return found
        return next((each for each in self._by_key.values() if matches(each.key_as_sent, key)), None)

    def renewals(self) -> list[Renew]:
        """Return what subscribes again to each of them, oldest first."""
        return [each.renew for each in self._by_key.values() if each.renew is not None]

    def oldest(self, name: str) -> Subscription | None:
        """Return the oldest subscription of a name; None where none is active."""
        return next((each for each in self._by_key.values() if each.name == name), None)

    def end(self, subscription: Subscription) -> None:
        """Forget a subscription: it has ended."""
        subscription.is_active = False
        if self._by_key.get(subscription.key) is subscription:
            del self._by_key[subscription.key]
