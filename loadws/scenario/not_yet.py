"""What the language has and this version has not: refused by name, never ignored."""

from __future__ import annotations

from pydantic import BaseModel

from loadws.scenario import model

#: Steps that later work brings.
VERBS = frozenset(
    "publish deliver".split()
)  # fmt: skip

_KEYS: dict[type[BaseModel], tuple[str, ...]] = {
    model.MessageHandler: ("deliver",),
}
_ADVICE: dict[str, str] = {}


def is_later_key(owner: type[BaseModel], key: str) -> bool:
    return key in _KEYS.get(owner, ())


def refusal(name: str) -> tuple[str, str]:
    """Message and advice."""
    return f"{name!r} is not here yet: a later version brings it", _ADVICE.get(name, "")
