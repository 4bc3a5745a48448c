"""``loadws run --cluster``: check the cluster's options."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from loadws.cluster.classes import is_class, read_options
from loadws.cluster.cluster import ClusterOptions
from loadws.cluster.dask import check_address, check_installed, goes_in_plain_text
from loadws.fleet.shares import Weights
from loadws.terms.errors import UsageError


def cluster_options(
    address: str,
    options: Path | None,
    is_insecure: bool,
    tolerated_losses: int,
    weights: Weights,
    *,
    once: bool,
    trace: bool,
) -> ClusterOptions:
    """Return the cluster's options from those of the command line; warn where secrets would cross a network
    unencrypted.

    Raises:
        UsageError: The address or the options are not valid, or the other options need no cluster.
        ClusterError: Dask is not installed.
    """
    if once or trace:
        option = "--trace" if trace else "--once"
        raise UsageError(
            f"{option} is one user of each type, which need no cluster", f"leave out --cluster, or {option}"
        )
    check_address(address, is_insecure)
    class_options = _class_options(address, options)
    if is_insecure and (is_class(address) or goes_in_plain_text(address)):
        print(
            f"warning: --insecure-cluster: what goes to {address} may cross the network unencrypted, and with it the key of "
            "this run; whatever reads that network can read the scenario and its secrets, and send load in their name",
            file=sys.stderr,
        )
    return ClusterOptions(address, tolerated_losses, weights, class_options, is_insecure)


def _class_options(address: str, options: Path | None) -> dict[str, Any]:
    check_installed()
    if options is None:
        return {}
    if not is_class(address):
        raise UsageError(
            f"--cluster-options does nothing for {address}, which runs already",
            "name a class of clusters (--cluster SSHCluster), or leave the options out",
        )
    return read_options(options)
