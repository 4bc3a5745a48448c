"""What pytest loads in every session where loadws is installed: the fixture ``loadws``, an option, a section of the report.

Nothing of loadws but this file is imported before a test uses the fixture, so that a session without one costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from loadws.pytest_plugin import PROPERTY

if TYPE_CHECKING:
    from loadws.pytest_plugin.loads import Loads


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--loadws-out``."""
    parser.getgroup("loadws").addoption(
        "--loadws-out",
        metavar="DIR",
        type=Path,
        help="Keep the folders of runs of loadws here. By default they are in pytest's temporary folder.",
    )


@pytest.fixture
def loadws(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Loads:
    """Make runs: ``summary = loadws("scenario.yaml", target=…, rules=[…])``. A check that does not hold fails the test."""
    from loadws.pytest_plugin.loads import Loads

    kept: Path | None = request.config.getoption("--loadws-out")
    return Loads(request.node, kept or tmp_path_factory.mktemp("loadws"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the result of each run, in a section of its own."""
    lines = list(_lines(terminalreporter))
    if lines:
        terminalreporter.section("loadws")
        for line in lines:
            terminalreporter.line(line)


def _lines(terminalreporter: pytest.TerminalReporter) -> Iterator[str]:
    """Yield one line for each run. A test has a report for each of its phases, and its properties are in several."""
    seen = set()
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, value in getattr(report, "user_properties", ()):
                if name == PROPERTY and (report.nodeid, value) not in seen:
                    seen.add((report.nodeid, value))
                    yield f"{report.nodeid}: {value}"
