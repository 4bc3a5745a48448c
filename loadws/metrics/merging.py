"""Merge the shares of one load, made on several machines: check that they belong together, and describe the whole run.

Nothing is averaged or estimated here. The frames of all shares go through one ``Summariser``, as those of the processes
of one machine do; this module makes what that needs beside the frames: one ``RunInfo`` and one ``Ending``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

import msgspec

from loadws.metrics.runinfo import Ending, GeneratorMachine, LostProcess, MachineInfo, RunInfo, ShareInfo
from loadws.metrics.summary import Summary
from loadws.terms.errors import LoadwsError
from loadws.terms.units import format_count, format_duration

_KILLED = "its run was killed before its end"


class NotOneRun(LoadwsError):
    """Shares that do not make one run: each problem is a line."""

    def __init__(self, problems: Sequence[str], advice: str) -> None:
        super().__init__(
            "these shares do not make one run:\n" + "\n".join(f"  {problem}" for problem in problems), advice
        )


class KeptShare(msgspec.Struct, frozen=True):
    """One share's run, read from its folder. ``ending`` None: it was killed. ``place`` is its folder, for messages."""

    place: str
    info: RunInfo
    share: ShareInfo
    ending: Ending | None
    summary: Summary

    @property
    def lost(self) -> str | None:
        """Return why data is missing in whole or in part; None where all of it is there."""
        if self.ending is None:
            return _KILLED
        lost = self.ending.lost
        return f"process {lost[0].process} {lost[0].why}" if lost else None


def share_of(place: str, info: RunInfo) -> ShareInfo:
    """Return which share a run is.

    Raises:
        NotOneRun: It is not a share.
    """
    if info.share is not None:
        return info.share
    what = "is a merged run already" if info.machines else "is the run of a whole load, not of a share of it"
    raise NotOneRun([f"{place} {what}"], "name run folders that `loadws shard` has made")


def check_one_run(
    shares: Sequence[tuple[str, RunInfo, ShareInfo]], tolerated_losses: int, again: Sequence[str] = ()
) -> tuple[int, ...]:
    """Return the indices of the shares that are missing. Each is given as (place, run, share).

    ``again`` has a sentence for each folder that was named more than once: where shares are missing, that may be why.

    Raises:
        NotOneRun: Every problem at once: shares of different runs, the same share twice, and more missing shares than
            ``tolerated_losses``.
    """
    problems = [*_differences(shares), *_overlaps(shares)]
    if problems:
        raise NotOneRun(problems, "name the folder of each share of one run, once")
    of = shares[0][2].of
    missing = tuple(sorted(set(range(of)) - {share.index for _, _, share in shares}))
    if len(missing) > tolerated_losses:
        which = ", ".join(map(str, missing))
        raise NotOneRun(
            [
                f"of {of} shares {format_count(len(missing))} {'is' if len(missing) == 1 else 'are'} missing: {which}",
                *again,
            ],
            f"name their folders too, or merge without them: --tolerate-loss {len(missing)}",
        )
    return missing


def _differences(shares: Sequence[tuple[str, RunInfo, ShareInfo]]) -> Iterator[str]:
    """Yield each difference of a share from the first one, in what must be equal."""
    first_place, first_run, first = shares[0]
    for place, run, share in shares[1:]:
        facts = {
            "run id": (first.run_id, share.run_id),
            "number of shares (--of)": (first.of, share.of),
            "split (--shares)": (_weights(first), _weights(share)),
            "seed": (first_run.seed, run.seed),
            "loadws": (first_run.loadws_version, run.loadws_version),
            "plan (scenario, data or options)": (first.fingerprint, share.fingerprint),
        }
        for what, (of_first, of_other) in facts.items():
            if of_first != of_other:
                yield f"{place} has another {what} than {first_place}: {of_other} and not {of_first}"


def _weights(share: ShareInfo) -> str:
    return ",".join(map(str, share.weights)) or "equal shares"


def _overlaps(shares: Sequence[tuple[str, RunInfo, ShareInfo]]) -> Iterator[str]:
    places: dict[int, str] = {}
    for place, _, share in shares:
        if share.index in places:
            yield f"{place} is share {share.index}, as {places[share.index]} is"
        places.setdefault(share.index, place)


