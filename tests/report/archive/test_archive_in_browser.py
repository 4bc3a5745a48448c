"""The list of runs in Chromium: from a server and as a file, without scripts, and as axe-core sees it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from loadws.cli.viewing.export import export
from loadws.cli.viewing.site import RunSite
from loadws.web.serving import open_listeners, port_of, serve
from tests.report import example
from tests.report.archive.made import keep
from tests.report.browser import CHROMIUM, Browser, Page, browser
from tests.report.drawn import page as page_of

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed"),
]
_SHOWN = "[...document.querySelectorAll('#list tbody tr')].filter((row) => !row.hidden).length"


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    root = tmp_path / "runs"
    for day in range(1, 7):
        folder = keep(root, "chat", day, "failed" if day % 2 else "passed", example.summary(20))
    (folder / "report.html").write_bytes(page_of(example.report()))
    keep(root, "feed", 2)
    (root / "torn" / "20261103T000000Z").mkdir(parents=True)
    (root / "torn" / "20261103T000000Z" / "summary.json").write_text("{")
    return root


@contextmanager
def _served(root: Path) -> Iterator[str]:
    """Yield the address of a server for the runs, which lives in a thread."""
    started = threading.Event()
    told: dict[str, Any] = {}

    async def main() -> None:
        listeners = await open_listeners("127.0.0.1", 0)
        told.update(port=port_of(listeners), token=trio.lowlevel.current_trio_token(), scope=trio.CancelScope())
        started.set()
        with told["scope"]:
            await serve(listeners, RunSite(root).answer)

    thread = threading.Thread(target=trio.run, args=(main,))
    thread.start()
    started.wait()
    try:
        yield f"http://127.0.0.1:{told['port']}/"
    finally:
        told["token"].run_sync_soon(told["scope"].cancel)
        thread.join()


#: Tables of runs that are cut at the right.
_CUT_ROWS = """[...document.querySelectorAll("table.rows")].map((table) => table.closest(".scroll"))
  .filter((around) => around.scrollWidth > around.clientWidth).length"""


def _violations(page: Page, axe: str) -> list[list[str]]:
    page.call("Runtime.evaluate", expression=axe)
    found: list[list[str]] = page.evaluate(
        "axe.run().then((run) => run.violations.map((v) => [v.impact, v.id, v.nodes[0].html]))"
    )
    return found


def test_it_reloads_when_a_run_lands(chromium: Browser, runs: Path) -> None:
    with _served(runs) as address, chromium.page(address) as page:
        assert page.evaluate(_SHOWN) == 8
        page.evaluate("document.body.dataset.old = 'yes'; undefined")
        keep(runs, "feed", 9)
        page._browser.events.clear()
        chromium.wait_for("Page.loadEventFired", page._session)
        assert page.evaluate(_SHOWN) == 9
        assert page.complaints() == []


def test_it_filters_and_compares_without_scripts(chromium: Browser, runs: Path) -> None:
    with _served(runs) as address:
        with chromium.page(f"{address}?scenario=chat&verdict=passed", scripts=False) as page:
            assert page.count("#list tbody tr") == 3
            assert page.complaints() == []
        asked = "&".join(f"run=chat/2026110{day}T080000Z" for day in (1, 2))
        with chromium.page(f"{address}compare?{asked}", scripts=False) as page:
            assert page.count("main h2") >= 1
            assert page.complaints() == []


def test_a_report_comes_alive_in_an_origin_of_its_own(chromium: Browser, runs: Path) -> None:
    with _served(runs) as address, chromium.page(f"{address}runs/chat/20261106T080000Z/report.html") as page:
        assert page.evaluate("document.documentElement.dataset.live") == "yes"
        assert page.evaluate("self.origin") == "null"
        assert page.complaints() == []
        assert page.evaluate(f"fetch('{address}').then(() => 'read', () => 'refused')") == "refused"


def test_static_pages_filter_by_their_script(chromium: Browser, runs: Path, tmp_path: Path) -> None:
    export(runs, tmp_path / "site")
    with chromium.page((tmp_path / "site" / "index.html").as_uri()) as page:
        assert page.evaluate(_SHOWN) == 8
        page.evaluate("const f = document.querySelector('form.filters'); f.elements.scenario.value = 'chat'; "
                      "f.elements.words.value = 'LIMIT'; f.dispatchEvent(new Event('input')); undefined")  # fmt: skip
        assert page.evaluate(_SHOWN) == 6
        assert page.evaluate("document.querySelector('#count').textContent") == "6 of 8 runs"
        assert page.complaints() == []
    with chromium.page((tmp_path / "site" / "index.html").as_uri(), scripts=False) as page:
        assert page.count("form.filters[hidden]") == 1  # it could do nothing


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
@pytest.mark.parametrize("path", ["", "history.html", "compare?run=chat/20261101T080000Z&run=chat/20261102T080000Z"])
def test_nothing_stands_in_the_way(chromium: Browser, runs: Path, axe: str, path: str, width: int, dark: bool) -> None:
    with _served(runs) as address, chromium.page(f"{address}{path}", width=width, dark=dark) as page:
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert page.evaluate(_CUT_ROWS) == 0
        assert page.complaints() == []
        assert _violations(page, axe) == []
