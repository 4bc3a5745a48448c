"""Report the result of a command to a CI service: lines on stdout, its own files, and files in the run's folder.

What makes these texts is imported when there is a result: a run imports this before its load.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from loadws.cli.screen import OUTPUT
from loadws.metrics.summary import Summary
from loadws.report.folder import REPORT
from loadws.report.pipelines.bounded import cut
from loadws.report.pipelines.services import Ci
from loadws.terms.errors import LoadwsError
from loadws.terms.files.whole import replacing, write_whole

if TYPE_CHECKING:
    from loadws.report.pipelines.result import Result
    from loadws.report.pipelines.telling import Appended, Telling


@contextmanager
def told_errors(ci: Ci, title: str) -> Iterator[None]:
    """Tell the service of every error raised within, before it ends the command.

    What is printed within cannot be taken for a command to the service.

    Raises:
        LoadwsError: That of the code within.
    """
    OUTPUT.is_of_ci = OUTPUT.is_of_ci or ci.service is not None
    try:
        yield
    except LoadwsError as error:
        from loadws.report.pipelines.refused import result_of_error

        told = result_of_error(title, error.exit_code, f"{error}\n{error.advice}", error.files)
        tell(ci, told, to_stderr=True)
        error.is_told = True
        raise


def told_of_run(folder: Path, summary: Summary, copies: Path | None = None) -> Result:
    """Return a run as a result for a service. The report is the one in ``copies``, if it is there."""
    from loadws.report.pipelines.result import result_of_run

    places = [each / REPORT for each in (copies, folder) if each is not None]
    return result_of_run(summary, folder, next((path for path in places if path.exists()), None))


def tell(ci: Ci, result: Result, copies: Path | None = None, to_stderr: bool = False) -> None:
    """Report to the service; its own files go into ``copies`` too. A failure to write is reported on stderr.

    ``to_stderr`` keeps stdout free, where live figures go.
    """
    if ci.service is None:
        return
    from loadws.report.pipelines.tellers import telling_for

    OUTPUT.is_of_ci = True
    telling = telling_for(ci.service, result, os.environ)
    sys.stderr.flush()
    for line in telling.lines:
        OUTPUT.command(line, to_stderr)
    for each in telling.appended:
        _say_problem(_append(each), each.path)
    for path in _write(telling):
        if copies is not None:
            _say_problem(_copy(path, copies / path.name), copies / path.name)


def _write(telling: Telling) -> Iterator[Path]:
    for path, content in telling.written.items():
        try:
            write_whole(path, content)
        except OSError as error:
            _say_problem(error, path)
        else:
            yield path


def _append(each: Appended) -> OSError | None:
    """Append what there is room for; return what went wrong."""
    try:
        there = each.path.stat().st_size if each.path.exists() else 0
        with each.path.open("ab") as file:
            file.write(cut(each.text, each.most - there).encode("utf-8", "replace"))
    except OSError as error:
        return error
    return None


def _copy(path: Path, place: Path) -> OSError | None:
    try:
        with replacing(place) as beside:
            shutil.copyfile(path, beside)
    except OSError as error:
        return error
    return None


def _say_problem(error: OSError | None, path: Path) -> None:
    if error is not None:
        print(f"{path} could not be written: {error.strerror or error}.", file=sys.stderr)
