"""What a server of a protocol says on one connection: pure, without a socket or a clock."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import msgspec

Payload = str | bytes
#: How much of what a client sent is repeated to it in an error.
LONGEST = 100


class Talk(ABC):
    """One connection's side of the server, which remembers what its client has subscribed to.

    ``heartbeat_s`` is the time between the server's own heartbeats, in seconds; None where it sends none. ``is_over``: the
    server closes the connection once its answers are sent.
    """

    heartbeat_s: float | None = None
    is_over: bool = False

    def opened(self) -> Sequence[Payload]:
        """Return what the server says as soon as the WebSocket is open."""
        return ()

    def heard(self, message: Payload) -> Sequence[Payload]:
        """Return the answers to a message, in order. Bytes are read as text, which most protocols have."""
        return self.answers(message if isinstance(message, str) else message.decode("utf-8", "replace"))

    @abstractmethod
    def answers(self, message: str) -> Sequence[Payload]:
        """Return the answers to a message of text, in order."""

    def tick(self, number: int) -> Sequence[Payload]:
        """Return what is pushed in tick ``number`` (from 0): one message for each subscription."""
        return ()

    def heartbeat(self) -> Sequence[Payload]:
        """Return the server's heartbeat."""
        return ()

    def take_published(self) -> Sequence[object]:
        """Return what the client has published for all clients since the last call; each is for ``relayed``."""
        return ()

    def relayed(self, published: object) -> Sequence[Payload]:
        """Return the messages that tell this client what a client published; none where it has not subscribed to it."""
        return ()


def text_of(value: Any) -> str:
    """Return a value as compact JSON."""
    return msgspec.json.encode(value).decode()


def value_of(message: str) -> Any:
    """Return the JSON of a message; None where it is none."""
    try:
        return msgspec.json.decode(message)
    except msgspec.DecodeError:
        return None


def result_of(method: str, arguments: Any) -> Any:
    """Return what the methods of every server here return: ``add`` the sum of a list, ``echo`` its arguments.

    Raises:
        UnknownMethod: There is no such method, or its arguments do not fit.
    """
    if method == "echo":
        return arguments
    if method != "add":
        raise UnknownMethod(f"{method!r}; there are 'add' and 'echo'")
    if isinstance(arguments, list) and all(isinstance(one, int | float) for one in arguments):
        return sum(arguments)
    raise UnknownMethod(f"'add' without a list of numbers: {text_of(arguments)[:LONGEST]}")


class UnknownMethod(Exception):
    """A client called a method that the server does not have. The text says which, and which there are."""
