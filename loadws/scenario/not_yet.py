"""What the language has and this version has not: refused by name, never ignored."""

from __future__ import annotations

from pydantic import BaseModel

from loadws.scenario import connection, model, steps

#: Steps that later work brings.
VERBS = frozenset(
    "http publish deliver parallel read_slowly stall drop reconnect barrier call".split()
)  # fmt: skip

_ONE_CONNECTION = ("on",)
_KEYS: dict[type[BaseModel], tuple[str, ...]] = {
    model.Scenario: ("setup", "teardown"),
    connection.ConnectionOptions: ("proxy", "source_addresses", "resolve", "reconnect"),
    connection.Tls: ("certificate", "key", "server_name", "verify"),
    steps.ConnectBody: ("as", "proxy", "tls", "reconnect"),
    steps.SendBody: ("on", "fragments"),
    steps.Payload: ("fragments",),
    steps.RequestBody: _ONE_CONNECTION,
    steps.WaitForBody: _ONE_CONNECTION,
    steps.ExpectNoneBody: _ONE_CONNECTION,
    steps.PingBody: _ONE_CONNECTION,
    steps.CloseBody: _ONE_CONNECTION,
    model.MessageHandler: ("deliver",),
}
_ADVICE = {
    "as": "a user has one connection",
    "on": "a user has one connection",
    "setup": "put what it does before the load",
    "http": "fetch what the users need before the run, and pass it with --set or a data file",
}


#: Places whose other values later work brings.
PLACES = frozenset({("connection", "compression")})


def is_later_key(owner: type[BaseModel], key: str) -> bool:
    return key in _KEYS.get(owner, ())


def refusal(name: str) -> tuple[str, str]:
    """Message and advice."""
    return f"{name!r} is not here yet: a later version brings it", _ADVICE.get(name, "")
