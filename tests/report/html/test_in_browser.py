"""The report as a browser shows it: with scripts, without them, and where a CI server blocks styles as well."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from loadws.report.charts.charts import charts
from loadws.report.course.course import Course
from loadws.report.course.heatmap import HeatMap
from loadws.report.drawing.drawing import Drawing, Drawn
from loadws.report.html.page import Assets, css, javascript, render
from tests.kit.tools import missing
from tests.report import example
from tests.report.browser import CHROMIUM, Browser, Page, browser
from tests.report.drawn import page as page_of
from tests.report.strict_server import strict_server

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CHARTS = [
    "errors",
    "latency",
    "lag",
    "cpu",
    "spectrum",
    "spread-0",
    "spread-1",
    "spread-2",
    "connections",
    "messages",
    "dropped",
    "connect",
    "connect-means",
]


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if CHROMIUM is None:
        missing("no chromium is installed")
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reports")
    (folder / "whole.html").write_bytes(page_of(example.report()))
    (folder / "beside.html").write_bytes(page_of(example.report(), Assets(beside=True, slim=True)))
    (folder / "report.css").write_text(css(), "utf-8")
    (folder / "report.js").write_text(javascript(), "utf-8")
    (folder / "hostile.html").write_bytes(page_of(example.hostile()))
    heat = HeatMap("", float(len(example.summary().series.start_s)), 10, {(1, 40): 5, (2, 44): 3})
    with_heat = tuple(Drawn.of(chart) for chart in charts(example.summary(), Course(), (heat,)))
    (folder / "heat.html").write_bytes(render(example.report(), Drawing(with_heat)))
    return folder


@pytest.fixture
def jenkins(site: Path) -> Iterator[str]:
    """The address at which the reports are served as Jenkins serves them."""

    with strict_server(site) as address:
        yield address


_SEEN = """[...document.querySelectorAll("figure[data-chart]")].map((figure) => {
  const view = figure.querySelector("svg.view"), box = view.getBoundingClientRect();
  const marks = [...view.querySelectorAll("path")].map((path) => path.getBoundingClientRect().width);
  return box.width > 200 && box.height > 40 && Math.max(...marks) > 100;
})"""


#: Names over charts that are wider than their part of the chart: (name, how wide it is, how wide its part is).
_CUT = """[...document.querySelectorAll("svg.over")].map((over) => {
  const text = over.querySelector("text");
  return [text.textContent, text.getComputedTextLength(), over.getBoundingClientRect().width];
}).filter(([, wide, room]) => wide > room + 1)"""
_WIDER = """[...document.querySelectorAll("table.rows")].map((table) => table.closest(".scroll"))
  .filter((around) => around.scrollWidth > around.clientWidth).length"""


@pytest.mark.parametrize("width", [390, 1440])
def test_no_name_over_a_chart_is_cut_without_a_mark(chromium: Browser, site: Path, width: int) -> None:
    with chromium.page((site / "whole.html").as_uri(), width=width) as page:
        page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
        page.evaluate(
            "new Promise((done) => setTimeout(done, 0))"
        )  # a browser tells of what was unfolded a little later
        assert page.evaluate("document.querySelectorAll('svg.over title').length") > 10
        assert page.evaluate(_CUT) == []


def test_on_a_telephone_long_texts_stand_below_their_row(chromium: Browser, site: Path) -> None:
    with chromium.page((site / "whole.html").as_uri(), width=390) as page:
        assert page.count("table.rows") >= 1
        assert page.evaluate(_WIDER) == 0


def test_the_page_comes_alive_where_scripts_run(chromium: Browser, site: Path) -> None:
    with chromium.page((site / "whole.html").as_uri()) as page:
        assert page.evaluate("document.documentElement.dataset.live") == "yes"
        assert (
            page.evaluate("[...document.querySelectorAll('figure[data-chart]')].map((f) => f.dataset.chart)") == CHARTS
        )
        assert page.complaints() == []
        assert page.fetched() == []


def test_the_numbers_of_every_chart_can_be_saved(chromium: Browser, site: Path) -> None:
    with chromium.page((site / "heat.html").as_uri()) as page:
        charts = page.evaluate("[...document.querySelectorAll('figure[data-chart]')].map((f) => f.dataset.chart)")
        saved = "[...document.querySelectorAll('figure[data-chart] .numbers button')]"
        assert "heat" in charts
        assert page.evaluate(f"{saved}.map((b) => b.closest('figure').dataset.chart)") == charts


def test_charts_are_drawn_where_scripts_are_blocked(chromium: Browser, site: Path) -> None:
    with chromium.page((site / "whole.html").as_uri(), scripts=False) as page:
        assert page.count("figure[data-chart] svg.view path") > 3 * len(CHARTS)
        assert page.evaluate(_SEEN) == [True] * len(CHARTS)
        assert page.count(".tools[hidden]") == 1  # buttons that could do nothing are not shown
        assert page.complaints() == []
        assert page.fetched() == []


def test_it_reads_in_order_where_styles_are_blocked_too(chromium: Browser, jenkins: str) -> None:
    """The server allows neither scripts nor inline styles. That it blocked them is all that the console may say."""
    with chromium.page(f"{jenkins}/whole.html", scripts=False) as page:
        assert page.evaluate(_SEEN) == [True] * len(CHARTS)
        assert page.count('table[border="1"]') > 4
        assert _background(page) == "rgba(0, 0, 0, 0)"  # no style of ours came through
        assert not [url for url in page.fetched() if "favicon" not in url]


def test_with_its_assets_beside_it_a_strict_server_has_nothing_to_block(chromium: Browser, jenkins: str) -> None:
    with chromium.page(f"{jenkins}/beside.html", scripts=False) as page:
        assert _background(page) == "rgb(245, 247, 250)"  # its style came through
        assert page.evaluate(_SEEN) == [True] * len(CHARTS)
        blocked = [told for told in page.complaints() if "favicon" not in told and "404" not in told]
        assert blocked == []


def test_zoom_moves_all_charts_over_time_and_the_wheel_scrolls(chromium: Browser, site: Path) -> None:
    with chromium.page((site / "whole.html").as_uri()) as page:
        page.evaluate("document.querySelector('#chart-latency').scrollIntoView({block: 'center'})")
        box = page.evaluate("(({x, y, width, height}) => [x, y, width, height])"
                            "(document.querySelector('#chart-latency svg.view').getBoundingClientRect())")  # fmt: skip
        x, y, width, height = box
        before = page.evaluate("scrollY")
        page.call(
            "Input.dispatchMouseEvent", type="mouseWheel", x=x + width / 2, y=y + height / 2, deltaX=0, deltaY=100
        )
        page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        data = "[...document.querySelectorAll('figure[data-time] svg.data')]"
        views = f"{data}.map((each) => each.getAttribute('viewBox').split(' ')[2])"
        assert set(page.evaluate(views)) == {"1000"}  # the wheel has zoomed nothing
        page.evaluate("document.querySelector('#chart-latency').scrollIntoView({block: 'center'})")
        assert isinstance(before, int | float)
        for kind, at in (("mousePressed", 0.25), ("mouseMoved", 0.5), ("mouseReleased", 0.75)):
            page.call("Input.dispatchMouseEvent", type=kind, x=x + width * at, y=y + height / 2, button="left",
                      buttons=1, clickCount=1)  # fmt: skip
        widths = {round(float(each)) for each in page.evaluate(views)}
        assert widths == {500}
        assert page.evaluate("location.hash").startswith("#zoom=")
        page.evaluate("document.querySelector('[data-do=reset]').click()")
        assert {float(each) for each in page.evaluate(views)} == {1000.0}


def test_a_link_to_something_folded_unfolds_it(chromium: Browser, site: Path) -> None:
    with chromium.page((site / "whole.html").as_uri() + "#scenario") as page:
        assert page.evaluate("document.querySelector('#scenario > details').open") is True


def test_the_address_keeps_the_step_and_the_zoom(chromium: Browser, site: Path) -> None:
    address = (site / "whole.html").as_uri()
    with chromium.page(f"{address}#zoom=20-40") as page:
        page.evaluate("document.querySelector('a[href=\"#step-1\"]').click()")
        page.evaluate("new Promise((done) => setTimeout(done))")
        assert page.evaluate("location.hash") == "#at=step-1&zoom=20-40"
    with chromium.page(f"{address}#at=step-1&zoom=20-40") as page:
        assert page.evaluate("document.querySelector('#step-1').getBoundingClientRect().top") < 200
        box = page.evaluate("document.querySelector('figure[data-time] svg.data').getAttribute('viewBox')")
        assert [round(float(each)) for each in box.split()[::2]] == [100, 100]  # of 200 s and a thousandth each
        page.evaluate("document.querySelector('[data-do=reset]').click()")
        assert page.evaluate("location.hash") == "#step-1"


def test_times_of_day_have_their_date_where_the_run_passes_midnight(chromium: Browser, tmp_path: Path) -> None:
    summary = example.summary()
    late = msgspec.structs.replace(summary, run=msgspec.structs.replace(summary.run, started_at="2026-11-23T23:59:00Z"))
    (tmp_path / "late.html").write_bytes(page_of(example.report(late)))
    with chromium.page((tmp_path / "late.html").as_uri()) as page:
        page.evaluate("document.querySelector('[data-do=clock]').click()")
        ticks = page.evaluate("[...document.querySelectorAll('#chart-latency text.tick')].map((t) => t.textContent)")
        assert ticks[0].startswith("11-23 23:59") and ticks[-1].startswith("11-24 00:0")


def test_tables_sort_by_value_and_not_by_text(chromium: Browser, site: Path) -> None:
    sort = """(() => {
      const table = document.querySelector("#latency table.sortable");
      const column = [...table.tHead.rows[0].cells].findIndex((cell) => cell.textContent.trim() === "p50");
      table.tHead.rows[0].cells[column].querySelector("button").click();
      return [...table.tBodies[0].rows].map((row) => row.cells[column].textContent.trim());
    })()"""
    with chromium.page((site / "whole.html").as_uri()) as page:
        values = [_ms(text) for text in page.evaluate(sort)]
        assert len(values) > 3
        assert values == sorted(values, reverse=True)


def _ms(text: str) -> float:
    number, unit = text.split()
    return float(number) * {"µs": 1e-3, "ms": 1.0, "s": 1e3}[unit]


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
        line = "getComputedStyle(document.querySelector('svg.data path[stroke*=p99]')).stroke"
        assert page.evaluate(line) == ("rgb(183, 139, 255)" if dark else "rgb(122, 61, 208)")


@pytest.mark.parametrize("width", [390, 1400])
def test_a_phone_and_a_wide_screen_need_no_scrolling_to_the_side(chromium: Browser, site: Path, width: int) -> None:
    with chromium.page((site / "whole.html").as_uri(), width=width) as page:
        assert page.evaluate("document.documentElement.scrollWidth") == width


def test_no_attack_runs(chromium: Browser, site: Path) -> None:
    with chromium.page((site / "hostile.html").as_uri()) as page:
        assert page.evaluate("document.documentElement.dataset.live") == "yes"
        assert page.evaluate("window.owned") is None
        assert page.evaluate("document.querySelectorAll('img, [onerror], [onload]').length") == 0
        assert page.complaints() == []
        assert page.fetched() == []
