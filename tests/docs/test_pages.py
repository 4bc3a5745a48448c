"""The pages of ``loadws docs``: each is found, each link leads somewhere, and what they list is complete."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from loadws.cli.manual.pages import ALIASES, Page, all_pages, page_of
from loadws.report import folder
from loadws.scenario.build import load_text
from loadws.terms.failures import KINDS
from tests.cli.commands import run
from tests.docs.blocks import DOCUMENTS, PAGES, anchors, blocks, links


def test_every_file_is_a_page() -> None:
    assert sorted(page.name for page in all_pages()) == sorted(file.stem for file in PAGES.glob("*.md"))


def test_the_order_is_that_of_reading() -> None:
    names = [page.name for page in all_pages()]
    assert names[:14] == [
        "start",
        "cookbook",
        "language",
        "protocols",
        "measurement",
        "errors",
        "run-folder",
        "look",
        "compare",
        "ci",
        "outputs",
        "pytest",
        "platforms",
        "glossary",
    ]
    assert names[14:] == sorted(names[14:])


@pytest.mark.parametrize(("alias", "name"), ALIASES.items())
def test_an_alias_is_a_page(alias: str, name: str) -> None:
    page = page_of(alias, all_pages())
    assert page is not None
    assert page.name == name


@pytest.mark.parametrize("page", all_pages(), ids=lambda page: page.name)
def test_a_page_is_shown_by_its_name(page: Page, capsys: pytest.CaptureFixture[str]) -> None:
    found = run(capsys, "docs", page.name)
    assert (found.code, found.out, found.err) == (0, page.text, "")
    assert page.text.count("\n# ") == 0
    assert page.title != page.name


def test_without_a_word_every_page_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    found = run(capsys, "docs")
    assert found.code == 0
    for page in all_pages():
        assert re.search(rf"^    {page.name} +{re.escape(page.title)}$", found.out, re.MULTILINE)


def test_the_page_of_errors_has_every_kind(capsys: pytest.CaptureFixture[str]) -> None:
    shown = run(capsys, "docs", "errors").out
    for kind, failure in KINDS.items():
        assert re.search(rf"^\| `{re.escape(kind)}` \|.*{re.escape(failure.meaning)}", shown, re.MULTILINE)


def test_the_page_of_the_run_folder_has_every_file() -> None:
    text = (PAGES / "run-folder.md").read_text("utf-8")
    for name in (
        folder.RUN, folder.SCENARIO, folder.WINDOWS, folder.INTERVALS, folder.ERRORS, folder.SUMMARY, folder.REPORT,
        "junit.xml", "summary.md",
    ):  # fmt: skip
        assert f"| `{name}` |" in text


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_somewhere(document: Path) -> None:
    for link in links(document.read_text("utf-8")):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        leads_to = document.parent / path if path else document
        assert leads_to.exists(), link
        assert not anchor or anchor in anchors(leads_to.read_text("utf-8")), link


def test_the_scenario_for_a_pipeline_is_one(tmp_path: Path) -> None:
    text = blocks((PAGES / "ci.md").read_text("utf-8"), "yaml")[0]
    assert load_text(text, tmp_path / "gate.yaml", env={}).warnings == ()


def test_the_scenario_of_the_page_about_voice_is_the_one_that_is_run() -> None:
    (shown,) = blocks((PAGES / "voice.md").read_text("utf-8"), "yaml")
    run_by_tests = (PAGES.parents[1] / "scenarios" / "realtime-voice.yaml").read_text("utf-8")
    assert run_by_tests[run_by_tests.index("name: ") :] == shown
