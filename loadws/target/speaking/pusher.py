"""``--mode pusher``: Pusher channels, protocol 7. A channel ``private-…`` needs any ``auth``; client events come back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from loadws.target.speaking.talk import Talk, text_of, value_of

_ACTIVITY_TIMEOUT_S = 120


class Pusher(Talk):
    """A server of Pusher channels."""

    def __init__(self) -> None:
        self._channels: list[str] = []

    def opened(self) -> Sequence[str]:
        """Say that the connection is established; its data is JSON in a text."""
        data = {"socket_id": "1.1", "activity_timeout": _ACTIVITY_TIMEOUT_S}
        return (_event("pusher:connection_established", data),)

    def answers(self, message: str) -> Sequence[str]:
        """Answer an event of the client's."""
        asked = value_of(message)
        if not isinstance(asked, dict):
            return (_error(4302, "not JSON"),)
        event, data = asked.get("event", ""), asked.get("data", {})
        if event == "pusher:ping":
            return (text_of({"event": "pusher:pong", "data": "{}"}),)
        if event == "pusher:subscribe":
            return self._subscribed(data)
        if event == "pusher:unsubscribe" and data.get("channel") in self._channels:
            self._channels.remove(data["channel"])
        if event.startswith("client-"):
            channel = asked.get("channel")
            if channel not in self._channels:
                return (_error(4301, f"no such channel: {channel!r}; subscribe to it first"),)
            return (_event(event, data, channel),)
        return ()

    def _subscribed(self, data: dict[str, Any]) -> Sequence[str]:
        channel = data.get("channel", "")
        if channel.startswith("private-") and not data.get("auth"):
            refusal = {"type": "AuthError", "error": "no auth", "status": 401}
            return (text_of({"event": "pusher:subscription_error", "channel": channel, "data": refusal}),)
        self._channels.append(channel)
        return (_event("pusher_internal:subscription_succeeded", {}, channel),)

    def tick(self, number: int) -> Sequence[str]:
        """Push an event to each channel."""
        return [_event("tick", {"number": number}, channel) for channel in self._channels]


def _event(event: str, data: Any, channel: str | None = None) -> str:
    named = {} if channel is None else {"channel": channel}
    return text_of({"event": event, **named, "data": text_of(data)})


def _error(code: int, message: str) -> str:
    return text_of({"event": "pusher:error", "data": {"code": code, "message": message}})
