"""Clusters that a class of the Dask family starts for one run: SSH, Slurm, Kubernetes, clouds. No code of ours for each.

A class is named by itself (``SSHCluster``) where it is well known, or with its module (``package.module.SomeCluster``). Its
constructor gets the options of a YAML file as they stand there. loadws waits for the workers that it was asked for, and
closes the cluster after the run.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from loadws.cluster.coordinator import ClusterError
from loadws.terms.errors import UsageError

#: Well-known classes: their module, and the package that has it.
_MODULES = {
    ("dask.distributed", "loadws[cluster]"): ("LocalCluster", "SSHCluster"),
    ("dask_jobqueue", "dask-jobqueue"): (
        "HTCondorCluster", "LSFCluster", "MoabCluster", "OARCluster", "PBSCluster", "SGECluster", "SLURMCluster",
    ),
    ("dask_kubernetes.operator", "dask-kubernetes"): ("KubeCluster",),
    ("dask_cloudprovider.aws", "dask-cloudprovider[aws]"): ("EC2Cluster", "ECSCluster", "FargateCluster"),
    ("dask_cloudprovider.azure", "dask-cloudprovider[azure]"): ("AzureVMCluster",),
    ("dask_cloudprovider.gcp", "dask-cloudprovider[gcp]"): ("GCPCluster",),
    ("dask_cloudprovider.digitalocean", "dask-cloudprovider[digitalocean]"): ("DropletCluster",),
    ("dask_cloudprovider.hetzner", "dask-cloudprovider[hetzner]"): ("HetznerCluster",),
}  # fmt: skip
CLASSES = {name: where for where, names in _MODULES.items() for name in names}
_WRITE = "write a YAML mapping, one option a line: n_workers: 4"
_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
_ADAPTIVE = re.compile(r"adapt|^minimum(_|$)|^maximum(_|$)", re.IGNORECASE)


def is_class(name: str) -> bool:
    """Return whether ``--cluster`` names a class, and not an address."""
    return _NAME.fullmatch(name) is not None


def check_class(name: str) -> None:
    """Check that a class is known, or named with its module.

    Raises:
        UsageError: It is neither.
    """
    if name in CLASSES or "." in name:
        return
    close = get_close_matches(name, CLASSES, 1)
    raise UsageError(
        f"--cluster {name}: no such class of clusters is known",
        f"did you mean {close[0]}?" if close
        else "write " + ", ".join(sorted(CLASSES)) + ", or a class with its module, as package.module.SomeCluster",
    )  # fmt: skip


def read_options(path: Path) -> dict[str, Any]:
    """Return the options of a YAML file.

    Raises:
        UsageError: It cannot be read, or asks for adaptive scaling.
    """
    if not path.is_file():
        raise UsageError(f"--cluster-options {path}: there is no such file", _WRITE)
    try:
        options: dict[str, Any] = next(iter(import_module("dask.config").collect_yaml([str(path)])), {})
    except (OSError, ValueError) as error:
        raise UsageError(f"--cluster-options {path} cannot be read: {error}", _WRITE) from None
    for name in options:
        if _ADAPTIVE.search(str(name)):
            refuse_adaptive(f"--cluster-options {path} asks for it by {name!r}")
    return dict(options)


def refuse_adaptive(why: str) -> NoReturn:
    """Refuse a cluster that scales by itself.

    Raises:
        UsageError: Always.
    """
    raise UsageError(
        f"an adaptive cluster cannot make a load: a worker that it takes away is a machine that is lost ({why})",
        "use a fixed number of workers: n_workers, or cluster.scale(N) instead of cluster.adapt()",
    )


def start_cluster(name: str, options: Mapping[str, Any]) -> Any:
    """Return a running cluster of a class.

    Raises:
        ClusterError: There is no such class, or it does not start.
    """
    make = _class(name)
    try:
        cluster = make(**options)
    except Exception as error:
        raise ClusterError(
            f"--cluster {name} could not be started: {type(error).__name__}: {error}",
            "its options (--cluster-options) are those of the class: see its documentation",
        ) from error
    if getattr(cluster, "_adaptive", None) is not None:
        cluster.close()
        refuse_adaptive(f"{name} has begun to scale")
    return cluster


def workers_of(cluster: Any, options: Mapping[str, Any]) -> int:
    """Return how many workers a cluster was asked for, at least one."""
    return max(1, len(getattr(cluster, "worker_spec", ())) or int(options.get("n_workers", 1)))


def _class(name: str) -> Any:
    module, package = CLASSES.get(name, (name.rpartition(".")[0], ""))
    try:
        found = getattr(import_module(module), name.rpartition(".")[2], None)
    except ImportError as error:
        advice = f"pip install {package!r}" if package else "is its package installed here, and its name right?"
        raise ClusterError(f"--cluster {name}: {module} cannot be imported here: {error}", advice) from error
    if not callable(found):  # SSHCluster is a function, which returns a cluster
        raise ClusterError(f"--cluster {name}: {module} has no such class", "see its documentation for the name")
    return found
