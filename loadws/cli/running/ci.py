"""Tell a CI service what came of a command: lines on stdout, its own files, and files in the run's folder."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from loadws.cli.options import RunOptions
from loadws.cli.screen import OUTPUT
from loadws.metrics.summary import Summary
from loadws.outputs.destinations import to_stdout
from loadws.report.folder import REPORT
from loadws.report.pipelines.bounded import cut
from loadws.report.pipelines.result import Result, result_of_run
from loadws.report.pipelines.services import Ci
from loadws.report.pipelines.tellers import telling_for
from loadws.report.pipelines.telling import Appended, Telling
from loadws.terms.files.whole import replacing, write_whole


def tell_of_run(options: RunOptions, folder: Path, summary: Summary) -> None:
    """Tell the service of a run. Where ``--formats-to`` has copies, those are named to it and get its files too."""
    ci, places = options.ci, options.places
    if ci.service is None:
        return
    copy = None if places.folder is None else places.folder / REPORT
    report = next((path for path in (copy, folder / REPORT) if path is not None and path.exists()), None)
    for path in tell(ci, result_of_run(summary, folder, report), to_stderr=to_stdout(options.outputs)):
        if places.folder is not None:
            _say_problem(_copy(path, places.folder / path.name), places.folder / path.name)


def tell(ci: Ci, result: Result, to_stderr: bool = False) -> list[Path]:
    """Tell the service; return the files that were written for it. What cannot be written is said on stderr.

    ``to_stderr`` keeps stdout free, where live figures go.
    """
    if ci.service is None:
        return []
    OUTPUT.is_of_ci = True
    telling = telling_for(ci.service, result, os.environ)
    sys.stderr.flush()
    for line in telling.lines:
        OUTPUT.command(line, to_stderr)
    for each in telling.appended:
        _say_problem(_append(each), each.path)
    return list(_write(telling))


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
