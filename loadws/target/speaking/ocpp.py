"""``--mode ocpp1.6`` and ``--mode ocpp2.0.1``: a central system of OCPP-J, whose framing is the same in both.

``BootNotification`` is accepted, and the server then calls ``TriggerMessage``; what the client answers is in the answer to
the next ``DataTransfer``. A second call before the first was answered is an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from loadws.target.speaking.talk import Talk, text_of, value_of

_CALL, _RESULT, _ERROR = 2, 3, 4
_NOW = "2026-01-01T00:00:00Z"


class Ocpp(Talk):
    """A central system of OCPP-J."""

    def __init__(self) -> None:
        self._last: Any = None
        self._called = 0

    def answers(self, message: str) -> Sequence[str]:
        """Return the answer to a call of the client; record a client's answer to a call of the server."""
        asked = value_of(message)
        if not isinstance(asked, list) or len(asked) < 3:
            return (text_of([_ERROR, "-1", "RpcFrameworkError", "not a message", {}]),)
        if asked[0] != _CALL:
            self._last = asked[2]
            return ()
        return [text_of(one) for one in self._called_for(asked[1], asked[2], asked[3])]

    def _called_for(self, number: str, action: str, payload: Any) -> Sequence[Any]:
        if action == "BootNotification":
            self._called += 1
            accepted = {"status": "Accepted", "currentTime": _NOW, "interval": 300}
            trigger = [_CALL, f"server-{self._called}", "TriggerMessage", {"requestedMessage": "Heartbeat"}]
            return ([_RESULT, number, accepted], trigger)
        if action == "Heartbeat":
            return ([_RESULT, number, {"currentTime": _NOW}],)
        if action == "DataTransfer":
            return ([_RESULT, number, {"status": "Accepted", "data": self._last}],)
        return ([_ERROR, number, "NotImplemented", f"no {action} here", {}],)
