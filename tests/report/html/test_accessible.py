"""axe-core finds nothing on a page of any kind, light and dark, wide and narrow. npm fetches it where it can."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import msgspec
import pytest

from loadws.gate.comparing.history import history_of
from loadws.gate.comparing.rules import defaults_of
from loadws.gate.comparing.runs import compare_sides
from loadws.metrics.runinfo import MachineInfo
from loadws.metrics.summary import Outcome
from loadws.report.comparing.comparison_page import comparison_page
from loadws.report.comparing.history import render_page
from loadws.report.comparing.search import search_page
from loadws.report.runreport import RunReport
from loadws.terms.comparisons import default_rules
from loadws.terms.metrics import TABLE
from tests.gate.comparing import made
from tests.report import example
from tests.report.browser import CHROMIUM, Browser, browser
from tests.report.comparing.test_search import search
from tests.report.drawn import page as page_of

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed"),
]


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


def _report() -> bytes:
    return page_of(example.report())


def _report_that(outcome: Outcome) -> bytes:
    verdict = msgspec.structs.replace(example.brief().verdict, outcome=outcome)
    return page_of(example.report(msgspec.structs.replace(example.brief(), verdict=verdict)))


def _report_of_machines() -> bytes:
    machines = tuple(MachineInfo(share, f"machine {share}", (share,), opened=10, sent=20) for share in range(2))
    return page_of(RunReport(example.summary(), example.with_machines(machines)))


def _comparison() -> bytes:
    before, after = made.runs(4), made.runs(4, 14.0, 100)
    rules = defaults_of(before, after)
    record = compare_sides(made.named(before, "main"), made.named(after, "branch"), rules, "2026-11-29T08:00:00Z", {})
    return comparison_page(record, before, after)


def _history() -> bytes:
    runs = made.named(
        [
            msgspec.structs.replace(
                each, run=msgspec.structs.replace(each.run, started_at=f"2026-11-{day:02}T08:00:00Z")
            )
            for day, each in enumerate([*made.runs(5), *made.runs(5, 20.0, 50)], 1)
        ],
        "run",
    )
    return render_page([history_of(scenario, runs, default_rules(set(TABLE))) for scenario in ("chat", "feed")])


def _search() -> bytes:
    return search_page(search())


PAGES: dict[str, Callable[[], bytes]] = {
    "report": _report,
    "passed": partial(_report_that, "passed"),
    "inconclusive": partial(_report_that, "inconclusive"),
    "machines": _report_of_machines,
    "comparison": _comparison,
    "history": _history,
    "search": _search,
}


@pytest.mark.parametrize("kind", PAGES)
def test_nothing_stands_in_the_way(chromium: Browser, axe: str, tmp_path: Path, kind: str) -> None:
    site = tmp_path / "page.html"
    site.write_bytes(PAGES[kind]())
    for width, dark in ((1440, False), (390, True)):
        with chromium.page(site.as_uri(), width=width, dark=dark) as page:
            page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
            page.call("Runtime.evaluate", expression=axe)
            found = page.evaluate(
                "axe.run().then((run) => run.violations.map((v) => [v.impact, v.id, v.nodes[0].html]))"
            )
            assert found == []
            assert page.evaluate("document.documentElement.scrollWidth") == width
            assert page.complaints() == []
