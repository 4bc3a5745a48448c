"""Dask as the means to start shares on its workers. Nothing else goes over it: no frame, no start, no sign of life.

Dask runs a lost task again, and a task that is pinned to a worker begins anew when a worker with that address returns. That
does no harm: a share that was started before gets no work from its coordinator. All functions here block: call them in a
thread.
"""

from __future__ import annotations

import ipaddress
import logging
import warnings
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import msgspec

from loadws.cluster.coordinator import ClusterError
from loadws.cluster.messages import Invitation, Result
from loadws.cluster.processes import facts_of_worker, run_share
from loadws.terms.errors import UsageError

CONNECT_WITHIN_S = 15
CLOSE_WITHIN_S = 5
LOCAL = "local:"
MOST_LOCAL = 64
_INSTALL = "pip install 'loadws[cluster]'"


@dataclass(frozen=True, slots=True)
class Worker:
    """A Dask worker. ``neighbours`` is the number of workers on its host, itself among them; ``cores`` are the host's."""

    address: str
    host: str
    neighbours: int
    cores: int = 1


def check_address(address: str, is_insecure: bool) -> None:
    """Refuse an address that is not one, or over which secrets would be sent in plain text.

    Raises:
        UsageError: The address is refused.
    """
    if address.startswith(LOCAL):
        count = address.removeprefix(LOCAL)
        if not count.isascii() or not count.isdigit() or not 1 <= int(count) <= MOST_LOCAL:
            raise UsageError(f"--cluster {address}: how many workers?", f"write local:4, from 1 to {MOST_LOCAL}")
        return
    parts = urlsplit(address)
    if parts.scheme not in ("tcp", "tls") or not parts.hostname:
        raise UsageError(
            f"--cluster {address} is no scheduler's address", "write tcp://HOST:8786, tls://HOST:8786, or local:4"
        )
    if goes_in_plain_text(address) and not is_insecure:
        raise UsageError(
            f"--cluster {address}: the scheduler speaks plain TCP, so the scenario, its secrets and the key of this run "
            "would cross the network for all to read",
            "use a scheduler with TLS (tls://), or say --insecure-cluster in a network that you trust",
        )


def goes_in_plain_text(address: str) -> bool:
    """Return whether what goes to a scheduler crosses a network unencrypted."""
    parts = urlsplit(address)
    return parts.scheme == "tcp" and not is_loopback(parts.hostname or "")


def is_local(address: str) -> bool:
    """Return whether all workers surely run on this machine."""
    return address.startswith(LOCAL)


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine's own address, which no network sees."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class DaskLauncher:
    """Starts one share on each worker of a Dask cluster."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._client: Any = None
        self._cluster: Any = None
        self._futures: dict[int, Any] = {}
        self._workers: dict[int, Worker] = {}

    def connect(self) -> tuple[str, list[Worker]]:
        """Return the address at which the cluster reaches this machine, and the workers.

        Raises:
            ClusterError: The cluster cannot be used.
        """
        distributed = _distributed()
        warnings.filterwarnings("ignore", module="distributed")
        logging.getLogger("distributed").setLevel(logging.CRITICAL)
        try:
            self._client = self._open(distributed)
            comm = self._client.scheduler_comm.comm
            if self._address.startswith("tls://") and not comm.peer_address.startswith("tls://"):
                raise ClusterError(f"the connection to {self._address} is not over TLS: {comm.peer_address}")
            known = self._known_workers()
        except (OSError, TimeoutError, ValueError, RuntimeError) as error:
            raise ClusterError(
                f"the Dask scheduler at {self._address} cannot be used: {error or type(error).__name__}",
                "is it running, and is its certificate known here? see Dask's distributed.comm.tls settings",
            ) from error
        if not known:
            raise ClusterError(f"the Dask cluster at {self._address} has no workers", "start one: dask worker ADDRESS")
        hosts = [worker["host"] for worker in known.values()]
        cores = self._cores_of(list(known))
        workers = [
            Worker(address, known[address]["host"], hosts.count(known[address]["host"]), cores[address])
            for address in sorted(known)
        ]
        host = urlsplit(comm.local_address).hostname or "127.0.0.1"
        return host, workers

    def _known_workers(self) -> dict[str, Any]:
        """Ask the scheduler which workers there are. What the client itself knows is without them from time to time."""
        identity: dict[str, Any] = self._client.sync(self._client.scheduler.identity, n_workers=-1)
        return dict(identity["workers"])

    def _open(self, distributed: Any) -> Any:
        if self._address.startswith(LOCAL):
            self._cluster = distributed.LocalCluster(
                n_workers=int(self._address.removeprefix(LOCAL)), threads_per_worker=1, processes=True,
                dashboard_address=None, host="127.0.0.1", silence_logs=logging.CRITICAL,
            )  # fmt: skip
            return distributed.Client(self._cluster, timeout=CONNECT_WITHIN_S, set_as_default=False)
        security = distributed.Security() if self._address.startswith("tls://") else None
        return distributed.Client(self._address, timeout=CONNECT_WITHIN_S, security=security, set_as_default=False)

    def _cores_of(self, workers: list[str]) -> dict[str, int]:
        """Return how many cores each worker's machine has. Raises ``ClusterError`` where loadws cannot run."""
        answers = self._client.run(facts_of_worker, on_error="return")
        wrong = [
            f"{worker}: {answers.get(worker)!r}" for worker in workers if not isinstance(answers.get(worker), dict)
        ]
        if wrong:
            raise ClusterError(
                "\n  ".join(("these workers cannot run loadws:", *wrong)), "install the same loadws on each worker"
            )
        return {worker: answers[worker]["cores"] for worker in workers}

    def start(self, invitations: Mapping[int, Invitation], workers: list[Worker], run: str) -> None:
        """Start a share on each of the workers; raises nothing: what cannot be started does not come."""
        for index, invitation in invitations.items():
            self._workers[index] = workers[index]
            self._futures[index] = self._client.submit(
                run_share, msgspec.msgpack.encode(invitation), workers=[workers[index].address],
                allow_other_workers=False, pure=False, retries=0, key=f"loadws-{run}-{index}",
            )  # fmt: skip

    def lost(self) -> dict[int, str]:
        """Return the shares that cannot be running any more, and why."""
        with suppress(Exception):  # the scheduler is gone: the channel tells which shares are
            known = self._known_workers()
            gone = {
                index: f"was on the Dask worker {worker.address}, which left the cluster"
                for index, worker in self._workers.items()
                if worker.address not in known
            }
            return gone | {
                index: f"could not be run by its Dask worker: {future.exception(timeout=1)!r}"
                for index, future in self._futures.items()
                if future.status == "error"
            }
        return {}

    def results(self) -> list[Result]:
        """Return what the shares that have ended have left."""
        left = []
        for future in self._futures.values():
            with suppress(Exception):  # of a worker that is gone
                if future.status == "finished":
                    left.append(msgspec.msgpack.decode(future.result(timeout=CLOSE_WITHIN_S), type=Result))
        return left

    def close(self) -> None:
        """Leave the cluster as it was: the shares have ended or will soon, as their coordinator is gone."""
        with suppress(Exception):
            _distributed().wait(list(self._futures.values()), timeout=CLOSE_WITHIN_S)
        for part in (*self._futures.values(), self._client, self._cluster):
            with suppress(Exception):
                if part in self._futures.values():
                    part.cancel()
                elif part is not None:
                    part.close(timeout=CLOSE_WITHIN_S)


def _distributed() -> Any:
    try:
        import distributed
    except ImportError:
        raise ClusterError("--cluster needs Dask, which is not installed here", _INSTALL) from None
    return distributed
