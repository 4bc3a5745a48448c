"""The negotiation of permessage-deflate (RFC 7692, 7.1): the client's offer, the server's answer, and the agreement.

The answer is judged to the letter, because two ends that understand it differently inflate nonsense. wsproto's own
reading accepts words that only begin like a parameter, and refuses a window of 8 bits. So the tests compare with it,
and it is not used here.
"""

from __future__ import annotations

import re

import msgspec

from loadws.transport.base import Compression

NAME = "permessage-deflate"

_NO_VALUE = re.compile("")
_WINDOW_BITS = re.compile("[89]|1[0-5]")
#: What an answer may say, and with which values.
_PARAMETERS = {
    "server_no_context_takeover": _NO_VALUE,
    "client_no_context_takeover": _NO_VALUE,
    "server_max_window_bits": _WINDOW_BITS,
    "client_max_window_bits": _WINDOW_BITS,
}
_LARGEST_WINDOW = "15"


class Agreement(msgspec.Struct, frozen=True):
    """The compression of each side. The server does not see ``level``."""

    level: int = 6
    our_window_bits: int = 15
    our_context_takeover: bool = True
    their_window_bits: int = 15
    their_context_takeover: bool = True


def offer(wanted: Compression) -> str:
    """Return the header Sec-WebSocket-Extensions. A server may make our window smaller only where the offer permits it."""
    if wanted.context_takeover:
        return f"{NAME}; client_max_window_bits"
    return f"{NAME}; client_no_context_takeover; server_no_context_takeover; client_max_window_bits"


def agreement(answer: str, offered: Compression | None) -> Agreement:
    """Return the agreement that the server's Sec-WebSocket-Extensions states.

    Raises:
        ValueError: It was not offered. The message is written for users.
    """
    if offered is None:
        raise ValueError(f"the server uses {answer!r}, which was not offered")
    name, *rest = (part.strip() for part in answer.split(";"))
    if name != NAME:
        raise ValueError(f"the server uses {answer!r}, and {NAME} was offered")
    said = _parameters(rest)
    if not offered.context_takeover and "server_no_context_takeover" not in said:
        raise ValueError(f"the server's {NAME} lacks server_no_context_takeover, which was asked for")
    return Agreement(
        level=offered.level,
        our_window_bits=int(said.get("client_max_window_bits", _LARGEST_WINDOW)),
        our_context_takeover=offered.context_takeover and "client_no_context_takeover" not in said,
        their_window_bits=int(said.get("server_max_window_bits", _LARGEST_WINDOW)),
        their_context_takeover="server_no_context_takeover" not in said,
    )


def _parameters(parts: list[str]) -> dict[str, str]:
    said: dict[str, str] = {}
    for part in parts:
        name, equals, value = (word.strip() for word in part.partition("="))
        if len(value) > 1 and value[0] == value[-1] == '"':
            value = value[1:-1]
        if name not in _PARAMETERS or (equals and not value) or not _PARAMETERS[name].fullmatch(value):
            raise ValueError(f"the server's {NAME} has a parameter {part!r}")
        if name in said:
            raise ValueError(f"the server's {NAME} has {name} twice")
        said[name] = value
    return said
