"""The report as a browser shows it: with scripts, without them, and where a CI server blocks styles as well."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.report import example
from tests.report.browser import CHROMIUM, Browser, Page, browser
from tests.report.drawn import page as page_of

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed")

#: What Jenkins sends with every file of a build (its DirectoryBrowserSupport).
JENKINS = "sandbox; default-src 'none'; img-src 'self'; style-src 'self';"
CHARTS = ["latency", "curve", "messages", "connections", "connect", "errors", "cpu", "lag", "dropped"]
_ALL_ALIVE = """
(async () => {
  const figures = [...document.querySelectorAll("figure[data-chart]")];
  for (const figure of figures) {
    const settled = new Promise((done) => new MutationObserver(() => figure.dataset.live && done()).observe(
      figure, { attributes: true }));
    figure.scrollIntoView();
    if (!figure.dataset.live) await settled;
  }
  return figures.map((figure) => [figure.dataset.chart, figure.dataset.live]);
})()
"""


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reports")
    (folder / "whole.html").write_bytes(page_of(example.report()))
    (folder / "hostile.html").write_bytes(page_of(example.hostile()))
    return folder


@pytest.fixture
def jenkins(site: Path) -> Iterator[str]:
    """The address at which the reports are served as Jenkins serves them."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, request: object, address: object, server: object) -> None:
            super().__init__(request, address, server, directory=str(site))  # type: ignore[arg-type]

        def end_headers(self) -> None:
            self.send_header("Content-Security-Policy", JENKINS)
            super().end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Nothing: it would stand between the tests' results."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def _drawn(page: Page) -> int:
    return page.count("figure[data-chart] .drawing > svg[role=img] path")


def test_charts_come_alive_where_scripts_run(chromium: Browser, site: Path) -> None:
    with chromium.page((site / "whole.html").as_uri()) as page:
        assert page.evaluate(_ALL_ALIVE) == [[chart, "yes"] for chart in CHARTS]
        assert page.count(".live svg") == len(CHARTS)
        assert page.complaints() == []
        assert page.fetched() == []


def test_charts_stay_drawn_where_scripts_are_blocked(chromium: Browser, site: Path) -> None:
    with chromium.page((site / "whole.html").as_uri(), scripts=False) as page:
        assert page.count("figure[data-chart] .drawing > svg[role=img]") == len(CHARTS)
        assert page.count(".live") == 0
        assert _drawn(page) > len(CHARTS)
        assert page.fetched() == []


def test_a_chart_that_cannot_come_alive_stays_drawn(chromium: Browser, site: Path) -> None:
    broken = (site / "whole.html").read_text("utf-8").replace('id="vega">', 'id="vega">AAAA', 1)
    (site / "broken.html").write_text(broken, "utf-8")
    with chromium.page((site / "broken.html").as_uri()) as page:
        assert page.evaluate(_ALL_ALIVE) == [[chart, "failed"] for chart in CHARTS]
        shown = (
            "[...document.querySelectorAll('.drawing > svg')].every((svg) => svg.getBoundingClientRect().height > 50)"
        )
        assert page.evaluate(shown) is True


def test_it_reads_in_order_where_styles_are_blocked_too(chromium: Browser, jenkins: str) -> None:
    with chromium.page(f"{jenkins}/whole.html", scripts=False) as page:
        assert page.count("figure[data-chart] .drawing > svg[role=img]") == len(CHARTS)
        assert page.count('table[border="1"]') > 4
        layout = page.call("Page.getLayoutMetrics")["cssContentSize"]
        assert layout["height"] > 3_000
        assert _background(page) == "rgba(0, 0, 0, 0)"  # no style of ours came through
        assert not [url for url in page.fetched() if "favicon" not in url]


def _background(page: Page) -> str:
    page.call("DOM.enable")
    page.call("CSS.enable")
    root = page.call("DOM.getDocument", depth=0)["root"]["nodeId"]
    body = page.call("DOM.querySelector", nodeId=root, selector="body")["nodeId"]
    style = page.call("CSS.getComputedStyleForNode", nodeId=body)["computedStyle"]
    return next(str(entry["value"]) for entry in style if entry["name"] == "background-color")


@pytest.mark.parametrize("dark", [False, True])
def test_light_and_dark(chromium: Browser, site: Path, dark: bool) -> None:
    with chromium.page((site / "whole.html").as_uri(), dark=dark) as page:
        assert _background(page) == ("rgb(14, 19, 27)" if dark else "rgb(245, 247, 250)")
        line = "getComputedStyle(document.querySelector('.drawing > svg path[stroke*=p99]')).stroke"
        assert page.evaluate(line) == ("rgb(183, 139, 255)" if dark else "rgb(122, 61, 208)")


@pytest.mark.parametrize("width", [390, 1400])
def test_a_phone_and_a_wide_screen_need_no_scrolling_to_the_side(chromium: Browser, site: Path, width: int) -> None:
    with chromium.page((site / "whole.html").as_uri(), width=width) as page:
        page.evaluate(_ALL_ALIVE)
        assert page.evaluate("document.documentElement.scrollWidth") == width


def test_no_attack_runs(chromium: Browser, site: Path) -> None:
    with chromium.page((site / "hostile.html").as_uri()) as page:
        assert {state for _, state in page.evaluate(_ALL_ALIVE)} == {"yes"}
        assert page.evaluate("window.owned") is None
        assert page.evaluate("document.querySelectorAll('img, [onerror], [onload]').length") == 0
        assert page.complaints() == []
        assert page.fetched() == []
