"""The run folder: ``<root>/<scenario>/<UTC start>/``, a contract that other programs build on.

It is opened before the load, so that a full disk or a folder without rights is reported then. While the run goes,
``windows.ndjson`` and ``intervals.hlog`` receive each frame as it comes and ``errors.ndjson`` the first thousand
errors: a killed run can be summed up from them. A disk that fills up does not end the run: the files then end at their
last whole frame, and ``finish`` reports that. A file of zeros reserves the room that summary.json and the report will
need.

At the end summary.json is written first, whole or not at all, and everything that derives from it after. The report is
written without its charts, and once more when these are drawn: drawing needs seconds, and much memory.
"""

from __future__ import annotations

import errno
import os
import re
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from loadws.metrics.frame import ErrorSample, Frame, LogLine
from loadws.metrics.histograms import hlog
from loadws.metrics.runinfo import EarlyEnd, Ending, RunInfo
from loadws.metrics.summary import Summary, from_json, to_json
from loadws.report.course.course import course_of
from loadws.report.formats.formats import FORMATS, Chosen
from loadws.report.runreport import RunReport
from loadws.terms.errors import OutputError
from loadws.terms.files.whole import replacing, write_whole

if TYPE_CHECKING:
    from loadws.report.drawing.draw import Artist
    from loadws.report.drawing.drawing import Drawing

SUMMARY, RUN, SCENARIO = "summary.json", "run.json", "scenario.yaml"
WINDOWS, INTERVALS, ERRORS, LATEST = "windows.ndjson", "intervals.hlog", "errors.ndjson", "latest"
REPORT = "report.html"
#: The folder of short loads that are no runs of their own but parts of a comparison or a search.
SLICES = "slices"
#: The folder of the machines' own pages, inside the folder of a run that several machines made.
MACHINES = "machines"
MOST_ERRORS = MOST_LOGS = 1_000
_LINES_AT_ONCE = 200
RESERVED_BYTES = 2 * 2**20
_RESERVE = ".reserve"
#: What a run lacks where a file of it ends early.
_WITHOUT = {
    WINDOWS: "All figures of the run are complete; what happened, errors over time and the log end with that file.",
    INTERVALS: "All figures of the run are complete; `loadws report` could not make them again from that file.",
    ERRORS: "All errors are counted; those that came later are not kept whole.",
}
_HAS_LOGS = b'"logs":[{'
_ENDING_BEGINS = b'{"ended_at_s":'
_DEFAULT = Chosen()

_ADVICE = {
    errno.ENOSPC: "free some space, or choose another folder with --out",
    errno.EDQUOT: "your quota is used up: free some space, or choose another folder with --out",
    errno.EACCES: "choose a folder that you may write to with --out",
    errno.EPERM: "choose a folder that you may write to with --out",
    errno.EROFS: "this file system is read-only: choose another folder with --out",
    errno.EEXIST: "a file of that name is in the way: move it, or choose another folder with --out",
    errno.ENOTDIR: "a file is in the way of a folder: move it, or choose another folder with --out",
    errno.ENAMETOOLONG: "give the scenario a shorter name, or choose another folder with --out",
}


