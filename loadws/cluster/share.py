"""``python -m loadws.cluster.share``: one share of a load, wherever it was started, which its coordinator directs.

Its invitation comes on stdin, and its result goes to stdout. It makes no load without a ticket, which the coordinator
gives once; a share that is started again is refused. It stops its load when the coordinator is gone, or nothing came
from it for eight seconds, and ends with the process that started it.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import tempfile
import time
import traceback
from collections import deque
from collections.abc import Generator
from pathlib import Path

import msgspec
import trio

from loadws.cluster.channel import Channel, ChannelError, connect
from loadws.cluster.messages import (
    Broken,
    Down,
    Ended,
    Hello,
    Invitation,
    Measured,
    Noticed,
    Prepared,
    Pulse,
    PulseBack,
    Refused,
    Result,
    Stop,
    Thanks,
    Ticket,
    Up,
    Work,
)
from loadws.cluster.prepare import Ready, facts, prepare, tried
from loadws.engine.lifecycle import Lifecycle
from loadws.fleet.multi_process import run_many
from loadws.fleet.signals import Signals
from loadws.fleet.start import Start
from loadws.metrics.frame import Frame
from loadws.metrics.runinfo import Ending, RunInfo
from loadws.metrics.summarising.summariser import Summariser
from loadws.metrics.summary import to_json
from loadws.terms.errors import LoadwsError

#: Dead-man's switch: how long a coordinator may be silent. It is counted in looks, so that a share that was itself stopped
#: does not blame its coordinator, which has given it up by then.
SILENCE_S = 8.0
LOOK_EVERY_S = 0.5
#: How long a stopped load may need to end. The process ends after that, whatever stands still in it.
END_WITHIN_S = 5.0
_LOSS_MEANS = "this machine counts as lost"
_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Read the invitation, run the share, write its result."""
    die_with_parent()
    invitation = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Invitation)
    out = os.dup(1)
    os.dup2(2, 1)  # nothing may print into the result
    result = trio.run(run_invited, invitation)
    with os.fdopen(out, "wb") as file:
        file.write(msgspec.msgpack.encode(result))


