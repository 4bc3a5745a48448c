"""The reactor that uses the kernel's stamps: the turn of ``EpollReactor``, but its own lateness is not part of any
time.

The turn is written out again, so that runs without kernel stamps pay nothing for them: stamping in the kernel, a read
by ``recvmsg`` and the arithmetic cost more than a read by ``recv`` (``python -m tests.truth cost`` measures it).
"""

from __future__ import annotations

import contextlib
import select
from collections.abc import Callable

from loadws.transport.native.reactor import Endpoint, EpollReactor
from loadws.transport.net.stamps import ANCILLARY_BYTES, KernelClock, ReadLags, ask_for_stamps, stamp_in


class StampedReactor(EpollReactor):
    """The reactor with kernel stamps. A read without a usable stamp has the moment of the read instead, and no lag."""

    def __init__(self, read_lags: ReadLags, now_ns: Callable[[], int]) -> None:
        super().__init__(now_ns)
        self._read_lags = read_lags
        self._clock = KernelClock(now_ns)

    def _register(self, endpoint: Endpoint, events: int) -> None:
        with contextlib.suppress(OSError):  # a kind of socket that has none
            ask_for_stamps(endpoint.tcp)
        super()._register(endpoint, events)

    def _serve(self, ready: list[tuple[int, int]]) -> None:
        now_ns = self._now_ns
        reads: list[tuple[Endpoint, bytes, int, int]] = []
        others: list[tuple[Endpoint, OSError | None]] = []
        for number, events in ready:
            endpoint = self._endpoints[number]
            if events & select.EPOLLOUT:
                others.append((endpoint, None))
            if events & ~select.EPOLLOUT:
                try:
                    data, ancillary, _, _ = endpoint.tcp.recvmsg(endpoint.read_size, ANCILLARY_BYTES)
                except BlockingIOError:
                    continue
                except OSError as error:
                    others.append((endpoint, error))
                else:
                    reads.append((endpoint, data, stamp_in(ancillary), now_ns()))
        self._clock.look()
        received = self._clock.received
        for endpoint, data, stamp_ns, read_ns in reads:
            at_ns = received(stamp_ns, read_ns)
            if at_ns != read_ns:
                self._read_lags.put((at_ns, read_ns - at_ns))
            endpoint.received(data, at_ns)
        for endpoint, failure in others:
            endpoint.writable() if failure is None else endpoint.broke(failure)
