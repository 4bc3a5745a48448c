"""The options of the commands for several machines. This imports nothing heavy, so that ``--help`` appears at once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from loadws.cli.options import parse_number, told
from loadws.terms.errors import UsageError

if TYPE_CHECKING:
    from loadws.fleet.shares import Weights

_MOST_WEIGHT = 4096


def parse_weights(text: str) -> Weights:
    """Return the weights of ``3,1,1``, or ``cores``.

    Raises:
        UsageError: They are not whole numbers above 0.
    """
    if text == "cores":
        return "cores"
    words = text.split(",")
    if not all(word.isascii() and word.isdigit() and 1 <= int(word) <= _MOST_WEIGHT for word in words):
        raise UsageError(
            f"{text!r} are no weights", f"write whole numbers from 1 to {_MOST_WEIGHT}, as 3,1,1, or cores"
        )
    return tuple(map(int, words))


ShareCount = Annotated[
    int,
    typer.Option("--of", metavar="N", parser=told(parse_number), help="How many shares there are.", show_default=False),
]
ShareIndex = Annotated[
    int,
    typer.Option(
        "--index",
        metavar="I",
        parser=told(parse_number),
        help="Which share this is, counted from 0.",
        show_default=False,
    ),
]
#: ``Any``, as typer reads no union of types; it is ``Weights``.
SharesOf = Annotated[
    Any,
    typer.Option(
        "--shares",
        metavar="W,W...|cores",
        parser=told(parse_weights),
        help="With --cluster, how the load is split. 3,1,1: of three workers, in the order of their addresses, the first "
        "makes three fifths. cores: each as much as its machine has cores, which workers of one machine have between them.",
        show_default="equal",
    ),
]
WeightsOf = Annotated[
    Any,
    typer.Option(
        "--shares",
        metavar="W,W...",
        parser=told(parse_weights),
        help="How the load is split, the same for every share. 3,1,1: share 0 of 3 makes three fifths, as for a machine "
        "with three times the cores.",
        show_default="equal",
    ),
]
RunId = Annotated[
    str,
    typer.Option(
        "--run-id",
        metavar="ID",
        help="A name that the shares of this run have in common. Without --seed the seed is derived from it.",
        show_default=False,
    ),
]
StartAt = Annotated[
    str | None,
    typer.Option(
        "--start-at",
        metavar="TIME",
        help="When all shares begin, in UTC: 2026-07-31T12:00:00Z. Without it a share begins at once.",
    ),
]
TolerateLoss = Annotated[
    int,
    typer.Option(
        "--tolerate-loss",
        metavar="N",
        parser=told(parse_number),
        help="How many machines may be lost: the run is then inconclusive and not invalid.",
    ),
]
ClusterAt = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        metavar="ADDRESS",
        help="Have the workers of a Dask cluster make the load: tcp://HOST:8786, tls://HOST:8786, local:4, or a class of "
        "clusters that is started for the run, as SSHCluster.",
    ),
]
ClusterOptionsAt = Annotated[
    Path | None,
    typer.Option(
        "--cluster-options", metavar="FILE", help="What the constructor of that class gets, as YAML: n_workers: 4."
    ),
]
InsecureCluster = Annotated[
    bool,
    typer.Option("--insecure-cluster", help="Send the scenario and its secrets to the cluster without encryption."),
]
