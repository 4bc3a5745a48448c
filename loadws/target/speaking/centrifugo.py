"""``--mode centrifugo``: Centrifugo's client protocol in JSON lines.

The token ``expired`` is refused; ``rpc`` has our methods.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from loadws.target.speaking.talk import Talk, UnknownMethod, result_of, text_of, value_of

_PERMISSION, _METHOD, _EXPIRED = 103, 104, 109
_PING_S = 5


class Centrifugo(Talk):
    """A server of Centrifugo. It answers all commands of a frame in one frame."""

    heartbeat_s: float | None = float(_PING_S)

    def __init__(self) -> None:
        self._channels: list[str] = []

    def answers(self, message: str) -> Sequence[str]:
        """Answer the commands of a frame, a line each. An empty one is the answer to our ping."""
        commands = [value_of(line) for line in message.splitlines() if line]
        answers = [text_of(self._answered(one)) for one in commands if isinstance(one, dict) and "id" in one]
        return ("\n".join(answers),) if answers else ()

    def _answered(self, asked: dict[str, Any]) -> Any:
        number = asked["id"]
        for command in ("connect", "subscribe", "unsubscribe", "publish", "rpc"):
            if command in asked:
                code, result = self._result(command, asked[command])
                said = {"error": {"code": code, "message": str(result)}} if code else {command: result}
                return {"id": number, **said}
        return {"id": number, "error": {"code": _METHOD, "message": f"method not found: {sorted(asked)}"}}

    def _result(self, command: str, params: dict[str, Any]) -> tuple[int, Any]:
        if command == "connect":
            expired = params.get("token") == "expired"
            return (_EXPIRED, "token expired") if expired else (0, {"client": "c", "ping": _PING_S, "pong": True})
        if command == "rpc":
            try:
                return 0, {"data": result_of(params.get("method", ""), params.get("data"))}
            except UnknownMethod as error:
                return _METHOD, f"method not found: {error}"
        channel = params.get("channel", "")
        if channel.startswith("private"):
            return _PERMISSION, "permission denied"
        if command == "subscribe":
            self._channels.append(channel)
        elif command == "unsubscribe" and channel in self._channels:
            self._channels.remove(channel)
        return 0, {}

    def tick(self, number: int) -> Sequence[str]:
        """Push to all channels, in one frame."""
        pushes = [text_of({"push": {"channel": one, "pub": {"data": {"tick": number}}}}) for one in self._channels]
        return ("\n".join(pushes),) if pushes else ()

    def heartbeat(self) -> Sequence[str]:
        """Return a ping, which the client answers with the same."""
        return ("{}",)
