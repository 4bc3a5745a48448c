from __future__ import annotations

import html as entities
import json
import re
from html.parser import HTMLParser

import msgspec
import pytest

from loadws.metrics.summarising.summariser import Summariser
from loadws.metrics.summary import Verdict
from loadws.report.charts.charts import charts
from loadws.report.html.page import Assets, repeat_command
from loadws.report.runreport import RunReport
from tests.report import example
from tests.report.drawn import page as page_of

VOID = {"meta", "link", "br", "img", "input", "hr"}


@pytest.fixture(scope="module")
def page() -> str:
    return page_of(example.report()).decode()


@pytest.fixture(scope="module")
def attacked() -> str:
    return page_of(example.hostile()).decode()


class Elements(HTMLParser):
    """Every element of a page, with its attributes, and what is never closed or closed twice."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for found, attributes in self.found if found == tag]


def _without_data(page: str) -> str:
    return re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)


@pytest.mark.slow
def test_every_element_is_closed(page: str, attacked: str) -> None:
    for text in (page, attacked):
        elements = Elements(text)
        assert (elements.open, elements.wrong) == ([], [])


@pytest.mark.slow
def test_what_matters_comes_first(page: str) -> None:
    headings = [entities.unescape(text) for text in re.findall(r"<h2[^>]*>(.*?)</h2>", page)]
    assert headings == [
        "Checks",
        "What happened",
        "Before you trust these numbers",
        "Errors",
        "Latency",
        "Step by step",
        "Traffic",
        "Connecting",
        "Ledger",
        "The generator itself",
        "Scenario",
        "Log",
        "This run",
    ]
    assert page.index('class="verdict') < page.index("<h2")


def test_every_chart_is_drawn_without_scripts(page: str) -> None:
    drawn = re.findall(
        r'<figure [^>]*data-chart="([\w-]+)".*?<svg class="view"[^>]* role="img" aria-label="', page, re.DOTALL
    )
    assert sorted(drawn) == sorted(chart.name for chart in charts(example.summary()))


def test_charts_are_drawn_by_presentation_attributes(page: str) -> None:
    views = re.findall(r'<svg class="view".*?</td>', page, re.DOTALL)
    assert len(views) == len(charts(example.summary()))
    for view in views:
        assert "<style" not in view
        assert re.search(r'stroke="var\(--\w+, #[0-9a-f]{6}\)"|fill="var\(--\w+, #[0-9a-f]{6}\)"', view)


@pytest.mark.slow
def test_nothing_has_a_style_of_its_own(page: str, attacked: str) -> None:
    for text in (page, attacked):
        assert not [tag for tag, attributes in Elements(text).found if "style" in attributes]


def test_names_are_unique_and_every_link_leads_somewhere(page: str) -> None:
    names = re.findall(r' id="([^"]+)"', _without_data(page))
    assert len(names) == len(set(names))
    links = {link[1:] for attributes in Elements(page).all("a") if (link := attributes.get("href"))}
    assert links <= set(names)
    assert {"latency", "errors", "ledger", "main"} <= links


def test_the_checks_that_failed_come_first(page: str) -> None:
    outcomes = re.findall(r"<b>[✔!✘] ([^<]+)</b>", page)
    order = ["failed", "no data", "too close to call", "passed (too close to call)", "passed"]
    assert outcomes and outcomes == sorted(outcomes, key=order.index)


def test_what_happened_has_at_most_five_sentences_with_links(page: str) -> None:
    (story,) = re.findall(r'<ul class="story">(.*?)</ul>', page, re.DOTALL)
    assert 1 <= story.count("<li>") <= 5
    assert story.count('<a href="#') == story.count("<li>")


@pytest.mark.slow
def test_a_slim_page_has_no_script_and_one_with_files_beside_it_names_them(page: str) -> None:
    slim = page_of(example.report(), Assets(slim=True)).decode()
    assert "<script" not in slim and len(slim) < len(page)
    beside = page_of(example.report(), Assets(beside=True)).decode()
    assert '<link rel="stylesheet" href="report.css">' in beside and '<script src="report.js">' in beside
    assert "<style" not in beside


def test_every_number_of_the_ledger_is_on_the_page(page: str) -> None:
    text = _without_data(page)
    ledger = msgspec.to_builtins(example.summary().ledger)
    for part in ("arrivals", "sessions", "turns", "connections", "messages"):
        for count in ledger[part].values():
            assert f"{count:,}" in text


@pytest.mark.slow
def test_nothing_on_the_page_can_be_fetched_but_what_it_carries(page: str, attacked: str) -> None:
    for text in (page, attacked):
        elements = Elements(text)
        links = [
            value for _, attributes in elements.found for key, value in attributes.items() if key in ("src", "href")
        ]
        assert {link for link in links if link and not link.startswith("#")} == {"data:,"}
        assert not elements.all("img") + elements.all("iframe") + elements.all("object")


def test_only_the_pages_own_scripts_may_run(page: str) -> None:
    (policy,) = (meta["content"] for meta in Elements(page).all("meta") if "http-equiv" in meta)
    assert policy
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe-eval" not in policy
    assert "'unsafe-inline'" not in policy.split("style-src")[0]


@pytest.mark.slow
def test_hostile_text_is_text(attacked: str) -> None:
    elements = Elements(attacked)
    assert len(elements.all("script")) == 2
    assert not any(key.startswith("on") for _, attributes in elements.found for key in attributes)
    outside = _without_data(attacked)
    for attack in ("<script>window", "<img", "<svg onload", "\x1b", "\x00", "\u202e"):
        assert attack not in outside
    assert "{{ 7*7 }}{% raw %}" in entities.unescape(outside)


def test_data_cannot_end_its_script(attacked: str) -> None:
    (data,) = re.findall(r'<script type="application/json" id="numbers">(.*?)</script>', attacked, re.DOTALL)
    assert "<" not in data
    assert json.loads(data)


@pytest.mark.slow
def test_a_short_run_says_how_many_samples_it_would_take() -> None:
    page = page_of(example.report(example.brief())).decode()
    assert "p99 needs 1,000" in page
    assert "Nothing went wrong." in page
    assert 'data-chart="latency"' in page


@pytest.mark.slow
def test_a_run_of_nothing_has_a_page_too() -> None:
    nothing = msgspec.structs.replace(
        example.brief(),
        verdict=Verdict("unreachable", 5, (), ("Nothing listens at 127.0.0.1:1.",)),
        metrics=(),
        series=msgspec.structs.replace(example.brief().series, start_s=(), phase=(), columns=()),
    )
    page = page_of(RunReport(nothing)).decode()
    assert "Nothing listens at 127.0.0.1:1." in page
    assert "there is no latency to show" in page


@pytest.mark.slow
def test_what_the_summariser_makes_of_frames_has_its_charts() -> None:
    summariser = Summariser(example.info())
    for frame in example.frames(30):
        summariser.add(frame)
    page = page_of(RunReport(summariser.summary(example.ending(30)), example.info())).decode()
    drawn = re.findall(r'<figure [^>]*data-chart="([\w-]+)"', page)
    assert drawn == ["latency", "cpu", "spectrum", "connections", "messages"]
    assert "say, all; 100%" in page


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (("loadws", "run", "a b.yaml"), "loadws run 'a b.yaml' --seed 7"),  # quoted, and its seed added
        (("loadws", "run", "a.yaml", "--seed", "7"), "loadws run a.yaml --seed 7"),  # it has its seed
        (("/home/ada/v/bin/loadws", "run", "a.yaml", "--seed=7"), "loadws run a.yaml --seed=7"),  # wherever it is
        ((), ""),  # no command began it
        (("/v/loadws/__main__.py", "run", "a.yaml"), "python -m loadws run a.yaml --seed 7"),  # as a module
    ],
)
def test_how_to_repeat_a_run(command: tuple[str, ...], expected: str) -> None:
    assert repeat_command(msgspec.structs.replace(example.info(), command=command)) == expected
