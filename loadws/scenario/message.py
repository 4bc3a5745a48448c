"""A message as the scenario sees it: parsed once, and only if asked."""

from __future__ import annotations

from typing import Any

import msgspec

#: What ``Message.json`` is where the payload is no JSON.
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
                self._json = msgspec.json.decode(self.payload)
            except (msgspec.DecodeError, UnicodeError, RecursionError):
                self._json = NOT_JSON
        return self._json

    @property
    def text(self) -> str | None:
        return self.payload if isinstance(self.payload, str) else None