def die_with_parent() -> None:
    """Have the kernel end this process with the one that started it (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


async def run_invited(invitation: Invitation) -> Result:
    """Run the share, until its coordinator has everything or is gone."""
    try:
        channel = await connect(invitation)
    except ChannelError as error:
        return Result(invitation.index, error=str(error))
    share = _Share(invitation, channel)
    try:
        return await share.run()
    finally:
        await channel.aclose()


class _Share:
    def __init__(self, invitation: Invitation, channel: Channel[Down, Up]) -> None:
        self._invitation = invitation
        self._channel = channel
        self._signals = Signals()
        self._before_load = trio.CancelScope()
        self._work: Work | None = None
        self._arrived = trio.Event()  # set when there is work
        self._ticketed = trio.Event()
        self._ticket: Ticket | None = None
        self._thanked = trio.Event()
        self._outbox, self._to_send = trio.open_memory_channel[Up](float("inf"))
        self._unconfirmed: deque[Measured] = deque()
        self._frames = 0
        self._silent = 0  # looks since the coordinator was heard
        self._stopped_looks: int | None = None  # looks since the load was stopped for good
        self._why = ""
        self._ending: Ending | None = None
        self._summariser: Summariser | None = None  # of this share alone

    async def run(self) -> Result:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._send_all)
            nursery.start_soon(self._listen)
            nursery.start_soon(self._look_after)
            with tempfile.TemporaryDirectory(prefix="loadws-share-") as folder:
                await self._do(Path(folder))
            nursery.cancel_scope.cancel()
        return Result(self._invitation.index, tuple(self._unconfirmed), self._ending, self._why)

    # -- what it does -------------------------------------------------------------------------------------------------

    async def _do(self, folder: Path) -> None:
        self._say(Hello(self._invitation.key, self._invitation.index, facts()))
        last: Up | None = None
        with self._before_load:
            await self._arrived.wait()
            assert self._work is not None
            try:
                ready = await trio.to_thread.run_sync(prepare, self._work, folder, abandon_on_cancel=True)
                last = await self._load(await tried(ready))
            except LoadwsError as error:
                last = Broken(str(error), error.advice, is_usage=True)
            except Exception as error:
                last = Broken(f"{type(error).__name__}: {error}", trace=traceback.format_exc())
        if last is None:
            return
        if isinstance(last, Broken):
            self._why = self._why or last.error
        self._say(last)
        with trio.move_on_after(SILENCE_S):
            await self._thanked.wait()

    async def _load(self, ready: Ready) -> Up:
        start = _Ticketed(self, ready)
        assert self._work is not None
        if self._work.info is not None:
            self._summariser = Summariser(_own_info(self._work.info, ready.processes))
        self._ending = await run_many(
            ready.order, ready.processes, ready.span, self._take, notice=self._notice, signals=self._signals,
            hide=ready.masker.text, start=start, loss_means=_LOSS_MEANS,
        )  # fmt: skip
        if start.too_late is not None:
            raise start.too_late
        if self._summariser is None:
            return Ended(self._ending)
        return Ended(self._ending, to_json(self._summariser.summary(self._ending)))

    def _take(self, frame: Frame) -> Generator[None, None, None]:
        self._frames += 1
        measured = Measured(self._frames, frame)
        self._unconfirmed.append(measured)
        self._say(measured)
        yield
        if self._summariser is not None:
            yield from self._summariser.adding(frame)

    def _notice(self, text: str) -> None:
        self._say(Noticed(text))

    def _say(self, message: Up) -> None:
        self._outbox.send_nowait(message)

    async def ticket(self, ready: Ready, stopping: trio.Event) -> Ticket | None:
        """Report to the coordinator that all is ready, and return its ticket; None where the run is stopped before."""
        self._say(Prepared(ready.processes, ready.stamps, ready.notices, ready.checked))
        async with trio.open_nursery() as nursery:

            async def wait_for(event: trio.Event) -> None:
                await event.wait()
                nursery.cancel_scope.cancel()

            nursery.start_soon(wait_for, stopping)
            nursery.start_soon(wait_for, self._ticketed)
        return self._ticket

    # -- what its coordinator says ------------------------------------------------------------------------------------

    async def _send_all(self) -> None:
        async for message in self._to_send:
            await self._channel.send(message)

    async def _listen(self) -> None:
        try:
            while (message := await self._channel.receive()) is not None:
                self._silent = 0
                self._heed(message)
        except ChannelError as error:
            self._stop_for_good(str(error))
        if not self._thanked.is_set():
            self._stop_for_good("its coordinator is gone")

    def _heed(self, message: Down) -> None:
        match message:
            case Work():
                self._work = message
                self._arrived.set()
            case Pulse(sent_ns, taken):
                self._say(PulseBack(sent_ns, time.time_ns()))
                while self._unconfirmed and self._unconfirmed[0].number <= taken:
                    self._unconfirmed.popleft()
            case Ticket():
                self._ticket = message
                self._ticketed.set()
            case Stop(reason):
                self._signals.tell(reason)
            case Refused(why):
                self._stop_for_good(why)
            case Thanks():
                self._thanked.set()

    # -- when it must end ---------------------------------------------------------------------------------------------

    def _stop_for_good(self, why: str) -> None:
        """Stop the load at once; its further measurements are not needed."""
        if self._stopped_looks is not None:
            return
        self._stopped_looks, self._why = 0, why
        self._thanked.set()
        if not self._ticketed.is_set():
            self._before_load.cancel()
        for _ in range(2):
            self._signals.tell(why)

    async def _look_after(self) -> None:
        while True:
            await trio.sleep(LOOK_EVERY_S)
            self._silent += 1
            if self._silent >= SILENCE_S / LOOK_EVERY_S:
                self._stop_for_good(f"its coordinator was not heard of for {SILENCE_S:g} s")
            if self._stopped_looks is not None:
                self._stopped_looks += 1
                if self._stopped_looks >= END_WITHIN_S / LOOK_EVERY_S:
                    os._exit(1)


def _own_info(info: RunInfo, processes: int) -> RunInfo:
    """Return the share's own ``RunInfo``, with this machine's name and the number of its processes."""
    share = info.share and msgspec.structs.replace(info.share, machine=facts().machine)
    return msgspec.structs.replace(info, processes=processes, share=share)


class _Ticketed(Start):
    """A start that the coordinator names, once all of the share's processes are ready."""

    def __init__(self, share: _Share, ready: Ready) -> None:
        super().__init__()
        self._share = share
        self._ready = ready

    async def moment(self, lead_ns: int, lifecycle: Lifecycle) -> int:
        ticket = await self._share.ticket(self._ready, lifecycle.stopping)
        self.at_unix_ns = None if ticket is None else ticket.start_ns
        return await super().moment(lead_ns, lifecycle)


if __name__ == "__main__":
    main()
