"""Find the runs that the command line names as one side of a comparison: run folders, summary files, saved baselines,
globs.

Everything is read and checked before the comparison. A mistake is an error with its place (exit code 2).
"""

from __future__ import annotations

import glob
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

import msgspec

from loadws.gate.comparing.runs import MeasuredRun
from loadws.metrics import baseline, summary
from loadws.metrics.frame import Frame
from loadws.metrics.histograms.histogram import HistogramError
from loadws.report.folder import INTERVALS, RUN, SUMMARY, WINDOWS, find_run, read_frames
from loadws.terms.errors import LoadwsError

_NAME_RUNS = "name run folders (reports/<scenario>/<start>), their summary.json, saved baselines, or a glob of these"


class SourceError(LoadwsError):
    """A side of a comparison that cannot be read."""


def runs_of(names: Sequence[str], side: str) -> list[MeasuredRun]:
    """Return the runs that the names mean, each once, also where ``latest`` and a folder are the same run.

    A run that counted twice would make a comparison look surer than it is.

    Raises:
        SourceError: A name means no run, or a run cannot be read.
    """
    if not names:
        raise SourceError(f"there is no {side}", "write: loadws compare BASELINE… -- CANDIDATE…")
    found: dict[Path, MeasuredRun] = {}
    for name in names:
        paths = list(matching(name))
        if not paths:
            raise SourceError(f"{side}: nothing is at {name}", _NAME_RUNS)
        for path in paths:
            for run in runs_at(path, side):
                found.setdefault(Path(run.name).resolve(), run)
    return list(found.values())


def matching(name: str) -> Iterator[Path]:
    """Yield the paths that a name or a glob means, in order, each once: a glob also finds the newest run as ``latest``.

    Raises:
        SourceError: The name cannot be one of a file: it is too long, or not readable here.
    """
    try:
        is_there = Path(name).exists()
    except OSError as error:
        raise SourceError(f"{name} cannot be read: {error.strerror or error}", _NAME_RUNS) from error
    if is_there:
        yield Path(name)
    elif glob.has_magic(name):
        found = sorted(glob.glob(name, recursive=True))  # noqa: PTH207 - Path.glob knows no pattern from the root
        once: dict[Path, Path] = {}
        for each in map(Path, found):
            once.setdefault(each.resolve(), each)
        yield from once.values()


def runs_at(path: Path, side: str) -> list[MeasuredRun]:
    """Return the runs at a path: one, or those of a saved baseline.

    Raises:
        SourceError: There is no run, it did not end, or it cannot be read.
    """
    if path.is_file() and path.name not in (SUMMARY, RUN):
        return _of_file(path, side)
    try:
        folder = find_run(path)
    except LoadwsError as error:
        raise SourceError(f"{side}: {error}", error.advice or _NAME_RUNS) from error
    if not (folder / SUMMARY).is_file():
        raise SourceError(
            f"{side}: {folder} has no summary.json: its run did not end", f"`loadws report {folder}` rebuilds it"
        )
    frames = partial(_frames, folder, side) if (folder / WINDOWS).is_file() and (folder / INTERVALS).is_file() else None
    return [MeasuredRun(str(folder), _summary(folder / SUMMARY, side), frames)]


def _of_file(path: Path, side: str) -> list[MeasuredRun]:
    """Return the run of a summary under another name, or those of a saved baseline."""
    if not is_baseline(path):
        return [MeasuredRun(str(path), _summary(path, side))]
    saved = read_baseline(path, side)
    return [MeasuredRun(f"{path}#{number}", run) for number, run in enumerate(saved.runs, 1)]


def is_baseline(path: Path) -> bool:
    """Return whether a file begins as a saved baseline does."""
    try:
        with path.open("rb") as file:
            return file.read(64).lstrip().startswith(b'{"baseline_version"')
    except OSError:
        return False


def read_baseline(path: Path, side: str) -> baseline.Baseline:
    """Return a saved baseline.

    Raises:
        SourceError: The file cannot be read, is incomplete, or is of a newer version.
    """
    try:
        return baseline.from_json(path.read_bytes())
    except OSError as error:
        raise SourceError(f"{side}: {path} cannot be read: {error.strerror or error}") from error
    except msgspec.DecodeError as error:
        raise SourceError(
            f"{side}: {path} is no baseline that this version knows: {error}",
            "was it cut off, or saved by a newer loadws? save it again with `loadws run --save-baseline`",
        ) from error


def _summary(path: Path, side: str) -> summary.Summary:
    try:
        return summary.from_json(path.read_bytes())
    except OSError as error:
        raise SourceError(f"{side}: {path} cannot be read: {error.strerror or error}", _NAME_RUNS) from error
    except msgspec.DecodeError as error:
        raise SourceError(
            f"{side}: {path} is no summary that this version knows: {error}",
            "was it made by a newer loadws, or cut off? `loadws report` of its folder without it rebuilds it",
        ) from error


def _frames(folder: Path, side: str) -> Iterable[Frame]:
    """Yield the frames of a run.

    Raises:
        SourceError: The folder's files do not belong together.
    """
    try:
        yield from read_frames(folder)[1]
    except HistogramError as error:
        raise SourceError(
            f"{side}: {folder} is torn: {error}", "compare its summary.json under another name, or run it again"
        ) from error
