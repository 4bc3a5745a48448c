"""All runs below a folder: found anew each time, read once, and again only where they changed.

Finding hundreds of runs needs some milliseconds, reading one about two. A look reads at most ``MOST_READ`` of those that are
new, the newest first; the others follow with the next look, and the list says so.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from loadws.report.archive.entry import Entry, read_entry, started_of
from loadws.report.folder import RUN, SLICES, SUMMARY

MOST_READ = 200
#: A folder with more runs is shown in part, with a note.
MOST_RUNS, DEEPEST = 5_000, 8
#: Folders that hold no runs of their own.
_LEFT_OUT = (SLICES,)

Stamp = tuple[int, int]  # of summary.json: its time in nanoseconds and its size; zeros where it is not there


class Look(NamedTuple):
    """The runs as they are now, the newest first. ``unread`` more were found and not read yet; ``too_many`` were not
    looked for. ``state`` is equal for looks that found the same."""

    entries: tuple[Entry, ...]
    unread: int
    too_many: bool
    state: int


class Archive:
    """The runs below ``root``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._read: dict[str, tuple[Stamp, Entry]] = {}

    def look(self, most: int = MOST_READ) -> Look:
        """Return the runs. Blocks for as long as ``most`` summaries need to be read."""
        found = {where: _stamp(self.root / where) for where in _found(self.root)}
        too_many = len(found) > MOST_RUNS
        self._read = {where: kept for where, kept in self._read.items() if found.get(where) == kept[0]}
        missing = sorted((where for where in found if where not in self._read), key=_newest_first, reverse=True)
        for where in missing[:most]:
            self._read[where] = (found[where], read_entry(self.root / where, where))
        entries = sorted((entry for _, entry in self._read.values()), key=_by_time, reverse=True)
        return Look(tuple(entries), len(missing[most:]), too_many, hash(frozenset(found.items())))

    def state(self) -> int:
        """Return a hash that changes when a run is added, changes or is removed. No file is read for it."""
        return hash(frozenset((where, _stamp(self.root / where)) for where in _found(self.root)))


def _newest_first(where: str) -> str:
    return started_of(where) or where


def _by_time(entry: Entry) -> tuple[str, str]:
    return entry.started_at, entry.where


def _found(root: Path) -> Iterator[str]:
    """Yield the paths of run folders below ``root``, with slashes. Links are not followed."""
    count = 0
    for folder, folders, files in os.walk(root):
        inside = Path(folder).relative_to(root)
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in _LEFT_OUT)
        if len(inside.parts) >= DEEPEST:
            folders.clear()
        if inside.parts and (SUMMARY in files or RUN in files):
            count += 1
            if count > MOST_RUNS + 1:
                return
            folders.clear()
            yield inside.as_posix()


def _stamp(folder: Path) -> Stamp:
    try:
        status = (folder / SUMMARY).stat()
    except OSError:
        return (0, 0)
    return (status.st_mtime_ns, status.st_size)
