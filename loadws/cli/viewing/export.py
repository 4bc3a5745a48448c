"""``loadws view --export``: the archive as static pages, for a store of artefacts."""

from __future__ import annotations

import shutil
from itertools import islice
from pathlib import Path

from loadws.cli.progress import Progress
from loadws.cli.viewing.whole_runs import comparison_page, history_page
from loadws.report.archive.archive import MOST_RUNS, Archive
from loadws.report.archive.entry import Entry
from loadws.report.archive.listing import Filter
from loadws.report.archive.page import Site, css, javascript, list_page
from loadws.report.folder import REPORT
from loadws.report.html import page as report_page
from loadws.terms.errors import LoadwsError, OutputError, UsageError
from loadws.terms.files.whole import write_whole

#: What of a run goes along: its report, and what lies beside it.
_FILES = (REPORT, "report.css", "report.js", "summary.json", "junit.xml", "summary.md")


def export(root: Path, to: Path) -> int:
    """Write the list, the history, comparisons and reports to a folder; return how many runs it shows.

    Raises:
        OutputError: A file cannot be written.
        UsageError: The folder lies among the runs, or the runs in it.
    """
    if to.resolve().is_relative_to(root.resolve()) or root.resolve().is_relative_to(to.resolve()):
        raise UsageError(f"{to} and {root} lie in one another", "export to a folder beside the runs")
    look = Archive(root).look(MOST_RUNS)
    try:
        with Progress("copying reports", len(look.entries)) as progress:
            for entry in look.entries:
                _copy(root / entry.where, to / "runs" / entry.where)
                progress.advance()
        compared = _comparisons(root, look.entries, to)
        site = Site(root.name or "reports", is_served=False, compared=compared)
        pages = {
            "index.html": list_page(look, site, Filter()),
            "history.html": history_page(root, look.entries, index="index.html"),
            "archive.css": css().encode(),
            "archive.js": javascript().encode(),
            "report.css": report_page.css().encode(),
            "report.js": report_page.javascript().encode(),
        }
        for name, content in pages.items():
            write_whole(to / name, content)
    except OSError as error:
        raise OutputError(
            f"{error.filename or to} cannot be written: {error.strerror or error}",
            "choose another folder with --export",
        ) from error
    return len(look.entries)


def _copy(folder: Path, to: Path) -> None:
    """Copy the files of a run that people look at. Links are followed only to files of the run itself."""
    to.mkdir(parents=True, exist_ok=True)
    for name in _FILES:
        file = folder / name
        if file.is_file() and not file.is_symlink():
            shutil.copyfile(file, to / name)


def _comparisons(root: Path, entries: tuple[Entry, ...], to: Path) -> frozenset[str]:
    """Compare the newest run of each scenario with the one before; return the scenarios where that was possible."""
    compared = set()
    for scenario in dict.fromkeys(entry.scenario for entry in entries):
        pair = list(islice((entry for entry in entries if entry.scenario == scenario), 2))
        if len(pair) < 2 or any(entry.problem for entry in pair):
            continue
        try:
            page = comparison_page(root, pair, "../", "index.html")
        except LoadwsError:
            continue  # other plans, for example: there is nothing to compare
        (to / "compare").mkdir(parents=True, exist_ok=True)
        write_whole(to / "compare" / f"{pair[0].where.replace('/', '_')}.html", page)
        compared.add(scenario)
    return frozenset(compared)
