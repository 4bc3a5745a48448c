"""The table of formats: every row makes its file, whatever a server said, and the pages name it."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

import loadws
from loadws.metrics.summary import MetricEntry
from loadws.report.formats.formats import DEFAULT, FORMATS, Chosen, parse_formats
from loadws.report.pipelines.bounded import NOTE
from loadws.terms.errors import UsageError
from tests.report import example

PAGE = Path(loadws.__file__).parent / "docs" / "run-folder.md"
#: Larger than any file of a run with a hundred steps should be, but for the page for people.
MOST_BYTES = 2**20


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
def test_a_format_is_a_file_of_bounded_size_whatever_it_is_made_of(name: str) -> None:
    reports = (example.report(), example.report(example.brief()), example.hostile())
    for report in reports:
        content = FORMATS[name].make(report)
        assert content
        assert b"\x1b" not in content
        assert b"\x00" not in content
        assert name == "html" or len(content) < MOST_BYTES


@pytest.mark.parametrize("name", ["k6", "openmetrics", "locust", "taurus"])
def test_a_run_of_a_thousand_steps_and_metrics_stays_small(name: str) -> None:
    """Names are as long as they may be here."""
    times = [
        MetricEntry(metric, {"step": f"{step} {'é' * 300}"}, "histogram", "ns", 9, mean=1e6, p50=1e6, max=2e6)
        for metric in ("response_time", "service_time", *(f"own {number}" for number in range(60)))
        for step in range(100 if metric.startswith("own") else 1_000)
    ]
    summary = msgspec.structs.replace(example.brief(), metrics=tuple(times))
    assert len(FORMATS[name].make(example.report(summary))) < 4 * MOST_BYTES


@pytest.mark.slow
def test_the_markdown_of_a_run_of_thousands_of_steps_is_cut() -> None:
    times = [
        MetricEntry("response_time", {"step": f"{step} {'é' * 300}"}, "histogram", "ns", 9, p50=1e6, max=2e6)
        for step in range(3_000)
    ]
    summary = msgspec.structs.replace(example.brief(), metrics=tuple(times))
    text = FORMATS["markdown"].make(example.report(summary)).decode()
    assert 800 * 1024 < len(text.encode()) <= 900 * 1024
    assert text.endswith(NOTE)


def test_the_page_of_the_run_folder_names_every_format() -> None:
    rows = dict(re.findall(r"^\| `([^`]+)` \| `(\w+)` \|", PAGE.read_text("utf-8"), re.MULTILINE))
    assert rows == {each.file: name for name, each in FORMATS.items()}


def test_no_two_formats_write_the_same_file() -> None:
    files = [each.file for each in FORMATS.values()]
    assert len(files) == len(set(files))
    assert set(DEFAULT) <= set(FORMATS)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("junit", ("junit",)),
        ("junit, HTML,,junit", ("junit", "html")),  # spaces, case, an empty name, a name twice
        (",".join(FORMATS), tuple(FORMATS)),
    ],
)
def test_a_list_of_formats(text: str, names: tuple[str, ...]) -> None:
    assert parse_formats(text) == Chosen(names)


@pytest.mark.parametrize(
    ("text", "message", "advice"),
    [
        ("html,junitt", "there is no format 'junitt'", "did you mean 'junit'?"),
        ("xyzzy", "there is no format 'xyzzy'", f"formats are {', '.join(FORMATS)}"),
        (" , ", "no format is named", f"formats are {', '.join(FORMATS)}"),
    ],
)
def test_a_list_that_names_none(text: str, message: str, advice: str) -> None:
    with pytest.raises(UsageError) as error:
        parse_formats(text)
    assert (str(error.value), error.value.advice) == (message, advice)
