"""A message as the scenario sees it: parsed once, and only if asked."""

from __future__ import annotations

from typing import Any

import msgspec

from loadws.scenario.matching.json_reader import NotJson, read_json

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
        """Whether it was asked for as JSON and is not. What nothing asked for is not parsed to tell."""
        return self._json is NOT_JSON

    def why_not_json(self) -> str:
        """Return the reason and the place, with an excerpt; empty where it is JSON. Parses once more."""
        try:
            read_json(self.payload)
        except NotJson as error:
            return str(error)
        return ""

    @property
    def value(self) -> Any:
        """Return what ``message`` is in a template: the parsed JSON, else the payload."""
        parsed = self.json
        return self.payload if parsed is NOT_JSON else parsed

    @property
    def text(self) -> str | None:
        return self.payload if isinstance(self.payload, str) else None
