"""A received message as the scenario sees it: parsed once, and only if it is read as JSON."""

from __future__ import annotations

from typing import Any

import msgspec

from loadws.scenario.json_reader import NotJson, read_json
from loadws.scenario.matching.jsonpath import MISSING
from loadws.scenario.template.values import as_json

#: What ``Message.json`` is where the payload is not JSON.
NOT_JSON = object()
_UNPARSED = object()


class Message(msgspec.Struct, eq=False, gc=False):
    """A received message. ``json`` is the parsed payload, or ``NOT_JSON``."""

    payload: str | bytes
    received_ns: int
    _json: Any = _UNPARSED

    @property
    def json(self) -> Any:
        if self._json is _UNPARSED:
            try:
                self._json = read_json(self.payload)
            except NotJson:
                self._json = NOT_JSON
        return self._json

    @property
    def is_unreadable(self) -> bool:
        """Whether the message was read as JSON and is none. A message that was never read as JSON is not parsed for this."""
        return self._json is NOT_JSON

    def why_not_json(self) -> str:
        """Return why the payload is no JSON, with the place and an excerpt; an empty text where it is JSON.

        Parses it again.
        """
        try:
            read_json(self.payload)
        except NotJson as error:
            return str(error)
        return ""

    @property
    def value(self) -> Any:
        """Return the value of ``message`` in a template: the parsed JSON, else the payload."""
        parsed = self.json
        return self.payload if parsed is NOT_JSON else parsed

    @property
    def text(self) -> str | None:
        return self.payload if isinstance(self.payload, str) else None

    def within(self, envelope: Any, event: Any = MISSING, subscription: Any = MISSING) -> Enveloped:
        """Return it as what a message carries: ``envelope`` is all of that message."""
        return Enveloped(
            self.payload, self.received_ns, self._json, envelope=envelope, event=event, subscription=subscription
        )


class Carried(msgspec.Struct, frozen=True, gc=False):
    """A whole message inside that of a protocol: ``payload`` is its text, or its bytes where these are no UTF-8.

    ``content`` are the bytes in either case.
    """

    payload: str | bytes
    content: bytes

    @staticmethod
    def of(value: Any) -> Any:
        """Return text or bytes as a message; any other value as it is."""
        if isinstance(value, str):
            return Carried(value, value.encode("utf-8", "surrogatepass"))
        if not isinstance(value, bytes):
            return value
        try:
            return Carried(value.decode(), value)
        except UnicodeDecodeError:
            return Carried(value, value)


class Enveloped(Message, kw_only=True, eq=False, gc=False):
    """A message of a protocol: ``payload`` and ``json`` are what the protocol carries, ``envelope`` is all of it.

    ``event`` is the name that the protocol gives the message and ``subscription`` that of the step which subscribed to
    it; ``MISSING`` where there is none. ``content`` are the bytes of a message that is carried whole.
    """

    envelope: Any
    event: Any = MISSING
    subscription: Any = MISSING
    content: bytes | None = None

    def open(self, content: Any) -> None:
        """Set what the message carries. A whole message is read as one, text stays text, everything else is JSON."""
        if isinstance(content, Carried):
            self.payload, self.content, self._json = content.payload, content.content, _UNPARSED
            return
        self._json = content
        self.payload = content if isinstance(content, str) else as_json(content)


def bytes_of(message: Message) -> bytes | None:
    """Return the bytes of a binary message, or of one that is carried whole by a protocol; None for any other."""
    payload = message.payload
    if isinstance(payload, bytes):
        return payload
    return message.content if isinstance(message, Enveloped) else None
