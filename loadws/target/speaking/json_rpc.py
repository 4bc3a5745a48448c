"""``--mode json-rpc``: JSON-RPC 2.0, from its specification, with subscriptions as Ethereum's clients have them.

Methods are ``add``, ``echo``, ``subscribe`` (with any parameters), ``unsubscribe`` ([id]) and ``call_me``, after which the
server calls the client's method ``hello`` and answers once it has its result.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from loadws.target.speaking.talk import Talk, UnknownMethod, result_of, text_of, value_of

_PARSE, _INVALID, _NO_METHOD = -32700, -32600, -32601


class JsonRpc(Talk):
    """A server of JSON-RPC 2.0."""

    def __init__(self) -> None:
        self._subscriptions: list[str] = []
        self._begun = 0
        self._calls: dict[str, Any] = {}  # our own id -> that of the call that waits for it

    def answers(self, message: str) -> Sequence[str]:
        """Answer a call or a batch of calls; a notification has no answer."""
        asked = value_of(message)
        if asked is None:
            return (text_of(_error(None, _PARSE, "Parse error")),)
        if isinstance(asked, list) and asked:
            answers = [answer for one in asked for answer in self._answered(one)]
            return (text_of(answers),) if answers else ()
        return [text_of(answer) for answer in self._answered(asked)]

    def tick(self, number: int) -> Sequence[str]:
        """Push one notification for each subscription."""
        return [
            text_of({"jsonrpc": "2.0", "method": "news", "params": {"subscription": key, "result": {"number": number}}})
            for key in self._subscriptions
        ]

    def _answered(self, asked: Any) -> Sequence[Any]:
        if not isinstance(asked, dict) or asked.get("jsonrpc") != "2.0":
            return (_error(None, _INVALID, "Invalid Request"),)
        if "method" not in asked:
            return self._called_back(asked)
        call, method, params = asked.get("id"), asked["method"], asked.get("params", [])
        if method == "call_me":
            return (self._call(call),)
        if "id" not in asked:
            return ()
        try:
            return ({"jsonrpc": "2.0", "id": call, "result": self._result(method, params)},)
        except UnknownMethod as error:
            return (_error(call, _NO_METHOD, f"Method not found: {error}"),)

    def _result(self, method: str, params: Any) -> Any:
        if method == "subscribe":
            self._begun += 1
            self._subscriptions.append(f"0x{self._begun:x}")
            return self._subscriptions[-1]
        if method == "unsubscribe":
            known = isinstance(params, list) and params[:1] and params[0] in self._subscriptions
            if known:
                self._subscriptions.remove(params[0])
            return bool(known)
        return result_of(method, params)

    def _call(self, waiting: Any) -> Any:
        number = f"server-{len(self._calls) + 1}"
        self._calls[number] = waiting
        return {"jsonrpc": "2.0", "id": number, "method": "hello", "params": ["loadws"]}

    def _called_back(self, answer: dict[str, Any]) -> Sequence[Any]:
        if answer.get("id") not in self._calls:
            return ()
        waiting = self._calls.pop(answer["id"])
        return () if waiting is None else ({"jsonrpc": "2.0", "id": waiting, "result": answer.get("result")},)


def _error(call: Any, code: int, message: str) -> Any:
    return {"jsonrpc": "2.0", "id": call, "error": {"code": code, "message": message}}
