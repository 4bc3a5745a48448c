"""What this platform gives the transport, decided here and nowhere else.

Linux has all of it; elsewhere the same scenarios run with less.

- One epoll set for all sockets, or a task for each socket, which waits with trio's ``wait_readable``.
- A port that the kernel picks for each destination of a source address: without that it picks one at ``bind``, before it
  knows the destination, and all destinations together get no more connections than there are ports.
- Deadlines by a ``timerfd``, and the kernel's receive stamps, which ``stamps`` tries out.
- Memory of large messages that is used again at once, with glibc.
"""

from __future__ import annotations

import ctypes
import select
import socket
import sys

import msgspec

IS_LINUX = sys.platform == "linux"
HAS_EPOLL = IS_LINUX and hasattr(select, "epoll")
#: Its number is the same on all of Linux (include/uapi/linux/in.h); Python has a name for it from 3.12 on.
IP_BIND_ADDRESS_NO_PORT = 24 if IS_LINUX else None
UNIX_FAMILY: int | None = getattr(socket, "AF_UNIX", None)


#: Parameters of glibc's ``mallopt`` (malloc.h).
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
#: How much freed memory a process keeps: some copies of a large message. 32 MiB is also the greatest that glibc allows.
MOST_KEPT_BYTES = 32 * 1024 * 1024


def keep_freed_memory() -> bool:
    """Let this process keep up to ``MOST_KEPT_BYTES`` of freed memory; return whether the system's allocator can.

    Without it, glibc gives the memory of each message above 128 KiB back to the kernel, and the next message faults it in
    again page by page, which takes ten times as long as masking, copying and decoding together.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):  # not glibc
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, MOST_KEPT_BYTES) and mallopt(_M_TRIM_THRESHOLD, MOST_KEPT_BYTES))


class Means(msgspec.Struct, frozen=True):
    """The system's means that the native transport uses on this machine."""

    epoll: bool = HAS_EPOLL
    late_ports: bool = IP_BIND_ADDRESS_NO_PORT is not None
    unix_sockets: bool = UNIX_FAMILY is not None

    def __str__(self) -> str:
        """Return them in one short line, for run.json, the summary and the reports."""
        reads = "one epoll set" if self.epoll else "a task for each socket"
        deadlines = "a timerfd" if self.epoll else "trio's clock"
        ports = "each destination" if self.late_ports else "all destinations together"
        return f"{reads}, deadlines by {deadlines}, as many connections as ports to {ports}"


MEANS = Means()
