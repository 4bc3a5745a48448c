"""A page for each machine of a cluster's load: its share as a run of its own, below the run's folder."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from loadws.cluster.coordinator import RemoteShare
from loadws.gate.verdict import judged
from loadws.metrics.runinfo import MachineInfo, RunInfo, ShareInfo
from loadws.metrics.summary import Summary, from_json
from loadws.plan.figures import figures_of
from loadws.plan.plan import Plan
from loadws.report.folder import MACHINES, REPORT, RUN, store


def info_of_share(info: RunInfo, whole: Plan, index: int, of: int, weights: tuple[int, ...]) -> RunInfo:
    """Return the ``RunInfo`` of one share, as a run of its own. ``info`` and ``whole`` are the whole load's."""
    plan = whole.shard_of(index, of, weights)
    share = ShareInfo(info.started_at, info.plan_hash, index, of, "", info.plan, weights=weights)
    return msgspec.structs.replace(
        info, share=share, plan=figures_of(plan).as_json(), expected_arrivals=plan.own.part_of(plan.expected_arrivals)
    )


def with_pages(folder: Path, machines: Iterable[MachineInfo], shares: Sequence[RemoteShare]) -> tuple[MachineInfo, ...]:
    """Write a page for each share that has sent its summary; return the machines with its address and percentiles."""
    return tuple(_with_page(folder, machine, shares[machine.share]) for machine in machines)


def _with_page(folder: Path, machine: MachineInfo, share: RemoteShare) -> MachineInfo:
    info = share.info
    if info is None or info.share is None or not share.summary:
        return machine
    info = msgspec.structs.replace(info, share=msgspec.structs.replace(info.share, machine=machine.machine))
    summary = judged(from_json(share.summary), info, share.ending)
    beside = f"{MACHINES}/{machine.share}"
    try:
        (folder / beside).mkdir(parents=True, exist_ok=True)
        (folder / beside / RUN).write_bytes(msgspec.json.encode(info))
    except OSError as error:
        print(f"{folder / beside} could not be written: {error.strerror or error}.", file=sys.stderr)
        return machine
    for problem in store(folder / beside, summary):
        print(problem, file=sys.stderr)
    return _with_figures(msgspec.structs.replace(machine, page=f"{beside}/{REPORT}"), summary)


def _with_figures(machine: MachineInfo, summary: Summary) -> MachineInfo:
    response = min(summary.entries("response_time"), key=lambda entry: len(entry.labels), default=None)
    return msgspec.structs.replace(
        machine,
        outcome=summary.verdict.outcome,
        response_p50_ns=response.p50 if response else None,
        response_p99_ns=response.p99 if response else None,
    )
