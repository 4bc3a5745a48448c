"""What the language has and this version has not: refused by name, never ignored."""

from __future__ import annotations

from pydantic import BaseModel

from loadws.scenario import connection, model, steps

#: Steps that later work brings.
VERBS = frozenset(
    "publish deliver parallel read_slowly stall drop reconnect barrier call".split()
)  # fmt: skip

_KEYS: dict[type[BaseModel], tuple[str, ...]] = {
    connection.ConnectionOptions: ("proxy", "source_addresses", "resolve", "reconnect"),
    connection.Tls: ("certificate", "key", "server_name", "verify"),
    steps.ConnectBody: ("proxy", "tls", "reconnect"),
    model.MessageHandler: ("deliver",),
}
_ADVICE = {
}


def is_later_key(owner: type[BaseModel], key: str) -> bool:
    return key in _KEYS.get(owner, ())


def refusal(name: str) -> tuple[str, str]:
    """Message and advice."""
    return f"{name!r} is not here yet: a later version brings it", _ADVICE.get(name, "")