class RunFolder:
    """The output that keeps a run: its folder while it is being filled."""

    def __init__(self, path: Path, started_at: datetime, formats: Chosen = _DEFAULT) -> None:
        """Open the files in ``path``, which exists and is empty. Raises ``OSError``."""
        self.path = path
        self._formats = formats
        _reserve(path / _RESERVE)
        self._windows = _Journal(path / WINDOWS)
        self._intervals = _Journal(path / INTERVALS)
        self._errors = _Journal(path / ERRORS)
        self._errors_kept = 0
        self._errors_left_out: Counter[str] = Counter()
        self._is_frame_lost = False
        self._intervals.write(hlog.header(started_at.isoformat()).encode())

    @classmethod
    def create(
        cls, root: Path, scenario: str, started_at: datetime, mark: str = "", formats: Chosen = _DEFAULT
    ) -> RunFolder:
        """Make a folder named after ``started_at``, which is UTC, and ``mark``. ``formats`` are written into it at the
        end.

        Raises:
            OutputError: The folder or a file in it cannot be made, or the disk is full.
        """
        try:
            path = new_folder(root / slug(scenario), f"{started_at:%Y%m%dT%H%M%SZ}{mark}")
            folder = cls(path, started_at, formats)
        except OSError as error:
            failed = _output_error(error, f"the run folder cannot be made below {root}")
            raise failed from error
        _point_latest_to(path)  # it also finds a killed run; of several runs, it names the last to end
        return folder

    def begin(self, info: RunInfo) -> None:
        """Write ``run.json``. Raises ``OutputError``."""
        self._write_before_load(RUN, msgspec.json.format(msgspec.json.encode(info), indent=1) + b"\n")

    def write_scenario(self, masked_text: str) -> None:
        """Write ``scenario.yaml``, before the load: the scenario without its secrets. Raises ``OutputError``."""
        self._write_before_load(SCENARIO, masked_text.encode("utf-8", "replace"))

    def adding(self, frame: Frame) -> Generator[None, None, EarlyEnd | None]:
        """Append a frame, which is one second of one process, to the run's files. Never raises ``OSError``: a run goes on
        without its files.
        """
        if not self._windows.error and not self._intervals.error:
            json_line, hlog_lines = yield from hlog.split(frame)
            for start in range(0, len(hlog_lines), _LINES_AT_ONCE):
                self._intervals.write("".join(hlog_lines[start : start + _LINES_AT_ONCE]).encode())
                yield
            self._windows.write(json_line)
        self._is_frame_lost |= bool(self._windows.error or self._intervals.error)
        for error in frame.errors:
            self._add_error(error)
        yield
        return None

    def end(self, ending: Ending) -> Ending:
        """Append how the run ended, as the last line of ``windows.ndjson``; return it with a note for each short file."""
        if self._errors_left_out:
            self._errors.write(msgspec.json.encode({"left_out": self._errors_left_out}) + b"\n")
        ending = self._noted(ending)
        if not self._intervals.error:
            self._windows.write(msgspec.json.encode(ending) + b"\n")
        return self._noted(ending)  # that line may have found the disk full

    def short(self) -> dict[str, str]:
        """Return the files that could not be written to their end so far, each with the reason.

        Frames are kept in two files: where one of them is full, the other ends at the same frame.
        """
        frames = self._windows.error or self._intervals.error
        found = {WINDOWS: frames, INTERVALS: frames if self._is_frame_lost else None, ERRORS: self._errors.error}
        return {name: _reason(error) for name, error in found.items() if error}

    def _noted(self, ending: Ending) -> Ending:
        """Return the ending with a note for each file that is short so far and has none."""
        notes = [
            f"{name} in the run's folder ends early: {reason}. {_WITHOUT[name]}"
            for name, reason in self.short().items()
        ]
        return msgspec.structs.replace(ending, notes=tuple(dict.fromkeys((*ending.notes, *notes))))

    def finish(self, summary: Summary) -> list[str]:
        """Write everything else; return what could not be written, in sentences. Never raises ``OSError``."""
        problems = [f"{self.path / name} ends early: {reason}." for name, reason in self.short().items()]
        self.close()
        return [*problems, *store(self.path, summary, self._formats), *_point_latest_to(self.path)]

    def close(self) -> None:
        for journal in (self._windows, self._intervals, self._errors):
            journal.close()

    def _write_before_load(self, name: str, content: bytes) -> None:
        try:
            write_whole(self.path / name, content)
        except OSError as error:
            raise _output_error(error, f"{self.path / name} cannot be written") from error

    def _add_error(self, error: ErrorSample) -> None:
        if self._errors_kept == MOST_ERRORS:
            self._errors_left_out[error.kind] += 1
            return
        self._errors_kept += 1
        self._errors.write(msgspec.json.encode(error) + b"\n")


