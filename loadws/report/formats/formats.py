"""The formats of ``--formats``: the name of each, the file that it becomes, and what makes the file.

A new format is a new row of ``FORMATS``. The command line, the run folder and the documentation follow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loadws.terms.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from loadws.report.runreport import RunReport


@dataclass(frozen=True, slots=True)
class Format:
    """One format. ``make`` returns the whole content of ``file``; ``reader`` says what the file is for."""

    file: str
    make: Callable[[RunReport], bytes]
    reader: str


#: Services that show Markdown take a MiB at most.
_MOST_MARKDOWN_BYTES = 900 * 1024

# Each maker imports its module when it is called: the command line needs only the names.


def _html(report: RunReport) -> bytes:
    from loadws.report.html import page

    return page.render(report)


def _junit(report: RunReport) -> bytes:
    from loadws.report import junit

    return junit.render(report.summary) if report.series is None else junit.render_series(report.series)


def _markdown(report: RunReport) -> bytes:
    from loadws.report import markdown
    from loadws.report.pipelines.bounded import cut

    if report.series is None:
        return cut(markdown.render(report.summary), _MOST_MARKDOWN_BYTES).encode()
    from loadws.report.series import told_as_one

    return cut(told_as_one(report.series).markdown, _MOST_MARKDOWN_BYTES).encode()


def _k6(report: RunReport) -> bytes:
    from loadws.report.formats import k6

    return k6.render(report.summary)


def _openmetrics(report: RunReport) -> bytes:
    from loadws.report.formats import openmetrics

    return openmetrics.render(report.summary)


def _ctrf(report: RunReport) -> bytes:
    from loadws.report.formats import ctrf

    return ctrf.render(report.summary) if report.series is None else ctrf.render_series(report.series)


def _locust(report: RunReport) -> bytes:
    from loadws.report.formats import locust

    return locust.render(report.summary)


def _taurus(report: RunReport) -> bytes:
    from loadws.report.formats import taurus

    return taurus.render(report.summary)


FORMATS: dict[str, Format] = {
    "html": Format("report.html", _html, "people: one file that needs no network"),
    "junit": Format("junit.xml", _junit, "build servers: each threshold is a test case"),
    "markdown": Format("summary.md", _markdown, "a comment: the verdict and the main tables"),
    "k6": Format("load-performance.json", _k6, "GitLab's load performance widget: k6's summary export"),
    "openmetrics": Format("metrics.txt", _openmetrics, "GitLab's metrics report, and what reads OpenMetrics"),
    "ctrf": Format("ctrf.json", _ctrf, "test reports in the Common Test Report Format"),
    "locust": Format("stats.csv", _locust, "spreadsheets and trends: the columns of Locust's statistics"),
    "taurus": Format("final-stats.xml", _taurus, "Jenkins' Performance plugin: Taurus' final statistics"),
}
#: The formats that a run writes by default.
DEFAULT = ("html", "junit", "markdown")


@dataclass(frozen=True, slots=True)
class Chosen:
    """The formats that a run writes, each once."""

    names: tuple[str, ...] = DEFAULT

    def __contains__(self, name: str) -> bool:
        return name in self.names

    def including(self, names: Iterable[str]) -> Chosen:
        """Return these formats, and ``names`` where they are not among them."""
        return Chosen(tuple(dict.fromkeys((*self.names, *names))))

    def files(self) -> tuple[str, ...]:
        """Return the names of the files, in the order of the formats."""
        return tuple(FORMATS[name].file for name in self.names)


def parse_formats(text: str) -> Chosen:
    """Return the formats of a list such as ``html,junit``.

    Raises:
        UsageError: A name is no format, or there is none.
    """
    names = [name.strip().lower() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in FORMATS:
            every = f"formats are {', '.join(FORMATS)}"
            raise UsageError(f"there is no format {name!r}", did_you_mean(name, FORMATS) or every)
    if not names:
        raise UsageError("no format is named", f"formats are {', '.join(FORMATS)}")
    return Chosen(tuple(dict.fromkeys(names)))
