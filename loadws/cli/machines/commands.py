"""The commands for loads that several machines make, as typer reads them. What they do is imported when they run."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from loadws.cli.machines.options import RunId, ShareCount, ShareIndex, StartAt, TolerateLoss, WeightsOf
from loadws.cli.options import (
    CiOption,
    Duration,
    Formats,
    KeepTrying,
    OutputTo,
    Processes,
    PrometheusAt,
    Rate,
    Rules,
    RunOptions,
    Scale,
    Scenario,
    Seed,
    Settings,
    Stamps,
    Target,
    TimeScale,
    TooClose,
    Transport,
    Untrusted,
    Users,
    live_outputs,
    make_overrides,
)
from loadws.report.formats.formats import Chosen
from loadws.report.pipelines.services import find_service
from loadws.terms.transports import DEFAULT_TRANSPORT

SHARD_EXAMPLES = (
    "loadws shard chat.yaml --of 4 --index 0 --run-id nightly-7 --start-at 2026-07-31T12:00:00Z",
    "loadws shard chat.yaml --of 4 --index $SLURM_PROCID --run-id $SLURM_JOB_ID",
)
MERGE_EXAMPLES = (
    "loadws merge host1/reports/chat/latest host2/reports/chat/latest",
    "loadws merge */reports/chat/latest --tolerate-loss 1",
)


def shard(
    scenario: Scenario,
    of: ShareCount,
    index: ShareIndex,
    shares: WeightsOf = (),
    run_id: RunId = "",
    start_at: StartAt = None,
    target: Target = None,
    settings: Settings = None,
    users: Users = None,
    rate: Rate = None,
    duration: Duration = None,
    scale: Scale = None,
    time_scale: TimeScale = None,
    rules: Rules = None,
    seed: Seed = None,
    transport: Transport = DEFAULT_TRANSPORT,
    stamps: Stamps = "auto",
    processes: Processes = None,
    too_close: TooClose = None,
    keep_trying: KeepTrying = False,
    untrusted: Untrusted = False,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the share's folder goes.")] = Path("reports"),
    output: OutputTo = None,
    prometheus: PrometheusAt = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No live view; the result at the end.")] = False,
) -> int:
    """Run one share of a load on this machine.

    Run one on each of several machines, then put them together with `loadws merge`: rules are judged there, on the sum.
    Users, arrivals and rows of data are split exactly. setup and teardown run once for each share.
    """
    outputs = live_outputs(output, prometheus)
    overrides = make_overrides(
        target=target,
        settings=settings,
        users=users,
        rate=rate,
        duration=duration,
        scale=scale,
        time_scale=time_scale,
        seed=seed,
        rules=rules,
        too_close=too_close,
        untrusted=untrusted,
    )
    from loadws.cli.running.run import run_command
    from loadws.cli.running.share import share_of

    share = share_of(index, of, run_id, start_at, shares)
    options = RunOptions(
        scenario=scenario,
        overrides=overrides,
        transport=transport,
        stamps=stamps,
        processes=processes,
        out=out,
        command=tuple(sys.argv),
        quiet=quiet,
        keep_trying=keep_trying,
        share=share,
        outputs=outputs,
    )
    return run_command(options)


def merge(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="The folder of each share.", show_default=False)],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the merged run's folder goes.")] = Path("reports"),
    tolerate_loss: TolerateLoss = 0,
    formats: Formats = None,
    ci: CiOption = "auto",
) -> int:
    """Add up the shares of one load and judge the sum.

    Histograms and the ledger are added up exactly. Shares of different runs are refused.
    """
    from loadws.cli.machines.merge import merge_command

    service = find_service(ci, os.environ)
    chosen = formats or Chosen().including(service.formats)
    return merge_command(runs, out, tolerate_loss, tuple(sys.argv), chosen, service)