class _Journal:
    """A file that grows by whole lines until one cannot be written; from then on lines are dropped.

    The part of a line that was written last is taken away again.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("xb", buffering=0)
        self.error: OSError | None = None
        self._size = 0

    def write(self, lines: bytes) -> None:
        left = memoryview(lines)
        try:
            while left and not self.error:
                left = left[self._file.write(left) :]
        except OSError as error:
            self.error = error
            with suppress(OSError):
                self._file.truncate(self._size)
        else:
            self._size += len(lines) if not self.error else 0

    def close(self) -> None:
        with suppress(OSError):
            self._file.close()


# --- writing -------------------------------------------------------------------------------------------------------------


def store(path: Path, summary: Summary, formats: Chosen = _DEFAULT) -> list[str]:
    """Write summary.json into a run folder, then what derives from it; return what went wrong, in sentences."""
    with suppress(OSError):
        (path / _RESERVE).unlink()
    try:
        write_whole(path / SUMMARY, to_json(summary))
        report = read_run(path)
    except OSError as error:
        problem = f"{path / SUMMARY} could not be written: {_reason(error)}."
    except OutputError as defect:  # what we have just written is not what we read: the rest is written all the same
        problem = f"{defect}. This is a defect of loadws."
    else:
        return derive(path, report, formats)
    return [problem, *derive(path, _around(path, summary), formats)]


def derive(path: Path, report: RunReport, formats: Chosen = _DEFAULT) -> list[str]:
    """Write the files of these formats, each for itself; return what went wrong, in sentences.

    The report has no charts yet: see ``draw``.
    """
    wanted = [FORMATS[name] for name in formats.names]
    return [problem for each in wanted if (problem := _made(path / each.file, partial(each.make, report)))]


def draw(path: Path, summary: Summary, artist: Artist) -> list[str]:
    """Write the report of a run folder again, with its charts; return what is missing, in sentences. This needs
    seconds.
    """
    report = _around(path, summary)
    drawing = artist.draw(summary, path, report.course)
    problems = write_page(path, summary, drawing, report=report)
    return [sentence for sentence in (drawing.problem, *problems) if sentence]


def write_page(
    path: Path,
    summary: Summary,
    drawing: Drawing,
    beside: bool = False,
    slim: bool = False,
    report: RunReport | None = None,
) -> list[str]:
    """Write the report of a run folder with these charts; return what could not be written, in sentences.

    ``beside`` writes its style and its script next to it, ``slim`` leaves the script out. ``report`` is what the folder
    holds, where that was read already: to read hours of a run needs seconds.
    """
    from loadws.report.html import page

    assets = page.Assets(beside, slim)
    files: dict[str, Callable[[], bytes]] = {
        REPORT: lambda: page.render(report or _around(path, summary), drawing, assets)
    }
    if beside:
        files["report.css"] = lambda: page.css().encode()
    if beside and not slim:
        files["report.js"] = lambda: page.javascript().encode()
    return [problem for name, make in files.items() if (problem := _made(path / name, make))]


def _made(path: Path, make: Callable[[], bytes]) -> str:
    try:
        write_whole(path, make())
    except OSError as error:
        return f"{path} could not be written: {_reason(error)}."
    except Exception as defect:  # a report that fails must not take the others, or the verdict, with it
        return f"{path} could not be made: {type(defect).__name__}: {defect}. This is a defect of loadws."
    return ""


def _reserve(path: Path) -> None:
    """Take room on the disk, which is given back at the end. Zeros are written, because a hole reserves nothing.

    Raises:
        OSError: The disk has not that much room; what was written has been deleted.
    """
    try:
        with path.open("xb") as file:
            file.write(bytes(RESERVED_BYTES))
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        with suppress(OSError):  # what was written has filled the disk
            path.unlink()
            path.parent.rmdir()
        raise


def slug(scenario: str) -> str:
    """Return a scenario's name as a folder's name: letters, digits, dots and dashes, at most 80."""
    return re.sub(r"[^\w.-]+", "-", scenario).strip(".-")[:80] or "scenario"


def new_folder(parent: Path, name: str) -> Path:
    """Make the first folder of ``name``, ``name-2``, ``name-3`` … that is not there yet, and return its path.

    Raises:
        OSError: The folder cannot be made.
    """
    parent.mkdir(parents=True, exist_ok=True)
    number = 1
    while True:
        path = parent / (name if number == 1 else f"{name}-{number}")
        with suppress(FileExistsError):
            path.mkdir()
            return path
        number += 1


def _point_latest_to(path: Path) -> list[str]:
    """Point ``latest`` beside the run folder to it: a link, or a file with its name where the system has no links."""
    link = path.parent / LATEST
    try:
        with replacing(link) as beside:
            try:
                beside.symlink_to(path.name, target_is_directory=True)
            except (NotImplementedError, PermissionError):
                beside.write_text(path.name, "utf-8")
    except OSError as error:
        return [f"{link} could not be pointed to this run: {_reason(error)}."]
    return []


def forget_latest(root: Path, scenario: str) -> None:
    """Remove ``latest`` of a scenario: it names an older run, and another one begins. Raises nothing."""
    with suppress(OSError):
        (root / slug(scenario) / LATEST).unlink()


def _reason(error: OSError | None) -> str:
    return (error.strerror or str(error)) if error else ""


def _output_error(error: OSError, message: str) -> OutputError:
    return OutputError(
        f"{message}: {_reason(error)}", _ADVICE.get(error.errno or 0, "choose another folder with --out")
    )


# --- reading -------------------------------------------------------------------------------------------------------------


def find_run(path: Path) -> Path:
    """Return the run folder of a path: the path itself, the folder of a summary.json, or that which ``latest`` in a
    scenario's folder names.

    Raises:
        OutputError: There is no run.
    """
    if path.name in (SUMMARY, RUN) and path.is_file():
        path = path.parent
    latest = path / LATEST
    if not (path / RUN).exists() and not (path / SUMMARY).exists() and os.path.lexists(latest):
        path = path / latest.read_text("utf-8").strip() if latest.is_file() else latest
    if not path.exists():
        raise OutputError(f"there is no run at {path}", "name a run folder, as the run printed it")
    if not (path / RUN).exists() and not (path / SUMMARY).exists():
        raise OutputError(f"{path} is no run folder: it has neither run.json nor summary.json",
                          "name a run folder, as the run printed it: reports/<scenario>/<start>")  # fmt: skip
    return path


def read_run(path: Path) -> RunReport:
    """Read a finished run. ``path`` is what ``find_run`` accepts.

    Raises:
        OutputError: There is no run, or its summary cannot be read.
    """
    folder = find_run(path)
    try:
        content = (folder / SUMMARY).read_bytes()
    except FileNotFoundError as error:
        raise OutputError(
            f"{folder} has no summary.json: its run did not end", "`loadws report` rebuilds it"
        ) from error
    except OSError as error:
        failed = _output_error(error, f"{folder / SUMMARY} cannot be read")
        raise failed from error
    try:
        return _around(folder, from_json(content))
    except msgspec.DecodeError as error:
        raise OutputError(
            f"{folder / SUMMARY} is no summary that this version knows: {error}",
            "was it made by a newer loadws, or cut off? `loadws report` of the folder without it rebuilds it",
        ) from error


def read_info(folder: Path) -> RunInfo:
    """Return the content of ``run.json``.

    Raises:
        OutputError: The file cannot be read, or does not describe a run.
    """
    try:
        return msgspec.json.decode((folder / RUN).read_bytes(), type=RunInfo)
    except OSError as error:
        failed = _output_error(error, f"{folder / RUN} cannot be read")
        raise failed from error
    except msgspec.DecodeError as error:
        raise OutputError(f"{folder / RUN} does not describe a run: {error}") from error


def read_frames(path: Path) -> tuple[RunInfo, Iterator[Frame], Ending | None]:
    """Return what a summary can be rebuilt from: the frames up to the last whole one. The ending of a killed run is
    None.

    Raises:
        OutputError: There is no run, or it cannot be read. The iterator raises ``HistogramError`` if the files do not
            belong together.
    """
    folder = find_run(path)
    info = read_info(folder)
    for name in (WINDOWS, INTERVALS):
        if not (folder / name).is_file():
            raise OutputError(f"{folder} has no {name}: nothing of this run was kept")
    ending = next((line for line in _lines(folder / WINDOWS) if line.startswith(_ENDING_BEGINS)), None)
    return info, _frames(folder), msgspec.json.decode(ending, type=Ending) if ending else None


def seconds_in(folder: Path) -> int:
    """Return about how many frames a run folder keeps: the lines of its windows."""
    return sum(1 for _ in _lines(folder / WINDOWS))


def _frames(folder: Path) -> Iterator[Frame]:
    with (
        (folder / WINDOWS).open("rb") as windows,
        (folder / INTERVALS).open(encoding="utf-8", newline="\n") as intervals,
    ):
        yield from hlog.join((line for line in windows if not line.startswith(_ENDING_BEGINS)), intervals)


def _around(folder: Path, summary: Summary) -> RunReport:
    """Return a report: a summary, and what the other files of its folder hold."""
    try:
        info = read_info(folder)
    except OutputError:
        info = None
    try:
        scenario = (folder / SCENARIO).read_text("utf-8", "replace")
    except OSError:
        scenario = ""
    errors = tuple(islice(_error_samples(folder / ERRORS), MOST_ERRORS))
    logs: list[LogLine] = []
    series = summary.series
    windows = _keeping_logs(_lines(folder / WINDOWS), logs)  # one look: the file of hours has hundreds of megabytes
    course = course_of(windows, series.interval_s, len(series.start_s))
    return RunReport(summary, info, errors, scenario, tuple(logs[:MOST_LOGS]), course)


class _Said(msgspec.Struct):
    """The part of a frame that has its users' log lines."""

    logs: tuple[LogLine, ...] = ()


def _keeping_logs(windows: Iterable[bytes], logs: list[LogLine]) -> Iterator[bytes]:
    """Yield the lines, and add what users logged in them, until there is enough of it."""
    for line in windows:
        if len(logs) < MOST_LOGS and _HAS_LOGS in line:
            with suppress(msgspec.DecodeError):
                logs += msgspec.json.decode(line, type=_Said).logs
        yield line


def _error_samples(errors: Path) -> Iterator[ErrorSample]:
    for line in _lines(errors):
        with suppress(msgspec.DecodeError):  # the counts of those left out
            yield msgspec.json.decode(line, type=ErrorSample)


def _lines(path: Path) -> Iterator[bytes]:
    """Yield the whole lines of a file; none where the file does not exist."""
    with suppress(OSError), path.open("rb") as file:
        yield from (line for line in file if line.endswith(b"\n"))
