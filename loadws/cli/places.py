"""Fixed places for a run's results: ``--junit``, ``--summary``, ``--report``, ``--formats-to``, and the link ``latest``.

A CI job posts the file that it finds at a fixed place. So the file of an older run is deleted before anything else is
done, also where the scenario then turns out to be wrong; and a place that cannot be written is reported before the
load.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from loadws.terms.errors import OutputError, UsageError
from loadws.terms.files.whole import replacing, try_to_write_beside, write_whole

#: What a scenario may name a file by.
_WORD = re.compile(r"[^\s'\"{}\[\],:]{1,255}")
_LARGEST_SCENARIO = 1 << 20
#: The file of a run's folder that is copied to a summary's place, by the place's ending.
SUMMARIES = {".md": "summary.md", ".json": "summary.json"}


@dataclass(frozen=True, slots=True)
class Places:
    """The places of copies of a run's files; None where there is no copy."""

    junit: Path | None = None
    summary: Path | None = None
    report: Path | None = None
    folder: Path | None = None
    files: tuple[str, ...] = ()  # which files of a run go into ``folder``
    later: tuple[str, ...] = ()  # which files come into ``folder`` when all else is done

    def formats(self) -> Iterator[str]:
        """Yield the formats without which a place would stay empty."""
        if self.junit is not None:
            yield "junit"
        if self.summary is not None and self.summary.suffix == ".md":
            yield "markdown"
        if self.report is not None:
            yield "html"

    def __bool__(self) -> bool:
        return any(True for _ in self._copies())

    def named(self) -> Iterator[tuple[str, Path]]:
        """Yield each place with the option that names it."""
        return ((option, place) for option, place, _ in self._copies())

    def clear(self) -> None:
        """Delete the files that are there.

        Raises:
            UsageError: A file cannot be written, two are the same, or a summary's ending is unknown.
        """
        if self.summary is not None and self.summary.suffix not in SUMMARIES:
            raise UsageError(
                f"--summary {self.summary}: what it is to be is told by its ending, which is none of these: .md, .json",
                f"write --summary {self.summary.with_suffix('.md')}, or .json",
            )
        if self.folder is not None:
            _make_folder(self.folder)
            for name in self.later:
                clear_place("--formats-to", self.folder / name)
        refuse_same((option, place) for option, place, _ in self._copies())
        for option, place, _ in self._copies():
            clear_place(option, place)

    @contextmanager
    def tidy(self) -> Iterator[None]:
        """Remove the folder of ``--formats-to`` at the end, if it was made within and nothing came into it."""
        made = (
            [] if self.folder is None else [each for each in (self.folder, *self.folder.parents) if not each.exists()]
        )
        try:
            yield
        finally:
            with suppress(OSError):  # the first that is not empty ends it
                for each in made:
                    each.rmdir()

    def fill(self, folder: Path) -> list[str]:
        """Copy the files of a run's folder; return in sentences what could not be copied."""
        import shutil  # of no use to a command line that only asks for help

        problems = []
        for _, place, name in self._copies():
            try:
                with replacing(place) as beside:
                    shutil.copyfile(folder / name, beside)
            except OSError as error:
                problems.append(f"{place} could not be written: {error.strerror or error}.")
        return problems

    def make(self, content: Callable[[str], bytes]) -> list[str]:
        """Write each place with the content that the name of its file stands for; return in sentences what could not be
        written.
        """
        problems = []
        for _, place, name in self._copies():
            try:
                write_whole(place, content(name))
            except OSError as error:
                problems.append(f"{place} could not be written: {error.strerror or error}.")
        return problems

    def _copies(self) -> Iterator[tuple[str, Path, str]]:
        """Yield the option, the place, and the file of the folder to copy there."""
        if self.junit is not None:
            yield "--junit", self.junit, "junit.xml"
        if self.summary is not None:
            yield "--summary", self.summary, SUMMARIES.get(self.summary.suffix, "summary.md")
        if self.report is not None:
            yield "--report", self.report, "report.html"
        if self.folder is not None:
            yield from (("--formats-to", self.folder / name, name) for name in self.files)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"--formats-to {folder}: the folder cannot be made: {error.strerror or error}",
            "name a folder that you may write to",
        ) from error


def refuse_inputs(places: Iterable[tuple[str, Path | None]], scenario: Path) -> None:
    """Check that no place is a file that the scenario is, or names: it would be deleted before it is read.

    Raises:
        UsageError: One is.
    """
    there = [(option, place) for option, place in places if place is not None and place.is_file()]
    if not there or not scenario.is_file():
        return
    named = _files_in(scenario, tuple(place.name for _, place in there))
    for option, place in there:
        if place.resolve() == scenario.resolve():
            raise UsageError(f"{option} {place}: this is the scenario, and would be replaced", "name another file")
        if place.resolve() in named:
            raise UsageError(
                f"{option} {place}: the scenario reads this file, which would be replaced", "name another file"
            )


def _files_in(scenario: Path, names: tuple[str, ...]) -> set[Path]:
    """Return where the files would be that words of a scenario, valid or not, name by these names."""
    with scenario.open("rb") as file:
        text = file.read(_LARGEST_SCENARIO).decode("utf-8", "replace")
    return {(scenario.parent / word).resolve() for word in set(_WORD.findall(text)) if word.endswith(names)}


def refuse_kept(option: str, place: Path | None, sources: Iterable[Path] = ()) -> None:
    """Check that a place is no file of a run's folder, and none of the ``sources`` that the command reads.

    Raises:
        UsageError: It is one.
    """
    if place is None or not place.is_file():
        return
    if (place.parent / "run.json").is_file():
        raise UsageError(f"{option} {place}: this is a file of a run, and would be replaced", "name another file")
    if place.resolve() in {source.resolve() for source in sources}:
        raise UsageError(f"{option} {place}: this is read, and would be replaced", "name another file")


def refuse_same(places: Iterable[tuple[str, Path | None]]) -> None:
    """Check that no two options name the same file.

    Raises:
        UsageError: Two do.
    """
    taken: dict[Path, str] = {}
    for option, place in places:
        if place is None:
            continue
        other = taken.setdefault(place.resolve(), option)
        if other != option:
            raise UsageError(f"{other} and {option} name the same file: {place}", "name two")


def clear_place(option: str, place: Path | None) -> None:
    """Delete the file that is there, and make sure that a new one can be made.

    Raises:
        UsageError: The file cannot be deleted or made, or is a device or a pipe, which would be replaced by a file.
    """
    if place is None:
        return
    refuse_kept(option, place)
    if place.exists() and not (place.is_file() or place.is_dir()):
        raise UsageError(f"{option} {place}: this is a device or a pipe", "name a file")
    if not place.parent.is_dir():
        raise UsageError(f"{option} {place}: there is no folder {place.parent}", "make it first")
    try:
        try_to_write_beside(place)
        place.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(
            f"{option} {place}: cannot be written: {error.strerror or error}", "name a file that you may write"
        ) from error


def write_place(place: Path | None, content: bytes) -> None:
    """Write a file that the command line named; do nothing where it named none.

    Raises:
        OutputError: The file cannot be written.
    """
    if place is None:
        return
    try:
        place.write_bytes(content)
    except OSError as error:
        raise OutputError(
            f"{place} cannot be written: {error.strerror or error}", "name a file that you may write"
        ) from error
