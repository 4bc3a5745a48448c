"""A cluster whose machines make one load: connect to it, start a share on each worker, make the load, leave it as it was."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import trio

from loadws.cluster.coordinator import ClusterError, Coordinator, Patience, RemoteShare
from loadws.cluster.dask import DaskLauncher, Worker
from loadws.cluster.messages import NamedFile, Work
from loadws.fleet.multi_process import Span
from loadws.fleet.shard import ShardOrder
from loadws.fleet.shares import MOST_SHARES, Weights, check_weights
from loadws.fleet.signals import OnSignal, Signals
from loadws.fleet.single_process import TakeFrame
from loadws.metrics.runinfo import Ending, MachineInfo, RunInfo

_LOOK_EVERY_S = 1.0
#: How long to wait for the result that a lost share has left, when all others have ended.
_RESULTS_WITHIN_S = 10.0
#: Makes the ``RunInfo`` of share i of n with these weights (empty: equal), as a run of its own.
InfoOf = Callable[[int, int, tuple[int, ...]], RunInfo]
_NAME = re.compile(r"\w+")


class ClusterOptions(msgspec.Struct, frozen=True):
    """The options of a cluster. ``address`` is the scheduler's, or ``local:N``. ``tolerated_losses`` machines may be
    lost.

    ``weights`` are the shares' in the order of the workers' addresses; empty: all are equal. ``address`` may be a class
    of clusters instead, whose constructor gets ``class_options``. ``is_insecure``: plain text over a network is
    allowed.
    """

    address: str
    tolerated_losses: int = 0
    weights: Weights = ()
    class_options: Mapping[str, Any] = msgspec.field(default_factory=dict)
    is_insecure: bool = False


class Cluster:
    """The machines of one run. ``machines`` are known once they are ready."""

    def __init__(
        self, options: ClusterOptions, notice: Callable[[str], None], patience: Patience | None = None
    ) -> None:
        self._options = options
        self._launcher = DaskLauncher(options.address, options.class_options, options.is_insecure)
        self._notice = notice
        self._patience = patience
        self._nursery: trio.Nursery | None = None
        self._coordinator: Coordinator | None = None

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Leave the cluster at the end, whatever happens within.

        Raises:
            BaseException: That of the code within, or of a task of the cluster; a group where there are several.
        """
        try:
            async with trio.open_nursery() as self._nursery:
                try:
                    yield
                finally:
                    self._nursery.cancel_scope.cancel()
        except BaseExceptionGroup as group:
            failed = _only(group)
            raise failed from None
        finally:
            with trio.CancelScope(shield=True):
                await trio.to_thread.run_sync(self._launcher.close)

    async def prepare(
        self, order: ShardOrder, files: tuple[NamedFile, ...], stamps: str, processes: int | None, info_of: InfoOf
    ) -> tuple[MachineInfo, ...]:
        """Start a share on each worker, and return the machines when all are ready.

        Raises:
            ClusterError: The cluster cannot be used, or a share cannot be prepared.
        """
        host, workers = await trio.to_thread.run_sync(self._launcher.connect, abandon_on_cancel=True)
        if len(workers) > MOST_SHARES:
            raise ClusterError(f"the cluster has {len(workers)} workers, and a run has at most {MOST_SHARES} shares")
        weights = _weights(self._options.weights, workers)
        order = msgspec.structs.replace(order, of=len(workers), weights=weights, env=_mentioned(order))
        works = [
            Work(
                msgspec.structs.replace(order, share=index),
                files,
                stamps,
                processes,
                worker.neighbours,
                info_of(index, len(workers), weights),
            )
            for index, worker in enumerate(workers)
        ]
        coordinator = self._coordinator = Coordinator(
            works, self._notice, self._patience, self._options.tolerated_losses
        )
        assert self._nursery is not None
        await self._nursery.start(self._listen, coordinator, host)
        invitations = {index: coordinator.invitation(index) for index in range(len(workers))}
        await trio.to_thread.run_sync(
            self._launcher.start, invitations, workers, coordinator.run, abandon_on_cancel=True
        )
        self._nursery.start_soon(self._watch_workers, coordinator)
        await coordinator.all_ready()
        return self.machines()

    def machines(self) -> tuple[MachineInfo, ...]:
        """Return what is known about the machines."""
        shares = self._coordinator.shares if self._coordinator else []
        return tuple(
            MachineInfo(
                share.index, share.facts.machine if share.facts else "", share.numbers,
                lost=None if share.lost is None else f"it {share.lost}",
                clock=share.clock.sentence(), clock_error_ns=share.clock_error_ns,
                checked=share.prepared.checked if share.prepared else "",
            )
            for share in shares
        )  # fmt: skip

    def shares(self) -> Sequence[RemoteShare]:
        """Return the shares of the load; none before ``prepare``."""
        return self._coordinator.shares if self._coordinator else []

    @property
    def stamps(self) -> Sequence[str]:
        """Return the kinds of receive stamps that the shares have."""
        shares = self._coordinator.shares if self._coordinator else []
        return [share.prepared.stamps for share in shares if share.prepared]

    async def load(self, span: Span, take: TakeFrame, signals: Signals, on_signal: OnSignal | None = None) -> Ending:
        """Make the load. Also add the frames that a lost share has left with its worker."""
        assert self._coordinator is not None
        ending = await self._coordinator.load(span, take, signals, on_signal)
        if any(share.lost is not None for share in self._coordinator.shares):
            with trio.move_on_after(_RESULTS_WITHIN_S):
                for result in await trio.to_thread.run_sync(self._launcher.results, abandon_on_cancel=True):
                    await self._coordinator.fill(result)
        return ending

    async def _listen(
        self, coordinator: Coordinator, host: str, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        async with coordinator.listening(host):
            task_status.started()
            await trio.sleep_forever()

    async def _watch_workers(self, coordinator: Coordinator) -> None:
        while True:
            await trio.sleep(_LOOK_EVERY_S)
            lost = await trio.to_thread.run_sync(self._launcher.lost, abandon_on_cancel=True)
            for index, why in lost.items():
                await coordinator.lose(index, why)


def _weights(asked: Weights, workers: Sequence[Worker]) -> tuple[int, ...]:
    """Return the weights of the workers' shares. Workers of one host have its cores between them.

    Raises ``UsageError`` for weights that are not one for each worker.
    """
    if asked == "cores":
        return tuple(max(1, worker.cores // worker.neighbours) for worker in workers)
    check_weights(asked, len(workers))
    return asked


def _only(error: BaseException) -> BaseException:
    """Return the one error that a nursery has wrapped, or the group of several."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _mentioned(order: ShardOrder) -> dict[str, str]:
    """Return those variables of the environment whose names the scenario contains; no others are sent."""
    words = set(_NAME.findall(order.text))
    return {name: value for name, value in order.env.items() if name in words}
