"""The kernel's stamps of received data: when the network brought it, not when this process read it.

Linux stamps each segment as it comes up from the network and hands the stamp over beside the data, as ancillary data of
``recvmsg`` (Documentation/networking/timestamping.rst). A read of several segments has the stamp of the last of them:
right for one message in a read, an upper bound for the earlier ones of several.

The stamps are on CLOCK_REALTIME, and a run's clock is CLOCK_MONOTONIC. Both are slewed alike, so their difference stays
the same unless the clock is set. ``KernelClock`` narrows down the difference with each look, and subtracts its least
possible value, so that no answer seems to come before its request. After a step of the clock it trusts no stamp until
the difference has been steady.
"""

from __future__ import annotations

import socket
import struct
import sys
import time
from collections.abc import Callable

from loadws.terms.units import NS_PER_S, NS_PER_US

# Python's socket has no names for these. include/uapi/asm-generic/socket.h, as on x86, ARM and RISC-V; the message that
# carries the stamps has the number of the option. Another architecture has another number, and the probe then finds none.
SO_TIMESTAMPING = 37
# include/uapi/linux/net_tstamp.h
SOF_TIMESTAMPING_RX_SOFTWARE = 1 << 3
SOF_TIMESTAMPING_SOFTWARE = 1 << 4

#: struct scm_timestamping (include/uapi/linux/errqueue.h): three timespecs, of which the first is the software stamp.
_THREE_TIMESPECS = struct.Struct("@6l")
_FIRST_TIMESPEC = struct.Struct("@2l")
#: What ``recvmsg`` needs for it.
ANCILLARY_BYTES = socket.CMSG_SPACE(_THREE_TIMESPECS.size) if hasattr(socket, "CMSG_SPACE") else 0

#: A smaller change is not a step of the clock: the two clocks are read, and rounded, one after the other.
SLACK_NS = NS_PER_US
#: For how long no stamp is converted after a step: data that was stamped before the step has been read by then.
HOLD_NS = NS_PER_S
_FIRST_LOOKS = 16
_PROBE_PATIENCE_S, _PROBE_AGAIN_S = 1.0, 0.001

Ancillary = list[tuple[int, int, bytes]]


def ask_for_stamps(connected: socket.socket) -> None:
    """Let the kernel stamp what this socket receives from now on. Raises OSError where it cannot."""
    connected.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPING, SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE)


def stamp_in(ancillary: Ancillary) -> int:
    """Return the software stamp, in nanoseconds of CLOCK_REALTIME; 0 where there is none."""
    for level, kind, data in ancillary:
        if kind == SO_TIMESTAMPING and level == socket.SOL_SOCKET and len(data) >= _THREE_TIMESPECS.size:
            seconds, ns = _FIRST_TIMESPEC.unpack_from(data)
            stamp_ns: int = seconds * NS_PER_S + ns
            return stamp_ns
    return 0


class KernelClock:
    """The difference between the clock of the stamps and the run's clock, and since when it holds."""

    __slots__ = ("_highest_ns", "_holds_from_ns", "_lowest_ns", "_now_ns", "_realtime_ns")

    def __init__(self, now_ns: Callable[[], int], realtime_ns: Callable[[], int] = time.time_ns) -> None:
        self._now_ns = now_ns
        self._realtime_ns = realtime_ns
        self._holds_from_ns = now_ns()
        self._lowest_ns, self._highest_ns = self._bounds()
        for _ in range(_FIRST_LOOKS):
            self.look()

    def look(self) -> None:
        """Look at both clocks, in about 0.3 µs.

        Call it between the reads of a batch and the conversion of their stamps: a step of the clock is then seen in
        time, and stamps from before it are not used.
        """
        lowest_ns, highest_ns = self._bounds()
        if lowest_ns > self._highest_ns + SLACK_NS or highest_ns < self._lowest_ns - SLACK_NS:
            self._lowest_ns, self._highest_ns = lowest_ns, highest_ns
            self._holds_from_ns = self._now_ns() + HOLD_NS
        else:
            if lowest_ns > self._lowest_ns:
                self._lowest_ns = lowest_ns
            if highest_ns < self._highest_ns:
                self._highest_ns = highest_ns

    def received(self, stamp_ns: int, read_ns: int) -> int:
        """Return when data was received, on the run's clock: by its stamp where that can be trusted, else when it was
        read.
        """
        at_ns = stamp_ns - self._lowest_ns
        return at_ns if self._holds_from_ns <= at_ns <= read_ns else read_ns

    def _bounds(self) -> tuple[int, int]:
        """Return the least and the greatest possible difference: CLOCK_REALTIME less the run's clock."""
        before_ns = self._now_ns()
        realtime_ns = self._realtime_ns()
        return realtime_ns - self._now_ns(), realtime_ns - before_ns


class ReadLags:
    """How long received data waited in the kernel. The reactor stores it, and the recorder fetches it once per second."""

    __slots__ = ("_rows", "put")

    def __init__(self) -> None:
        self._rows: list[int] = []
        self.put = self._rows.extend

    def take(self) -> list[int]:
        """Return moment, lag, moment, lag, … in nanoseconds, since the last call."""
        rows, self._rows = self._rows, []
        self.put = self._rows.extend
        return rows


def why_no_kernel_stamps() -> str | None:
    """Return why this machine has no kernel stamps, or None where it has, as a connection over loopback shows."""
    if sys.platform != "linux":
        return "only Linux has them"
    try:
        return None if _loopback_is_stamped() else "the kernel gave none to a connection over loopback"
    except OSError as error:
        return f"the system refuses them: {error.strerror or error}"


def _loopback_is_stamped() -> bool:
    """Return whether loopback reads get stamps. Several bytes are sent, because the kernel begins to stamp a moment
    after it was asked.
    """
    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        socket.create_connection(listening.getsockname(), _PROBE_PATIENCE_S) as near,
        listening.accept()[0] as far,
    ):
        ask_for_stamps(near)
        ends_s = time.monotonic() + _PROBE_PATIENCE_S
        while time.monotonic() < ends_s:
            far.send(b"?")
            _, ancillary, _, _ = near.recvmsg(1, ANCILLARY_BYTES)
            if stamp_in(ancillary):
                return True
            time.sleep(_PROBE_AGAIN_S)
    return False
