"""The scalars of a JSON value, each with its path, and what a path and its last name mean."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

Path = tuple[str | int, ...]
Scalar = str | int
#: A value with its type: 1 and "1" are different, and so are 1 and true.
Key = tuple[str, Scalar]

#: Names of values that a client makes up so that an answer can be told from others.
ID_NAMES = frozenset(
    "id ref seq msgid messageid requestid reqid rid cid nonce correlationid correlation invocationid uuid callid "
    "transactionid tid txid clientmsgid clientmessageid tempid localid clientid opid queryid uniqueid xid".split()
)
#: Names of values that say what kind of message it is.
KIND_NAMES = (
    "type",
    "op",
    "event",
    "action",
    "method",
    "kind",
    "cmd",
    "command",
    "msg",
    "messagetype",
    "t",
    "e",
    "opcode",
)
_ID_ENDING = re.compile(r"(id|ids|uuid|guid|token|ticket|key|nonce|session|sid|ref|seq|cursor|hash|handle)$")
_PLAIN = re.compile(r"[A-Za-z_]\w*", re.ASCII)
#: How deep a value may be nested; what is deeper is carried over as text.
DEEPEST = 30


def leaves(tree: Any, path: Path = ()) -> Iterator[tuple[Path, Scalar]]:
    """Yield each text and whole number of a JSON value, with its path."""
    if isinstance(tree, dict):
        for key, item in tree.items():
            yield from leaves(item, (*path, key))
    elif isinstance(tree, list):
        for index, item in enumerate(tree):
            yield from leaves(item, (*path, index))
    elif isinstance(tree, str) or (isinstance(tree, int) and not isinstance(tree, bool)):
        yield path, tree


def key_of(value: Scalar) -> Key:
    return type(value).__name__, value


def name_of(path: Path) -> str:
    """Return the last name on a path: that of ``$.items[0]`` is ``items``."""
    return next((part for part in reversed(path) if isinstance(part, str)), "")


def plain_name(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")


def is_id_name(name: str) -> bool:
    """Return whether a value of this name tells a request from others."""
    return plain_name(name) in ID_NAMES


def ends_like_id(name: str) -> bool:
    """Return whether a value of this name stands for one thing, as ``roomId`` and ``session`` do."""
    return _ID_ENDING.search(plain_name(name)) is not None


def is_kind_name(name: str) -> bool:
    return plain_name(name) in KIND_NAMES


def json_path(path: Path) -> str:
    """Return the JSONPath of a place."""
    return "$" + "".join(_path_part(part) for part in path)


def _path_part(part: str | int) -> str:
    if isinstance(part, int):
        return f"[{part}]"
    return f".{part}" if _PLAIN.fullmatch(part) else f"[{json.dumps(part)}]"


def expression_path(root: str, path: Path) -> str:
    """Return the expression that reads a place of a variable: ``sent.data[0]["a b"]``."""
    return root + "".join(_expression_part(part) for part in path)


def _expression_part(part: str | int) -> str:
    is_plain = isinstance(part, str) and _PLAIN.fullmatch(part) and not part.startswith("_")
    return f".{part}" if is_plain else f"[{json.dumps(part)}]"


def fits_scenario(tree: Any, depth: int = 0) -> bool:
    """Return whether a scenario can hold a JSON value as it is: not too deep, and with numbers that keep their value."""
    if depth > DEEPEST:
        return False
    if isinstance(tree, dict):
        return all(_is_writable(key) for key in tree) and all(fits_scenario(item, depth + 1) for item in tree.values())
    if isinstance(tree, list):
        return all(fits_scenario(item, depth + 1) for item in tree)
    if isinstance(tree, str):
        return _is_writable(tree)
    if isinstance(tree, int):
        return -(2**63) <= tree < 2**64
    return tree is None or abs(tree) < float("inf")


def _is_writable(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)