def merged_info(
    shares: Sequence[KeptShare], missing: Sequence[int], tolerated_losses: int, command: tuple[str, ...]
) -> RunInfo:
    """Return the description of the whole run. ``missing`` are the indices of shares without any data."""
    ordered = sorted(shares, key=lambda kept: kept.share.index)
    first = ordered[0]
    whole = first.share.whole_plan
    machines = [*map(_machine, ordered), *(MachineInfo(index, "", lost="nothing of it is there") for index in missing)]
    return msgspec.structs.replace(
        first.info,
        started_at=min(kept.info.started_at for kept in ordered),
        processes=sum(kept.info.processes for kept in ordered),
        model=whole["model"],
        plan=whole,
        expected_arrivals=whole["expected_arrivals"],
        command=command,
        machine=GeneratorMachine(systems={kept.share.name: kept.info.machine.system for kept in ordered}),
        stamps="kernel" if all(kept.info.stamps == "kernel" for kept in ordered) else "user",
        notes=(*dict.fromkeys(note for kept in ordered for note in kept.info.notes), *_notes(ordered)),
        share=None,
        machines=tuple(sorted(machines, key=lambda machine: machine.share)),
        tolerated_losses=tolerated_losses,
    )


def _machine(kept: KeptShare) -> MachineInfo:
    summary = kept.summary
    response = min(summary.entries("response_time"), key=lambda entry: len(entry.labels), default=None)
    return MachineInfo(
        share=kept.share.index,
        machine=kept.share.machine,
        numbers=tuple(kept.info.process_numbers),
        began_at=kept.share.began_at,
        weight=kept.share.weight,
        lost=kept.lost,
        outcome=summary.verdict.outcome,
        opened=summary.ledger.connections.opened,
        sent=summary.ledger.messages.sent,
        answered=summary.ledger.messages.answered,
        errors=sum(error.count for error in summary.errors),
        response_p50_ns=response.p50 if response else None,
        response_p99_ns=response.p99 if response else None,
    )


def _notes(shares: Sequence[KeptShare]) -> Iterator[str]:
    if spread := start_spread(shares):
        yield spread
        if shares[0].info.probes and len(shares) > 1:
            yield (
                "Delivery times between machines hold how far apart their starts were, and how far apart their clocks: "
                "compare them on one machine."
            )


def start_spread(shares: Sequence[KeptShare]) -> str:
    """Return a sentence on how far apart the machines' shares of the load began, each by its own clock.

    It is empty where fewer than two have begun.
    """
    began = sorted((datetime.fromisoformat(k.share.began_at), k.share.index) for k in shares if k.share.began_at)
    if len(began) < 2:
        return ""
    (first_at, first), (last_at, last) = began[0], began[-1]
    apart = format_duration((last_at - first_at).total_seconds() * 1e9)
    return f"The shares began within {apart} of each other by their own clocks: share {first} first, share {last} last."


def merged_ending(shares: Sequence[KeptShare]) -> Ending:
    """Return how the whole run ended: when its last share did, and what ended any of them early."""
    endings = [kept.ending for kept in shares if kept.ending is not None]
    return Ending(
        ended_at_s=max((kept.summary.run.duration_s for kept in shares), default=0.0),
        interrupted=next((ending.interrupted for ending in endings if ending.interrupted), None),
        aborted_by=next((ending.aborted_by for ending in endings if ending.aborted_by), None),
        defect=next((ending.defect for ending in endings if ending.defect), None),
        phases=joined_phases(endings),
        lost=tuple(lost for kept in shares for lost in _lost_processes(kept)),
        gave_up=next((ending.gave_up for ending in endings if ending.gave_up), None),
        notes=tuple(note for ending in endings for note in ending.notes),
    )


def _lost_processes(kept: KeptShare) -> Iterator[LostProcess]:
    if kept.ending is not None:
        yield from kept.ending.lost
        return
    for number in kept.info.process_numbers:
        yield LostProcess(number, "did not end: the run of its share was killed")


def joined_phases(endings: Sequence[Ending]) -> tuple[tuple[str, float, float], ...]:
    """Return (name, start, end) of each phase, from its first beginning to its last end, in s since the start."""
    longest = max((ending.phases for ending in endings), key=len, default=())
    spans = []
    for index, (name, _, _) in enumerate(longest):
        same = [ending.phases[index] for ending in endings if index < len(ending.phases)]
        spans.append((name, min(start for _, start, _ in same), max(end for _, _, end in same)))
    return tuple(spans)
