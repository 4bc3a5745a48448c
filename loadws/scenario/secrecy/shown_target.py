"""The target as outputs show it, and the secrets in it.

A reference to the environment stays a reference (``ws://h/?token=${TOKEN}``), because a value in a path, a query or user
info may be a credential. Scheme, host and port are shown with their values: a report has to say which server it is about.
User info and secret parameters are masked, wherever they come from.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from loadws.terms.secrets import shown_address

_REFERENCE = re.compile(r"\$\$\{|\$\{(?P<name>[A-Za-z_]\w*)(?::-(?P<default>[^}]*))?\}")


class ShownTarget(msgspec.Struct, frozen=True):
    """The target as shown. ``values`` are those from the environment that are part of the target and not shown."""

    text: str
    values: tuple[str, ...] = ()


def shown_target(written: str, target: str, env: Mapping[str, str]) -> ShownTarget:
    """Return how the target is shown. ``written`` is its text in the file, ``target`` the same with the environment in it.

    Where the command line sets the target, both are its address.
    """
    pieces = list(_pieces(written, env))
    if "".join(value for value, _ in pieces) != target:
        return ShownTarget(shown_address(target))
    shown, values, at = [], [], 0
    for value, name in pieces:
        is_hidden = name is not None and value != "" and _is_private(target, at, at + len(value))
        shown.append(f"${{{name}}}" if is_hidden else value)
        if is_hidden and value == env.get(name or ""):
            values.append(value)
        at += len(value)
    return ShownTarget(shown_address("".join(shown)), tuple(values))


def _pieces(written: str, env: Mapping[str, str]) -> list[tuple[str, str | None]]:
    """Yield the parts of the text in order, each with the name of the variable that it comes from, if any."""
    pieces: list[tuple[str, str | None]] = []
    done = 0
    for match in _REFERENCE.finditer(written):
        pieces.append((written[done : match.start()], None))
        name, default, done = match["name"], match["default"], match.end()
        value = env.get(name, "") if name else "${"
        pieces.append((value or default or "", name) if name else (value, None))
    return [*pieces, (written[done:], None)]


def _is_private(target: str, start: int, end: int) -> bool:
    """Return whether a part is in the user info, or after host and port. A part that is the whole address is private."""
    scheme = re.match(r"wss?://", target)
    if scheme is None:
        return 0 <= target.find("?") < start
    behind = next((at for at in range(scheme.end(), len(target)) if target[at] in "/?#"), len(target))
    user_info_end = target.rfind("@", scheme.end(), behind)
    return start >= behind or (scheme.end() <= start and end <= user_info_end)
