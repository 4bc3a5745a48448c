"""Find the baseline of ``loadws run``, and save one.

A NAME is a file ``baselines/<scenario>/<NAME>.json`` below the working directory, to be committed or cached; a word
with a separator or the ending ``.json`` is a path. A missing file means that there is no baseline, which is not an
error: the first run has none.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from loadws.cli.comparing.sources import is_baseline, matching, read_baseline, runs_at
from loadws.gate.comparing.runs import MeasuredRun
from loadws.metrics.baseline import baseline_of, to_json
from loadws.metrics.summary import Summary
from loadws.report.folder import slug
from loadws.terms.errors import OutputError, UsageError
from loadws.terms.files.whole import try_to_write_beside, write_whole
from loadws.terms.units import format_duration

FOLDER = Path("baselines")
_ENDING = ".json"


class Found(msgspec.Struct, frozen=True):
    """A baseline's runs; ``about`` is a sentence on where it is and how old it is."""

    runs: tuple[MeasuredRun, ...]
    about: str


def place_of(name: str, scenario: str) -> Path:
    """Return the file of a saved baseline, by its name or its path."""
    if name.endswith(_ENDING) or os.sep in name or "/" in name:
        return Path(name)
    return FOLDER / slug(scenario) / f"{name}{_ENDING}"


def find_baseline(name: str, scenario: str) -> Found | None:
    """Return the baseline that a run, a glob or a name means; None where there is none.

    Raises ``SourceError`` for an existing one that cannot be read.
    """
    saved = place_of(name, scenario)
    paths = list(matching(name)) or ([saved] if saved.is_file() else [])
    if not paths:
        return None
    runs = [run for path in paths for run in runs_at(path, "baseline")]
    return Found(tuple(runs), _about(paths, runs))


def _about(paths: Sequence[Path], runs: Sequence[MeasuredRun]) -> str:
    first = paths[0]
    since = read_baseline(first, "baseline").saved_at if is_baseline(first) else runs[0].summary.run.started_at
    more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    count = f"{len(runs)} run{'' if len(runs) == 1 else 's'}"
    return f"{first}{more}: {count}, {_age(since)} old"


def _age(since: str) -> str:
    try:
        seconds = (datetime.now(UTC) - datetime.fromisoformat(since.replace("Z", "+00:00"))).total_seconds()
    except ValueError:
        return "of unknown age, so probably"
    days = int(seconds // 86_400)
    return f"{days} day{'' if days == 1 else 's'}" if days else format_duration(max(0.0, seconds) * 1e9)


def check_place(place: Path) -> None:
    """Check before the load that a baseline can be saved there, and would replace nothing but a baseline.

    Folders that are lacking are made for the trial, and removed again: the runs may not pass.

    Raises:
        UsageError: The file cannot be written, or there is something else.
    """
    option = f"--save-baseline {place}"
    try:
        _refuse_other(option, place)
        _try(place)
    except OSError as error:
        raise UsageError(
            f"{option}: cannot be written: {error.strerror or error}", "name a file that you may write"
        ) from error


def _refuse_other(option: str, place: Path) -> None:
    """Check that what is at the place, if anything, is a baseline. A pipe is not read: that might wait for ever.

    Raises:
        UsageError: It is something else.
        OSError: The place cannot be looked at.
    """
    if place.is_dir():
        raise UsageError(f"{option}: this is a folder", "name a file in it")
    if place.exists() and not (place.is_file() and is_baseline(place)):
        raise UsageError(f"{option}: this file is no baseline, and would be replaced", "name another file")


def _try(place: Path) -> None:
    """Make a file beside the place, and the folders that are lacking, and remove them. Raises ``OSError``."""
    lacking = [each for each in place.parents if not os.path.lexists(each)]
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        try_to_write_beside(place)
    finally:
        with suppress(OSError):  # the first that is not there, or not empty, ends it
            for each in lacking:
                each.rmdir()


def save_baseline(name: str, scenario: str, runs: Sequence[Summary], saved_at: str) -> Path:
    """Write the baseline whole or not at all, and return its path.

    Raises:
        OutputError: The file cannot be written.
    """
    place = place_of(name, scenario)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        write_whole(place, to_json(baseline_of(place.stem, saved_at, runs)))
    except OSError as error:
        raise OutputError(
            f"the baseline {place} cannot be written: {error.strerror or error}", "name a file that you may write"
        ) from error
    return place
