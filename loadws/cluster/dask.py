"""Start shares on the workers of a Dask cluster. Dask carries nothing else: no frames, no start, no sign of life.

Dask runs a lost task again, and a task that is pinned to a worker begins anew when a worker with that address returns.
That does no harm: a share that was started before gets no work from its coordinator. All functions here block: call
them in a thread.
"""

from __future__ import annotations

import ipaddress
import logging
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

import msgspec

from loadws.cluster import scaling
from loadws.cluster.classes import check_class, is_class, refuse_adaptive, start_cluster, workers_of
from loadws.cluster.coordinator import ClusterError
from loadws.cluster.messages import Invitation, Result
from loadws.cluster.processes import facts_of_worker, run_share
from loadws.terms.errors import UsageError

CONNECT_WITHIN_S = 15
CLOSE_WITHIN_S = 5
#: How long the workers of a cluster started for the run may need to come: machines have to start, or a queue has to move.
WORKERS_WITHIN_S = 600
LOCAL = "local:"
MOST_LOCAL = 64
_IN_PLAIN_TEXT = (
    "the key of this run, which opens the scenario and its secrets, would cross the network for all to read"
)
_USE_TLS = "use a cluster with TLS (tls://), or say --insecure-cluster in a network that you trust"
_INSTALL = "pip install 'loadws[cluster]'"


class Worker(msgspec.Struct, frozen=True):
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
    if is_class(address):
        check_class(address)
        return
    parts = urlsplit(address)
    if parts.scheme not in ("tcp", "tls") or not parts.hostname:
        raise UsageError(
            f"--cluster {address} is no scheduler's address",
            "write tcp://HOST:8786, tls://HOST:8786, local:4, or the name of a class, as SSHCluster",
        )
    if goes_in_plain_text(address) and not is_insecure:
        raise UsageError(f"--cluster {address}: the scheduler speaks plain TCP, so {_IN_PLAIN_TEXT}", _USE_TLS)


def goes_in_plain_text(address: str) -> bool:
    """Return whether what goes to an address of Dask crosses a network unencrypted."""
    parts = urlsplit(address)
    return parts.scheme not in ("tls", "inproc", "") and not is_loopback(parts.hostname or "")


