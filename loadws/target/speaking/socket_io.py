"""``--mode socket.io``: Socket.IO 4 on Engine.IO 4, text packets only, one namespace a connection.

``add`` and ``echo`` are acknowledged with their result, ``join`` is welcomed with the event ``welcome``; after ``subscribe``
the event ``tick`` comes. ``call_me`` is acknowledged with what the client acknowledges ``hello`` with. The namespace
``/private`` is refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from loadws.target.speaking.talk import Talk, UnknownMethod, result_of, text_of, value_of

_PACKET = re.compile(r"4([0-6])(/[^,]*,?)?(\d+)?(.*)", re.DOTALL)
_CONNECT, _EVENT, _ACK, _REFUSED = "0", "2", "3", "4"
_OPENED = {"sid": "e1", "upgrades": [], "pingInterval": 5000, "pingTimeout": 20000, "maxPayload": 1000000}


class SocketIo(Talk):
    """A server of Socket.IO."""

    heartbeat_s: float | None = 5.0

    def __init__(self) -> None:
        self._namespace = ""
        self._ticks = False
        self._waiting: str | None = None  # the call that waits for the client's acknowledgement

    def opened(self) -> Sequence[str]:
        """Open Engine.IO."""
        return (f"0{text_of(_OPENED)}",)

    def answers(self, message: str) -> Sequence[str]:
        """Answer a packet; pongs are silent."""
        found = _PACKET.fullmatch(message)
        if found is None:
            return ()
        kind, namespace, number, data = found.groups()
        namespace = (namespace or "").rstrip(",")
        if kind == _CONNECT:
            self._namespace = f"{namespace}," if namespace else ""
            if namespace == "/private":
                return (self._packet(_REFUSED, {"message": "not allowed"}),)
            return (self._packet(_CONNECT, {"sid": "s1"}),)
        if kind == _ACK and self._waiting is not None:
            waiting, self._waiting = self._waiting, None
            return (self._packet(_ACK, value_of(data), waiting),)
        return self._answered(number, value_of(data)) if kind == _EVENT else ()

    def _answered(self, number: str | None, data: Any) -> Sequence[str]:
        event, *args = data
        if event == "join":
            return (self._packet(_EVENT, ["welcome", *args]),)
        if event == "subscribe":
            self._ticks = True
        if event == "call_me":
            self._waiting = number
            return (self._packet(_EVENT, ["hello", "loadws"], "7"),)
        if number is None:
            return ()
        try:
            return (self._packet(_ACK, [result_of(event, args)], number),)
        except UnknownMethod:
            return (self._packet(_ACK, [], number),)

    def tick(self, number: int) -> Sequence[str]:
        """Send the event to a client that asked for it."""
        return (self._packet(_EVENT, ["tick", number]),) if self._ticks else ()

    def heartbeat(self) -> Sequence[str]:
        """Return a ping, which the client answers with a pong."""
        return ("2",)

    def _packet(self, kind: str, data: Any, number: str | None = None) -> str:
        return f"4{kind}{self._namespace}{number or ''}{text_of(data)}"
