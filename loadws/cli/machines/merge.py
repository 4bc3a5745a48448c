"""``loadws merge``: the shares of one load, added up, judged once, with one report and a page for each machine."""

from __future__ import annotations

import heapq
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import msgspec

from loadws.cli.progress import show_progress
from loadws.cli.running.ci import tell, told_of_run
from loadws.cli.running.outcome import show_report
from loadws.fleet.signals import Signals
from loadws.gate.verdict import judged
from loadws.metrics.frame import Frame
from loadws.metrics.histograms.histogram import HistogramError
from loadws.metrics.merging import (
    KeptShare,
    check_one_run,
    merged_ending,
    merged_info,
    share_of,
    start_spread,
)
from loadws.metrics.runinfo import MachineInfo, RunInfo
from loadws.metrics.summarising.summariser import Summariser
from loadws.metrics.summary import Summary
from loadws.report.console import render
from loadws.report.folder import (
    MACHINES,
    REPORT,
    RUN,
    SCENARIO,
    SUMMARY,
    RunFolder,
    find_run,
    read_frames,
    read_info,
    seconds_in,
    store,
)
from loadws.report.formats.formats import Chosen
from loadws.report.pipelines.services import Ci
from loadws.report.terminal.own_console import OwnConsole
from loadws.terms.errors import OutputError

#: The ending of the name of a merged run's folder.
MARK = "-merged"
_DEFAULT = Chosen()
_NO_SERVICE = Ci()


def merge_command(
    runs: Sequence[Path],
    out: Path,
    tolerated_losses: int,
    command: tuple[str, ...],
    formats: Chosen = _DEFAULT,
    ci: Ci = _NO_SERVICE,
) -> int:
    """Return the exit code of the whole run's verdict.

    Raises ``NotOneRun`` for shares that do not belong together, and ``OutputError`` for folders that cannot be read.
    """
    folders, again = _each_once([find_run(run) for run in runs])
    infos = [read_info(folder) for folder in folders]
    places = [str(folder) for folder in folders]
    shares = [share_of(place, info) for place, info in zip(places, infos, strict=True)]
    missing = check_one_run(list(zip(places, infos, shares, strict=True)), tolerated_losses, again)
    kept = [_kept(folder) for folder in folders]
    info = merged_info(kept, missing, tolerated_losses, command)
    if spread := start_spread(kept):
        print(spread, file=sys.stderr)
    with Signals() as signals:
        folder = RunFolder.create(out, info.scenario, datetime.fromisoformat(info.started_at), MARK, formats)
        info = msgspec.structs.replace(info, machines=tuple(_paged(folder.path, kept, each) for each in info.machines))
        folder.begin(info)
        folder.write_scenario(_scenario_text(folders[0]))
        summary = _judge(info, kept, folder, signals)
    tell(ci, told_of_run(folder.path, summary))
    return summary.verdict.exit_code


def _each_once(folders: Sequence[Path]) -> tuple[list[Path], list[str]]:
    """Return each folder once, and a sentence for each that is named again.

    That is allowed, because ``reports/chat/*`` also matches ``latest``, a link to the newest.
    """
    found: dict[Path, Path] = {}
    again = []
    for folder in folders:
        first = found.setdefault(folder.resolve(), folder)
        if first is not folder:
            again.append(
                f"{folder} is named twice" if str(folder) == str(first) else f"{folder} is the same as {first}"
            )
    return list(found.values()), list(dict.fromkeys(again))


def _kept(folder: Path) -> KeptShare:
    """Read one share, and sum it up by itself. Raises ``OutputError``."""
    with _readable(folder):
        info, frames, ending = read_frames(folder)
        summariser = Summariser(info)
        for frame in show_progress(frames, f"reading {folder.name}", seconds_in(folder)):
            summariser.add(frame)
        summary = judged(summariser.summary(ending), info, ending)
        return KeptShare(str(folder), info, share_of(str(folder), info), ending, summary)


def _judge(info: RunInfo, kept: Sequence[KeptShare], folder: RunFolder, signals: Signals) -> Summary:
    """Return the sum of all frames, judged, after the run's files were written and its verdict printed."""
    console, ending = OwnConsole(), merged_ending(kept)
    summariser = Summariser(info)
    count = sum(seconds_in(Path(each.place)) for each in kept)
    for frame in show_progress(heapq.merge(*map(_frames, kept), key=_end_s), "adding up", count):
        summariser.add(frame)
        for _ in folder.adding(frame):
            pass
    ending = folder.end(ending)
    summary = judged(summariser.summary(ending), info, ending)
    problems = folder.finish(summary)
    render(summary, console, info)
    for problem in problems:
        print(problem, file=sys.stderr)
    show_report(folder.path, summary, console, signals)
    return summary


def _frames(kept: KeptShare) -> Iterator[Frame]:
    with _readable(Path(kept.place)):
        _, frames, _ = read_frames(Path(kept.place))
        yield from frames


def _end_s(frame: Frame) -> float:
    """Return when a frame ends. Frames are added in this order, because a delivery is settled when all processes have
    reported its second.
    """
    return frame.start_s + frame.duration_s


@contextmanager
def _readable(folder: Path) -> Iterator[None]:
    """Turn errors in the content of a run's files into one that names the folder.

    Raises:
        OutputError: A file within is not what a run wrote.
    """
    try:
        yield
    except (HistogramError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise OutputError(
            f"{folder} cannot be merged: {error}",
            "was it copied whole? copy the share's folder again, or merge without it: --tolerate-loss 1",
        ) from error


def _scenario_text(folder: Path) -> str:
    try:
        return (folder / SCENARIO).read_text("utf-8", "replace")
    except OSError:
        return ""


# -- a page for each machine ------------------------------------------------------------------------------------------


def _paged(path: Path, kept: Sequence[KeptShare], machine: MachineInfo) -> MachineInfo:
    """Keep the share's own report below the merged run's folder; return the machine with its address."""
    share = next((each for each in kept if each.share.index == machine.share), None)
    if share is None:
        return machine
    beside = f"{MACHINES}/{machine.share}"
    try:
        _keep_page(Path(share.place), path / beside, share.summary)
    except OSError as error:
        print(f"{path / beside} could not be written: {error.strerror or error}.", file=sys.stderr)
        return machine
    return msgspec.structs.replace(machine, page=f"{beside}/{REPORT}")


def _keep_page(source: Path, place: Path, summary: Summary) -> None:
    """Copy a share's report, or make it where its run was killed before it could. Raises ``OSError``."""
    place.mkdir(parents=True)
    shutil.copyfile(source / RUN, place / RUN)
    if (source / REPORT).is_file() and (source / SUMMARY).is_file():
        for name in (REPORT, SUMMARY):
            shutil.copyfile(source / name, place / name)
        return
    for problem in store(place, summary):
        print(problem, file=sys.stderr)
