"""How a connection ended, in the words that counts and messages use."""

from __future__ import annotations

from loadws.transport.base import End

#: Service restart and try again later: a server that closes with these expects that its clients connect again.
COME_AGAIN = (1012, 1013)


def is_unasked(end: End) -> bool:
    """Return whether the server or the network ended the connection, and not loadws. The close code does not matter."""
    return end.by != "us"


def is_failure(end: End, *, is_healed: bool = False) -> bool:
    """Return whether an end that no step expected is an error; ``is_healed``: a ``reconnect`` policy replaces it."""
    if end.by == "us":
        return end.kind == "close_timeout"
    return not (is_healed and end.by == "peer" and end.code in COME_AGAIN)


def end_code(end: End) -> str:
    """Return the key of this end among the ledger's ``close_codes``, without its first half."""
    if end.by == "lost":
        return end.kind or "failed"
    if end.code is None:
        return "drop" if end.by == "us" else "none"
    return str(end.code)


def end_kind(end: End) -> str:
    """Return the kind under which such an end counts as an error: ``lost.reset``, ``closed.1011``, ``close_timeout``."""
    if end.by == "peer":
        return f"closed.{end.code if end.code is not None else 'none'}"
    return f"lost.{end.kind}" if end.by == "lost" else end.kind or "closed.us"


def describe(end: End) -> str:
    if end.by == "lost":
        return f"the connection was lost: {end.reason or end.kind}"
    if end.by == "us":
        return "the peer did not answer our close" if end.kind == "close_timeout" else "we closed the connection"
    code = "no code" if end.code is None else f"code {end.code}"
    return f"the peer closed the connection with {code}" + (f": {end.reason}" if end.reason else "")
