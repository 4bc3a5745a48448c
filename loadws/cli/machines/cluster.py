"""``loadws run --cluster``: what the command line asks of a cluster."""

from __future__ import annotations

import sys

from loadws.cluster.cluster import ClusterOptions
from loadws.cluster.dask import check_address, goes_in_plain_text
from loadws.fleet.shares import Weights
from loadws.terms.errors import UsageError


def cluster_options(
    address: str, is_insecure: bool, tolerated_losses: int, weights: Weights, *, once: bool, trace: bool
) -> ClusterOptions:
    """Return what the command line asks of the cluster; warn where secrets would cross a network unencrypted.

    Raises:
        UsageError: The address is not valid, or the other options need no cluster.
    """
    if once or trace:
        option = "--trace" if trace else "--once"
        raise UsageError(f"{option} is one user, who needs no cluster", f"leave out --cluster, or {option}")
    check_address(address, is_insecure)
    if goes_in_plain_text(address):
        print(
            f"warning: --insecure-cluster: the scenario, its secrets and the key of this run go to {address} unencrypted; "
            "whatever reads that network can read them, and send load in their name",
            file=sys.stderr,
        )
    return ClusterOptions(address, tolerated_losses, weights)