def is_local(address: str) -> bool:
    """Return whether all workers surely run on this machine."""
    return address.startswith(LOCAL) or address == "LocalCluster"


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine's own address, which no network sees."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class DaskLauncher:
    """A launcher that starts one share on each worker of a Dask cluster."""

    def __init__(self, address: str, class_options: Mapping[str, Any], is_insecure: bool) -> None:
        self._address = address
        self._class_options = class_options
        self._is_insecure = is_insecure
        self._client: Any = None
        self._cluster: Any = None
        self._futures: dict[int, Any] = {}
        self._workers: dict[int, Worker] = {}

    def connect(self) -> tuple[str, list[Worker]]:
        """Return the address at which the cluster reaches this machine, and the workers.

        Raises:
            ClusterError: The cluster cannot be used.
            UsageError: It scales by itself, or speaks plain text over a network.
        """
        distributed = _distributed()
        warnings.filterwarnings("ignore", module="distributed")
        logging.getLogger("distributed").setLevel(logging.CRITICAL)
        try:
            self._client = self._open(distributed)
            comm = self._client.scheduler_comm.comm
            known = self._known_workers()
            self._check_privacy((comm.peer_address, *known))
            self._check_scale()
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
        """Ask the scheduler for the workers. The client's own list is incomplete from time to time."""
        identity: dict[str, Any] = self._client.sync(self._client.scheduler.identity, n_workers=-1)
        return dict(identity["workers"])

    def _check_privacy(self, addresses: Sequence[str]) -> None:
        """Look at the connections as they are, those of the scheduler to its workers too: each gets the key of its share.

        Raises:
            ClusterError: A cluster that was named by a TLS address has one without TLS.
            UsageError: One is plain text over a network.
        """
        if self._address.startswith("tls://"):
            if other := [address for address in addresses if not address.startswith("tls://")]:
                raise ClusterError(f"{self._address} has connections without TLS: {', '.join(other)}", _USE_TLS)
        elif not self._is_insecure and (plain := list(filter(goes_in_plain_text, addresses))):
            raise UsageError(
                f"--cluster {self._address}: the connection to {', '.join(plain)} is plain TCP, so {_IN_PLAIN_TEXT}",
                _USE_TLS,
            )

    def _check_scale(self) -> None:
        """Refuse a cluster that the scheduler's own process scales. Other processes cannot be asked."""
        cloudpickle = import_module("cloudpickle")
        cloudpickle.register_pickle_by_value(scaling)  # the scheduler may be without loadws
        try:
            scales = self._client.run_on_scheduler(scaling.scales_by_itself)
        finally:
            cloudpickle.unregister_pickle_by_value(scaling)
        if scales:
            refuse_adaptive(f"the one at {self._address} does")

    def _open(self, distributed: Any) -> Any:
        if is_class(self._address):
            return self._open_class(distributed)
        if self._address.startswith(LOCAL):
            self._cluster = distributed.LocalCluster(
                n_workers=int(self._address.removeprefix(LOCAL)), threads_per_worker=1, processes=True,
                dashboard_address=None, host="127.0.0.1", silence_logs=logging.CRITICAL,
            )  # fmt: skip
            return distributed.Client(self._cluster, timeout=CONNECT_WITHIN_S, set_as_default=False)
        security = self._security(distributed) if self._address.startswith("tls://") else None
        return distributed.Client(self._address, timeout=CONNECT_WITHIN_S, security=security, set_as_default=False)

    def _security(self, distributed: Any) -> Any:
        """Return Dask's settings for TLS.

        Raises:
            ClusterError: They name no certificates.
            OSError: One of their files cannot be read.
            ValueError: One of them is wrong.
        """
        security = distributed.Security()
        if security.get_connection_args("client")["ssl_context"] is None:
            raise ClusterError(
                f"--cluster {self._address}: Dask's settings on this machine name no certificates for TLS",
                "name ca-file, client.cert and client.key in distributed.comm.tls of Dask's configuration, "
                "or by DASK_DISTRIBUTED__COMM__TLS__CA_FILE and its like",
            )
        return security

    def _open_class(self, distributed: Any) -> Any:
        """Start the cluster, and wait for its workers.

        Raises:
            ClusterError: It does not start, or its workers do not come.
        """
        self._cluster = start_cluster(self._address, self._class_options)
        client = distributed.Client(self._cluster, timeout=CONNECT_WITHIN_S, set_as_default=False)
        workers = workers_of(self._cluster, self._class_options)
        try:
            client.wait_for_workers(workers, timeout=WORKERS_WITHIN_S)
        except TimeoutError:
            raise ClusterError(
                f"--cluster {self._address}: {workers} workers did not come within {WORKERS_WITHIN_S} s",
                "look at what started them: its queue, its log, its quota",
            ) from None
        return client

    def _cores_of(self, workers: list[str]) -> dict[str, int]:
        """Return how many cores each worker's machine has.

        Raises:
            ClusterError: loadws cannot run on some of them.
        """
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
        """Start a share on each of the workers. This raises nothing: a share that cannot be started does not connect."""
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
        """Return the results of the shares that have ended."""
        left = []
        for future in self._futures.values():
            with suppress(Exception):  # of a worker that is gone
                if future.status == "finished":
                    left.append(msgspec.msgpack.decode(future.result(timeout=CLOSE_WITHIN_S), type=Result))
        return left

    def close(self) -> None:
        """Leave the cluster as it was: the shares have ended or will soon, because their coordinator has ended."""
        with suppress(Exception):
            _distributed().wait(list(self._futures.values()), timeout=CLOSE_WITHIN_S)
        for part in (*self._futures.values(), self._client, self._cluster):
            with suppress(Exception):
                if part in self._futures.values():
                    part.cancel()
                elif part is not None:
                    part.close(timeout=CLOSE_WITHIN_S)


def check_installed() -> None:
    """Raise ``ClusterError`` where Dask is not installed."""
    _distributed()


def _distributed() -> Any:
    try:
        import distributed
    except ImportError:
        raise ClusterError("--cluster needs Dask, which is not installed here", _INSTALL) from None
    return distributed
