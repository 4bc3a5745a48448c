"""``--stamps``: choose whether this process or the kernel stamps received answers, with a fallback where the kernel
cannot.

``auto`` uses the kernel's stamps wherever they are available: they cost under a microsecond for each message, and
without them the time in which this process is busy with something else counts as the server's (ARCHITECTURE.md has the
figures).
"""

from __future__ import annotations

from typing import Literal

import msgspec

from loadws.terms.transports import traits_of
from loadws.transport.net.stamps import why_no_kernel_stamps

AskedStamps = Literal["user", "kernel", "auto"]
Stamps = Literal["user", "kernel"]

_UNIX = "ws+unix:"


class Stamping(msgspec.Struct, frozen=True):
    """The choice. ``fallback`` says why the kernel's stamps are not used, where they were asked for."""

    stamps: Stamps
    fallback: str | None = None


def choose_stamps(asked: AskedStamps, transport: str, target: str) -> Stamping:
    if asked == "user":
        return Stamping("user")
    why_not = _why_not(transport, target)
    if why_not is None:
        return Stamping("kernel")
    return Stamping("user", _fallback(why_not) if asked == "kernel" else None)


def _why_not(transport: str, target: str) -> str | None:
    if not traits_of(transport).kernel_stamps:
        return f"the transport {transport} cannot read them"
    if target.startswith(_UNIX):
        return "a Unix socket has none"
    return why_no_kernel_stamps()


def _fallback(why_not: str) -> str:
    return (
        f"No kernel receive stamps: {why_not}. Answers are stamped when they are read, so a time may hold what loadws "
        "itself took; see loop lag."
    )
