"""``--mode signalr``: SignalR's JSON hub protocol. ``add`` and ``echo`` are invoked, ``ticks`` is a stream.

``call_me`` invokes the client's ``hello`` and completes once the client has.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from loadws.target.speaking.talk import Talk, UnknownMethod, result_of, text_of, value_of

_SEPARATOR = "\x1e"
_INVOCATION, _ITEM, _COMPLETION, _STREAM, _CANCEL, _PING = 1, 2, 3, 4, 5, 6


class SignalR(Talk):
    """A server of SignalR. It answers all records of a frame in one frame."""

    heartbeat_s: float | None = 5.0

    def __init__(self) -> None:
        self._is_open = False
        self._streams: list[str] = []
        self._waiting: list[str] = []  # invocations that complete when the client has completed ours

    def answers(self, message: str) -> Sequence[str]:
        """Answer the records of a frame."""
        records = [value_of(record) for record in message.split(_SEPARATOR) if record]
        return _framed([answer for one in records if isinstance(one, dict) for answer in self._answered(one)])

    def _answered(self, asked: dict[str, Any]) -> Sequence[Any]:
        if not self._is_open:
            self._is_open = asked.get("protocol") == "json"
            return ({} if self._is_open else {"error": "unknown protocol"},)
        kind, number = asked.get("type"), asked.get("invocationId")
        if kind == _STREAM and number is not None:
            if asked.get("target") != "ticks":
                return (_failed(number, f"{asked.get('target')!r}; the only stream is 'ticks'"),)
            self._streams.append(number)
        elif kind == _CANCEL and number in self._streams:
            self._streams.remove(number)
            return ({"type": _COMPLETION, "invocationId": number},)
        elif kind == _COMPLETION and self._waiting:
            return ({"type": _COMPLETION, "invocationId": self._waiting.pop(0), "result": asked.get("result")},)
        elif kind == _INVOCATION and number is not None:
            return self._invoked(number, asked.get("target", ""), asked.get("arguments", []))
        return ()

    def _invoked(self, number: str, target: str, arguments: Any) -> Sequence[Any]:
        if target == "call_me":
            self._waiting.append(number)
            return ({"type": _INVOCATION, "invocationId": "s1", "target": "hello", "arguments": ["loadws"]},)
        try:
            return ({"type": _COMPLETION, "invocationId": number, "result": result_of(target, arguments)},)
        except UnknownMethod as error:
            return (_failed(number, str(error)),)

    def tick(self, number: int) -> Sequence[str]:
        """Push an item of each stream, in one frame."""
        return _framed([{"type": _ITEM, "invocationId": one, "item": number} for one in self._streams])

    def heartbeat(self) -> Sequence[str]:
        """Return a ping; either side sends its own."""
        return _framed([{"type": _PING}])


def _failed(number: str, which: str) -> Any:
    return {"type": _COMPLETION, "invocationId": number, "error": f"Method does not exist: {which}"}


def _framed(records: list[Any]) -> Sequence[str]:
    return ("".join(text_of(record) + _SEPARATOR for record in records),) if records else ()
