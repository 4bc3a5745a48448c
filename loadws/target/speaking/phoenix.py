"""``--mode phoenix``: Phoenix channels, protocol 2.

Any topic but ``private`` can be joined; ``add`` and ``echo`` are answered.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from loadws.target.speaking.talk import Talk, UnknownMethod, result_of, text_of, value_of


class Phoenix(Talk):
    """A server of Phoenix channels."""

    def __init__(self) -> None:
        self._topics: dict[str, Any] = {}  # topic -> join_ref

    def answers(self, message: str) -> Sequence[str]:
        """Answer a push with a reply; leaving closes the channel too."""
        asked = value_of(message)
        if not isinstance(asked, list) or len(asked) != 5:
            return ()
        join_ref, ref, topic, event, payload = asked
        status, response = self._response(join_ref, topic, event, payload)
        reply = [join_ref, ref, topic, "phx_reply", {"status": status, "response": response}]
        more = [[join_ref, None, topic, "phx_close", {}]] if event == "phx_leave" and status == "ok" else []
        return [text_of(one) for one in (reply, *more)]

    def _response(self, join_ref: Any, topic: str, event: str, payload: Any) -> tuple[str, Any]:
        if topic == "phoenix" and event == "heartbeat":
            return "ok", {}
        if event == "phx_join":
            if topic == "private":
                return "error", {"reason": "unauthorized"}
            self._topics[topic] = join_ref
            return "ok", {"joined": topic}
        if topic not in self._topics:
            return "error", {"reason": f"unmatched topic {topic!r}: join it first"}
        if event == "phx_leave":
            del self._topics[topic]
            return "ok", {}
        try:
            return "ok", {"result": result_of(event, payload.get("numbers", payload))}
        except UnknownMethod as error:
            return "error", {"reason": f"unknown event {error}"}

    def tick(self, number: int) -> Sequence[str]:
        """Broadcast to each topic that was joined."""
        return [text_of([ref, None, topic, "tick", {"number": number}]) for topic, ref in self._topics.items()]
