"""``--mode graphql-transport-ws`` and ``--mode graphql-ws``: GraphQL over WebSocket, from both specifications.

The queries are no real GraphQL: ``{ hello }`` is answered, ``{ broken }`` is an error in the result, a ``subscription``
ticks, anything else is an error. The legacy protocol refuses a ``connection_init`` with the payload ``{"refuse": true}``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from loadws.target.speaking.talk import LONGEST, Talk, text_of, value_of


class GraphQl(Talk):
    """A server of the subprotocol graphql-transport-ws."""

    begins, data, ends_by = "subscribe", "next", "complete"
    heartbeat_s: float | None = 5.0

    def __init__(self) -> None:
        self._subscriptions: list[str] = []

    def answers(self, message: str) -> Sequence[str]:
        """Answer a message of the client's."""
        asked = value_of(message)
        if not isinstance(asked, dict):
            return ()
        return [text_of(answer) for answer in self._answered(asked)]

    def _answered(self, asked: dict[str, Any]) -> Sequence[Any]:
        kind, number = asked.get("type"), asked.get("id")
        if kind == "connection_init":
            return self.initialised(asked.get("payload"))
        if kind == self.begins and isinstance(number, str):
            return self._begun(number, asked.get("payload", {}))
        if kind == self.ends_by and number in self._subscriptions:
            self._subscriptions.remove(number)
        return self.pong(asked)

    def initialised(self, payload: Any) -> Sequence[Any]:
        """Return the answer to ``connection_init``."""
        return ({"type": "connection_ack"},)

    def pong(self, asked: dict[str, Any]) -> Sequence[Any]:
        """Return the answer to a ping of the client's."""
        return ({"type": "pong"},) if asked.get("type") == "ping" else ()

    def _begun(self, number: str, payload: dict[str, Any]) -> Sequence[Any]:
        query = payload.get("query", "")
        if query.startswith("subscription"):
            self._subscriptions.append(number)
            return ()
        results = {"{ hello }": {"data": {"hello": payload.get("variables") or "world"}},
                   "{ broken }": {"data": None, "errors": [{"message": "it broke"}]}}  # fmt: skip
        if query not in results:
            known = ", ".join((*results, "subscription { tick }"))
            message = f"syntax error: {query[:LONGEST]!r}; this server knows {known}"
            return ({"id": number, "type": "error", "payload": [{"message": message}]},)
        return ({"id": number, "type": self.data, "payload": results[query]}, {"id": number, "type": "complete"})

    def tick(self, number: int) -> Sequence[str]:
        """Push one result for each subscription."""
        return [
            text_of({"id": key, "type": self.data, "payload": {"data": {"tick": number}}})
            for key in self._subscriptions
        ]

    def heartbeat(self) -> Sequence[str]:
        """Return a ping, which the client answers with a pong."""
        return (text_of({"type": "ping"}),)


class LegacyGraphQl(GraphQl):
    """A server of the legacy subprotocol graphql-ws."""

    begins, data, ends_by = "start", "data", "stop"

    def initialised(self, payload: Any) -> Sequence[Any]:
        """Return the answer to ``connection_init``: the acknowledgement and the first keepalive, or a refusal."""
        if isinstance(payload, dict) and payload.get("refuse"):
            return ({"type": "connection_error", "payload": {"message": "refused"}},)
        return ({"type": "connection_ack"}, {"type": "ka"})

    def pong(self, asked: dict[str, Any]) -> Sequence[Any]:
        """Return nothing: clients of this protocol do not ping."""
        return ()

    def heartbeat(self) -> Sequence[str]:
        """Return the keepalive message of the protocol; a client does not answer it."""
        return (text_of({"type": "ka"}),)
