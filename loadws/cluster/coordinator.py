"""The coordinator of a load that several machines make: it distributes the work, names the start, and collects the
frames.

It never waits for ever: a share has a time limit to be ready, is lost when nothing came from it for four seconds, and
has a time limit to end after its plan. A share that is lost stays lost: it is named, its frames until then count, and
anything that comes from it later is refused. Silence is counted in looks and not in time, so that a coordinator that
was itself stopped gives up no share. Messages to a share wait in an outbox of its own: a share that reads nothing
delays no other, and no message is cut off halfway.
"""

from __future__ import annotations

import hmac
import math
import secrets
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import msgspec
import trio

from loadws.cluster.channel import LONGEST_HELLO, Authority, Channel, ChannelError
from loadws.cluster.clocks import Clock
from loadws.cluster.messages import (
    Broken,
    Down,
    Ended,
    Facts,
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
from loadws.engine.lifecycle import Lifecycle
from loadws.engine.sliced import in_slices
from loadws.fleet.multi_process import Span
from loadws.fleet.signals import OnSignal, Signals, ended_by
from loadws.fleet.single_process import TakeFrame
from loadws.metrics.frame import Frame
from loadws.metrics.merging import joined_phases
from loadws.metrics.runinfo import Ending, LostProcess, RunInfo
from loadws.terms.errors import LoadwsError
from loadws.terms.units import NS_PER_MS, NS_PER_S, format_duration

LOOK_EVERY_S = 0.5
KEY_BYTES = 32
#: How long the last messages to a share may need before its connection is closed.
_FLUSH_WITHIN_S = 0.5
#: How long frames are added up at a time. No load waits for it, and clocks are compared by the best of many pulses.
SLICE_NS = 4 * NS_PER_MS
_PULSES_BEFORE_START = 10
_PULSE_BEFORE_START_S = 0.05


class ClusterError(LoadwsError):
    """Shares that could not be made ready. No load was run."""


class Patience(msgspec.Struct, frozen=True):
    """Time limits of a share, in seconds: to be ready; of silence before it is lost; from its ticket to its start; and
    to end after the last of its users must have gone.
    """

    ready_s: float = 120.0
    silent_s: float = 4.0
    start_s: float = 1.5
    end_s: float = 30.0


class Outbox:
    """The messages that wait to be sent to one share, in their order. ``flushed`` is set when nothing more will be sent."""

    def __init__(self, channel: Channel[Up, Down]) -> None:
        self.flushed = trio.Event()
        self._channel = channel
        self._add, self._messages = trio.open_memory_channel[Down](math.inf)

    def add(self, message: Down) -> None:
        """Add a message; one that comes after the end is dropped, as nothing reads it."""
        with suppress(trio.ClosedResourceError, trio.BrokenResourceError):
            self._add.send_nowait(message)

    async def flush(self) -> None:
        """Take no more, and wait until everything is sent, for half a second at most."""
        self._add.close()
        with trio.move_on_after(_FLUSH_WITHIN_S):
            await self.flushed.wait()

    async def send_all(self) -> None:
        """Send what is added until it ends, or until the share is not there."""
        try:
            async with self._messages:
                async for message in self._messages:
                    if not await self._channel.send(message):
                        return
        finally:
            self.flushed.set()


@dataclass
class RemoteShare:
    """One share, as its coordinator sees it. ``ending`` is how it ended by itself, ``lost`` why it did not."""

    index: int
    work: Work
    channel: Channel[Up, Down] | None = None
    outbox: Outbox | None = None
    facts: Facts | None = None
    prepared: Prepared | None = None
    ticketed: bool = False
    quiet: int = 0  # at how many looks in a row nothing had been heard of it
    taken: int = 0  # the number of the last frame without a gap before it
    clock: Clock = field(default_factory=Clock)
    offset_used_ns: int = 0  # of its clock, as its start was named
    ending: Ending | None = None
    summary: bytes = b""  # of it alone, as JSON; empty where it sent none
    lost: str | None = None
    broken: Broken | None = None

    @property
    def is_over(self) -> bool:
        return self.ending is not None or self.lost is not None

    @property
    def name(self) -> str:
        return f"share {self.index}" + (f" ({self.facts.machine})" if self.facts else "")

    @property
    def clock_error_ns(self) -> int | None:
        """By how much its times may differ from the coordinator's; None before its start was named."""
        return self.clock.error_ns(self.offset_used_ns) if self.ticketed else None

    @property
    def info(self) -> RunInfo | None:
        """The ``RunInfo`` of this share, as a run of its own; None where no summary is wanted."""
        info = self.work.info
        return info if info is None else msgspec.structs.replace(info, processes=len(self.numbers))

    @property
    def numbers(self) -> tuple[int, ...]:
        """The numbers of its processes among those of all shares; none before it is prepared."""
        processes = self.prepared.processes if self.prepared else 0
        return tuple(self.work.order.of_process(process, processes).number for process in range(processes))


class Coordinator:
    """The coordinator, which shares connect to. ``notice`` receives sentences about lost shares, at once."""

    def __init__(
        self,
        works: Sequence[Work],
        notice: Callable[[str], None],
        patience: Patience | None = None,
        tolerated_losses: int = 0,
    ) -> None:
        self._tolerated_losses = tolerated_losses
        self.shares = [RemoteShare(index, work) for index, work in enumerate(works)]
        self.run = secrets.token_hex(8)
        self._key = secrets.token_bytes(KEY_BYTES)
        self._authority = Authority()
        self._notice = notice
        self._patience = patience or Patience()
        self._address = ("", 0)
        self._changed = trio.Event()  # set, and replaced, whenever a share's state changes
        self._taking = trio.Lock()
        self._take: TakeFrame | None = None
        self._lifecycle = Lifecycle()
        self._last_s = 0.0
        self._end_by_s = math.inf  # on trio's clock: when all shares should have ended
        self._overdue = 0  # looks since then
        self._begun = False  # whether all were ready: from then on a loss is reported at once

    def invitation(self, index: int) -> Invitation:
        """Return what a share is to be started with."""
        host, port = self._address
        return Invitation(host, port, self._authority.certificate, self._key, index)

    @asynccontextmanager
    async def listening(self, host: str) -> AsyncIterator[None]:
        """Accept connections at a free port of ``host`` while within.

        Raises:
            ClusterError: No port can be opened there.
        """
        try:
            [listener, *_] = await trio.open_tcp_listeners(0, host=host)
        except OSError as error:
            raise ClusterError(f"no port can be opened at {host}: {error.strerror or error}") from error
        self._address = (host, listener.socket.getsockname()[1])
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.serve_listeners, self._serve, [listener])
            nursery.start_soon(self._look_after)
            nursery.start_soon(self._pulse)
            try:
                yield
            finally:
                nursery.cancel_scope.cancel()

    # -- until all are ready ------------------------------------------------------------------------------------------

    async def all_ready(self) -> None:
        """Wait until every share is prepared.

        Raises:
            ClusterError: Shares cannot be prepared; the message has the reason of each.
        """
        with trio.move_on_after(self._patience.ready_s):
            while not (any(s.is_over for s in self.shares) or all(s.prepared for s in self.shares)):
                await self.changed()
        for share in () if any(s.is_over for s in self.shares) else self.shares:
            if share.prepared is None:
                what = "did not come" if share.facts is None else "was not ready"
                share.lost = f"{what} within {self._patience.ready_s:g} s"
        self._check_versions()
        self._begun = True
        problems = [f"{share.name} {share.lost}" for share in self.shares if share.lost is not None]
        if problems:
            advice = next((share.broken.advice for share in self.shares if share.broken and share.broken.advice), "")
            if not advice and any(share.facts is None for share in self.shares):
                advice = "each worker needs a free thread for a share: is another run using it?"
            raise ClusterError("\n  ".join(("the shares could not be made ready:", *problems)), advice)

    def _check_versions(self) -> None:
        of = [(share, share.facts.versions) for share in self.shares if share.facts is not None]
        ours = of[0][1] if of else {}
        for share, versions in of[1:]:
            other = [f"{name} {versions.get(name)}" for name in ours if versions.get(name) != ours[name]]
            if other and share.lost is None:
                first = ", ".join(f"{name} {ours[name]}" for name in ours if versions.get(name) != ours[name])
                share.lost = f"has {', '.join(other)}, and {of[0][0].name} has {first}: install the same on each"

    # -- the load -----------------------------------------------------------------------------------------------------

    async def load(
        self, span: Span, take: TakeFrame, signals: Signals | None = None, on_signal: OnSignal | None = None
    ) -> Ending:
        """Name the start, and collect frames until the last share has ended or is lost."""
        self._take = take
        with ended_by(signals, self._lifecycle, on_signal):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._pass_on_stops, span)
                await self._compare_clocks()
                self._give_tickets(span)
                while not all(share.is_over for share in self.shares):
                    await self.changed()
                nursery.cancel_scope.cancel()
        return self._ending()

    async def _compare_clocks(self) -> None:
        for _ in range(_PULSES_BEFORE_START):
            self._pulse_all()
            await trio.sleep(_PULSE_BEFORE_START_S)

    def _give_tickets(self, span: Span) -> None:
        """Send each share the start on its own clock. A share that is already lost gets none."""
        start_ns = time.time_ns() + round(self._patience.start_s * NS_PER_S)
        if span.load_s is not None:
            self._must_end_within(self._patience.start_s + span.load_s + span.graceful_stop_s)
        for share in self.shares:
            if not share.is_over and not share.ticketed:
                share.ticketed, share.offset_used_ns = True, share.clock.offset_ns
                self._tell(share, Ticket(self.run, start_ns + share.offset_used_ns))

    async def _pass_on_stops(self, span: Span) -> None:
        await self._lifecycle.stopping.wait()
        self._must_end_within(span.graceful_stop_s)
        self._tell_all(Stop(self._lifecycle.reason or ""))
        with self._lifecycle.users:  # cancelled when the end is wanted at once
            await trio.sleep_forever()
        self._must_end_within(0)
        self._tell_all(Stop(self._lifecycle.reason or ""))

    def _must_end_within(self, seconds: float) -> None:
        self._end_by_s = min(self._end_by_s, trio.current_time() + seconds)

    async def fill(self, result: Result) -> None:
        """Add the frames that a share has left where it was started, and that did not come over the channel."""
        share = self.shares[result.index]
        for measured in result.unconfirmed:
            if measured.number > share.taken:
                await self._take_frame(share, measured)

    # -- what shares say ----------------------------------------------------------------------------------------------

    async def _serve(self, stream: trio.SocketStream) -> None:
        """Serve one connection, from its first message to its end. Its errors affect no other."""
        channel: Channel[Up, Down] | None = None
        try:
            with trio.fail_after(10):
                channel = await self._authority.welcome(stream)
                hello = await channel.receive(LONGEST_HELLO)
            share = await self._admitted(channel, hello)
            if share is not None:
                await self._attend(share, channel)
        except (ChannelError, trio.TooSlowError):
            pass
        finally:
            if channel is not None:
                await channel.aclose()
            else:
                with trio.CancelScope(shield=True):
                    await trio.aclose_forcefully(stream)

    async def _admitted(self, channel: Channel[Up, Down], hello: Up | None) -> RemoteShare | None:
        """Return the share at the other end of a connection; None for one that is refused."""
        if not isinstance(hello, Hello) or not hmac.compare_digest(hello.key, self._key):
            return None
        share = self.shares[hello.index] if 0 <= hello.index < len(self.shares) else None
        if share is None or share.channel is not None or share.is_over:
            await self._refuse_again(share, channel)
            return None
        share.channel, share.outbox, share.facts = channel, Outbox(channel), hello.facts
        self._tell(share, share.work)
        self._change()
        return share

    async def _refuse_again(self, share: RemoteShare | None, channel: Channel[Up, Down]) -> None:
        """Refuse a share that was started before, as a cluster does that runs a lost task once more."""
        await channel.send(Refused("this share was started before: it runs once, and is not begun again"))
        if share is not None:
            self._notice(
                f"{share.name[0].upper()}{share.name[1:]} was started again, and was refused: a share runs once."
            )

    async def _attend(self, share: RemoteShare, channel: Channel[Up, Down]) -> None:
        """Talk with a share until it is over, and until its last message has been sent."""
        assert share.outbox is not None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(share.outbox.send_all)
            await self._follow(share, channel)
            await share.outbox.flush()
            nursery.cancel_scope.cancel()

    async def _follow(self, share: RemoteShare, channel: Channel[Up, Down]) -> None:
        try:
            while not share.is_over:
                message = await channel.receive()
                if message is None:
                    await self.lose(share.index, "is gone: its connection was closed")
                    return
                share.quiet = 0
                await self._heed(share, message)
        except ChannelError as error:
            await self.lose(share.index, f"said what is no message: {error}")

    async def _heed(self, share: RemoteShare, message: Up) -> None:
        match message:
            case Prepared():
                share.prepared = message
                for notice in message.notices:
                    self._notice(f"{share.name}: {notice}")
            case Noticed(text):
                self._notice(f"{share.name}: {text}")
                return
            case PulseBack(sent_ns, clock_ns):
                share.clock.add(sent_ns, clock_ns, time.time_ns())
                return
            case Measured():
                await self._take_frame(share, message)
                return
            case Ended(ending, summary):
                share.ending, share.summary = ending, summary
                self._tell(share, Thanks())
            case Broken():
                share.broken = message
                self._tell(share, Thanks())
                await self.lose(share.index, message.error if message.is_usage else f"failed: {message.error}")
            case Hello():
                raise ChannelError("a second greeting")
        self._change()

    async def _take_frame(self, share: RemoteShare, measured: Measured) -> None:
        """Process frames one after another, because each may be processed in slices."""
        if self._take is None or not share.ticketed or measured.number != share.taken + 1:
            return
        async with self._taking:
            share.taken = measured.number
            frame: Frame = measured.frame
            self._last_s = max(self._last_s, frame.start_s + frame.duration_s)
            early_end = await in_slices(self._take(frame), SLICE_NS)
        if early_end is not None:
            self._lifecycle.end_early(early_end)

    async def lose(self, index: int, why: str) -> None:
        """Give up a share; ``why`` is the end of a sentence that begins with its name. Its later messages do not count."""
        share = self.shares[index]
        if share.is_over:
            return
        share.lost = why
        if self._begun:
            self._notice(f"{share.name[0].upper()}{share.name[1:]} {why}. The others go on, and {self._after_loss()}")
        self._change()
        if share.channel is not None and share.outbox is not None:
            self._tell(share, Refused("its coordinator has given it up"))
            await share.outbox.flush()
            await share.channel.aclose()

    def _after_loss(self) -> str:
        """Return what the losses so far mean for the verdict, as the end of a sentence."""
        lost = sum(share.lost is not None for share in self.shares)
        if lost <= self._tolerated_losses:
            return "its load counts as not applied: the run is at best inconclusive."
        return "the run is invalid."

    # -- looking after them -------------------------------------------------------------------------------------------

    async def _look_after(self) -> None:
        silent, late = self._patience.silent_s / LOOK_EVERY_S, self._patience.end_s / LOOK_EVERY_S
        while True:
            await trio.sleep(LOOK_EVERY_S)
            self._overdue += trio.current_time() > self._end_by_s
            for share in self.shares:
                if share.is_over or share.channel is None:
                    continue
                share.quiet += 1
                if share.quiet > silent:
                    await self.lose(
                        share.index, f"was not heard of for {format_duration(self._patience.silent_s * 1e9)}"
                    )
                elif self._overdue > late:
                    await self.lose(
                        share.index, f"did not end within {self._patience.end_s:g} s of when it should have"
                    )

    async def _pulse(self) -> None:
        while True:
            self._pulse_all()
            await trio.sleep(LOOK_EVERY_S)

    def _pulse_all(self) -> None:
        for share in self.shares:
            self._tell(share, Pulse(time.time_ns(), share.taken))

    def _tell_all(self, message: Down) -> None:
        for share in self.shares:
            self._tell(share, message)

    def _tell(self, share: RemoteShare, message: Down) -> None:
        if share.outbox is not None:
            share.outbox.add(message)

    async def changed(self) -> None:
        """Wait until a share has come, said something other than a frame, or is over."""
        await self._changed.wait()

    def _change(self) -> None:
        changed, self._changed = self._changed, trio.Event()
        changed.set()

    # -- how it ended -------------------------------------------------------------------------------------------------

    def _ending(self) -> Ending:
        endings = [share.ending for share in self.shares if share.ending is not None]
        lost = [
            LostProcess(number, f"was lost with its share, which {share.lost}")
            for share in self.shares
            if share.lost is not None
            for number in share.numbers
        ]
        return Ending(
            ended_at_s=max((ending.ended_at_s for ending in endings), default=self._last_s),
            interrupted=self._lifecycle.reason,
            aborted_by=self._lifecycle.rule,
            gave_up=self._lifecycle.gave_up,
            defect=next((ending.defect for ending in endings if ending.defect), None),
            phases=joined_phases(endings),
            lost=(*(each for ending in endings for each in ending.lost), *lost),
        )
