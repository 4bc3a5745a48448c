"""Reads a scenario, with a bar on the terminal while a large data file of it is read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from loadws.scenario.build import Loaded, Overrides, load_scenario
from loadws.scenario.data.rows import READING

if TYPE_CHECKING:
    from loadws.cli.progress import Progress

_MB = 1_000_000


def load_shown(path: Path, overrides: Overrides | None = None) -> Loaded:
    """Return the scenario of a file, as ``load_scenario`` does. Raises what that raises."""
    with _Bars() as bars:
        asked = READING.set(bars.tell)
        try:
            return load_scenario(path, overrides)
        finally:
            READING.reset(asked)


class _Bars:
    """One bar for each file, one after the other."""

    def __init__(self) -> None:
        self._file: Path | None = None
        self._bar: Progress | None = None
        self._megabytes = 0

    def __enter__(self) -> _Bars:
        return self

    def __exit__(self, *_exc: object) -> None:
        if self._bar is not None:
            self._bar.__exit__(None, None, None)

    def tell(self, file: Path, read: int, whole: int) -> None:
        """Show how far a file is read, in bytes."""
        if file != self._file or self._bar is None:
            from loadws.cli.progress import Progress  # here, as few scenarios have a file that is long to read

            self.__exit__()
            self._file, self._megabytes = file, 0
            self._bar = Progress(f"reading {file.name}, MB", whole // _MB)
        self._bar.advance(read // _MB - self._megabytes)
        self._megabytes = read // _MB
