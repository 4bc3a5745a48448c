"""The dashboard in Chromium: it draws what comes, axe-core has nothing to say, and it becomes the report."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import trio

from loadws.dashboard.browsers import Site
from loadws.dashboard.state import State
from loadws.web.serving import open_listeners, port_of, serve
from tests.metrics.made_up import counted, frame, info, times
from tests.report import example
from tests.report.browser import CHROMIUM, Browser, Page, browser

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed"),
]
_WAIT = "new Promise((done) => { const look = () => (%s) ? done(true) : setTimeout(look, 20); look(); })"


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


class _Served:
    """A dashboard in a thread; ``tell`` calls a function of its site there."""

    def __init__(self) -> None:
        self.site = Site()
        self.port = 0
        self._started = threading.Event()
        self._scope = trio.CancelScope()
        self._token: trio.lowlevel.TrioToken | None = None

    async def main(self) -> None:
        listeners = await open_listeners("127.0.0.1", 0)
        self.port, self._token = port_of(listeners), trio.lowlevel.current_trio_token()
        self._started.set()
        with self._scope:
            await serve(listeners, self.site.answer, self.site.upgrade)

    def tell(self, function: Any, *arguments: Any) -> None:
        trio.from_thread.run_sync(function, *arguments, trio_token=self._token)

    def finish(self, report: Path) -> None:
        trio.from_thread.run(self.site.finish, report, 60, trio_token=self._token)

    @contextmanager
    def running(self) -> Iterator[str]:
        """Yield its address."""
        thread = threading.Thread(target=trio.run, args=(self.main,))
        thread.start()
        self._started.wait()
        try:
            yield f"http://127.0.0.1:{self.port}/"
        finally:
            self.tell(self._scope.cancel)
            thread.join()


def _state() -> State:
    state = State(info("response_time.p95 < 10ms", "error_rate < 1%", "recovery_time.max < 1s"))
    for second in range(30):
        parts = (times("response_time", [second + 1.0] * 200, step="a"),) if second % 7 else ()
        counters = [counted("messages_received", 40 + second), counted("error_rate", 50, failed=second, kind="request")]
        counters += [counted("errors", second, kind=attack, step="<b>a</b>") for attack in example.ATTACKS[:4]]
        state.add(frame(second, histograms=parts, counters=tuple(counters)))
    return state


def _shown(page: Page) -> None:
    assert page.evaluate(_WAIT % "document.body.dataset.shown === 'yes'")


def test_it_draws_what_comes(chromium: Browser) -> None:
    served = _Served()
    with served.running() as address, chromium.page(address) as page:
        assert page.evaluate("document.querySelector('#title').textContent") == "Waiting for the load to begin"
        served.tell(served.site.change, _state())
        _shown(page)
        assert page.evaluate("document.querySelectorAll('#charts path.curve').length") == 5  # p99 and p50 in one
        assert page.evaluate("document.querySelectorAll('#rules tr').length") == 3
        assert page.evaluate("document.querySelectorAll('#errors b').length") == 0  # a server's text is text
        gaps = page.evaluate("document.querySelector('#charts path.curve').getAttribute('d').split('M').length - 1")
        assert gaps == 5  # of seconds without a response
        assert page.evaluate("document.querySelectorAll('#charts circle').length") == 2  # the last second stands alone
        assert page.complaints() == []


def test_what_is_empty_is_said_and_no_table(chromium: Browser) -> None:
    served, state = _Served(), State(info())
    state.add(frame(0))
    with served.running() as address, chromium.page(address) as page:
        served.tell(served.site.change, state)
        _shown(page)
        seen = "[...document.querySelectorAll('main .scroll')].filter((each) => each.checkVisibility()).length"
        assert page.evaluate(seen) == 0
        said = [page.evaluate(f"document.querySelector('#no-{what}').textContent") for what in ("rules", "errors")]
        assert said == ["The scenario has none.", "None so far."]
        served.tell(served.site.change, _state())
        assert page.evaluate(_WAIT % f"{seen} === 2")


#: How many moves each curve's path has, and the two times below each chart.
_CURVES = (
    "[...document.querySelectorAll('#charts path.curve')]"
    ".map((path) => path.getAttribute('d').split(/[ML]/).length - 1)"
)
_ENDS = (
    "[...document.querySelectorAll('#charts svg')]"
    ".map((svg) => [...svg.querySelectorAll('text')].slice(1, 3).map((text) => text.textContent))"
)


def _drag(page: Page, number: int, low: float, high: float) -> None:
    """Drag over a chart, from one share of its width to another."""
    page.evaluate(f"document.querySelectorAll('#charts svg')[{number}].scrollIntoView({{block: 'center'}})")
    box = f"document.querySelectorAll('#charts svg')[{number}].getBoundingClientRect()"
    left, wide, y = page.evaluate(f"(() => {{ const b = {box}; return [b.left, b.width, b.top + b.height / 2]; }})()")
    for kind, share in (("mousePressed", low), ("mouseMoved", high), ("mouseReleased", high)):
        page.call(
            "Input.dispatchMouseEvent", type=kind, x=left + share * wide, y=y, button="left", buttons=1, clickCount=1
        )


def test_a_part_of_the_run_is_seen_in_all_charts(chromium: Browser) -> None:
    served = _Served()
    with served.running() as address, chromium.page(address) as page:
        served.tell(served.site.change, _state())
        _shown(page)
        assert page.evaluate(_ENDS) == [["0 s", "30 s"]] * 4
        whole = page.evaluate(_CURVES)
        _drag(page, 1, 0.5, 0.75)
        [(first, last)] = {tuple(ends) for ends in page.evaluate(_ENDS)}  # within a pixel of 15 s and 22.5 s
        assert first == "15 s" and last in ("22 s", "23 s")
        part = page.evaluate(_CURVES)
        assert all(0 < few < many for few, many in zip(part, whole, strict=True))
        page.evaluate("delete document.body.dataset.shown")
        served.tell(served.site.change, _state())  # the next second comes, and the part stays
        _shown(page)
        assert page.evaluate(_CURVES) == part
        _drag(page, 0, 0.5, 0.501)  # too little to be meant
        assert page.evaluate(_CURVES) == part
        page.evaluate("document.querySelector('#whole').click()")
        assert page.evaluate(_CURVES) == whole
        assert page.evaluate("document.querySelector('#whole').disabled")
        assert page.complaints() == []


#: Texts of drawings: (text, left, right, top, height), in pixels.
_LETTERS = """[...document.querySelectorAll("svg text")].filter((text) => text.textContent).map((text) => {
  const box = text.getBoundingClientRect();
  return [text.textContent, box.left, box.right, box.top, box.height];
})"""


@pytest.mark.parametrize("width", [390, 1440])
def test_letters_of_drawings_have_one_size_at_any_width_and_stay_apart(chromium: Browser, width: int) -> None:
    served, state = _Served(), _state()
    spread = times("response_time", [3.0**power for power in range(8) for _ in range(30)], step="a")
    state.add(frame(30, histograms=(spread,)))
    with served.running() as address, chromium.page(address, width=width) as page:
        served.tell(served.site.change, state)
        _shown(page)
        letters = page.evaluate(_LETTERS)
        assert len(letters) > 20
        assert {round(height) for *_, height in letters} <= {12, 13, 14}
        lines: dict[int, list[tuple[float, float]]] = {}
        for _, left, right, top, _ in letters:
            lines.setdefault(round(top), []).append((left, right))
        for line in map(sorted, lines.values()):
            assert all(right <= left for (_, right), (left, _) in pairwise(line))


def test_it_becomes_the_report(chromium: Browser, tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    report.write_text("<!doctype html><html lang='en'><title>the report</title><p>all of it</p></html>")
    served = _Served()
    with served.running() as address, chromium.page(address) as page:
        served.tell(served.site.change, _state())
        _shown(page)
        chromium.events.clear()
        served.finish(report)
        chromium.wait_for("Page.loadEventFired", page._session)
        assert page.evaluate("[location.pathname, document.title, self.origin]") == ["/report", "the report", "null"]


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
def test_nothing_stands_in_the_way(chromium: Browser, axe: str, width: int, dark: bool) -> None:
    served = _Served()
    with served.running() as address, chromium.page(address, width=width, dark=dark) as page:
        served.tell(served.site.change, _state())
        _shown(page)
        assert page.evaluate("document.documentElement.scrollWidth") == width
        page.call("Runtime.evaluate", expression=axe)
        found = page.evaluate("axe.run().then((run) => run.violations.map((v) => [v.impact, v.id, v.nodes[0].html]))")
        assert found == []
