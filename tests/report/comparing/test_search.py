"""The page of a search: its curve, its limit, its table, and the answer in a sentence."""

from __future__ import annotations

import math
import re
from xml.etree import ElementTree

import pytest

from loadws.gate.comparing.capacity import Level
from loadws.report.comparing.search import Search, answer, level_text, load_text, search_page
from loadws.report.comparing.search_curve import curve
from loadws.terms.thresholds import parse_threshold

RULE = parse_threshold("response_time.p99 < 200ms")
LEVELS = (
    Level(10, "held", "p99 was 20 ms", (20e6,)),
    Level(40, "failed", "p99 was <b>300</b> ms", (300e6,)),
    Level(20, "held", "p99 was 50 ms", (50e6,)),
    Level(20, "held", "p99 was 60 ms", (60e6,)),
    Level(30, "failed", "half failed", (None,)),
)


def search(
    *levels: Level, vary: str = "users", found: float | None = 20, most: float = 100, signal: str = ""
) -> Search:
    return Search("chat", vary, most, [RULE], levels or LEVELS, found, signal)


def test_the_page_has_the_answer_a_curve_with_the_limit_and_a_row_for_each_level() -> None:
    page = search_page(search()).decode()
    assert "<strong>response_time.p99 &lt; 200ms held up to 20 users.</strong>" in page
    assert page.count("<tr>") == 1 + len(LEVELS)
    rows = re.findall(r'<th scope="row">(.*?)</th><td class=n>(.*?)</td>', page)
    assert rows == [
        ("10 users", "20 ms"), ("20 users", "50 ms"), ("20 users", "60 ms"), ("30 users", "—"), ("40 users", "300 ms")
    ]  # fmt: skip
    assert "&lt;b&gt;300" in page
    assert 'aria-label="response_time.p99 &lt; 200ms over users"' in page
    assert "<script" not in page


def test_the_curve_goes_through_the_mean_of_each_load_and_the_limit_lies_between() -> None:
    chart = curve("users", RULE, [(level.load, level.values[0], level.held) for level in search().ordered])
    for picture in re.findall(r"<svg.*?</svg>(?=</div>)", chart, re.DOTALL):
        ElementTree.fromstring(picture)  # well formed
    paths = re.findall(r'<path d="(M[^"]*)" stroke="var\(--(p99|good|bad)', chart)
    [line] = [d for d, colour in paths if colour == "p99"]
    heights = [float(y) for _, y in re.findall(r"([\d.]+) ([\d.]+)", line)]
    assert len(heights) == 3  # 10, 20 and 40; nothing is known of 30
    [limit] = [float(d.split()[1].partition("H")[0]) for d, colour in paths if colour == "bad" and "H" in d]
    assert heights[0] > heights[1] > limit > heights[2]
    dots = {colour: d.count("h0") for d, colour in paths if "h0" in d}
    assert dots == {"good": 3, "bad": 1}
    assert "&lt; 200 ms" in chart


@pytest.mark.parametrize("value", [None, math.inf])
def test_without_a_value_there_is_a_sentence(value: float | None) -> None:
    assert curve("users", RULE, [(10, value, "failed")]) == "<p>No level has a value of it.</p>"


@pytest.mark.parametrize(
    ("vary", "load", "text"), [("users", 1, "1 user"), ("users", 1200, "1,200 users"), ("rate", 12.5, "12.5/s")]
)
def test_a_load_has_its_unit(vary: str, load: float, text: str) -> None:
    assert load_text(vary, load) == text
    assert level_text(vary, Level(load, "held", "why")) == f"{text}: held (why)"


HELD, UNSURE, FAILED = Level(10, "held"), Level(20, "unsure"), Level(20, "failed")
WHAT = "response_time.p99 < 200ms held up to"


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (search(HELD, found=10, most=10), f"{WHAT} 10 users, the most that was asked for (--to)."),
        (search(FAILED, found=None), f"{WHAT} no load: at the least that was asked for (--from) it was broken."),
        (
            search(HELD, UNSURE, found=10),
            f"{WHAT} 10 users; at 20 users it was too close to call. "
            "Make the judged phase longer (--duration), so that each level has more samples.",
        ),
        (search(HELD, UNSURE, FAILED, found=10), f"{WHAT} 10 users."),
        (
            search(HELD, Level(20, "limit", "it stood still."), found=10),
            f"{WHAT} 10 users; at 20 users loadws itself was the limit: it stood still.",
        ),
        (search(HELD, found=10, signal="Ctrl-C"), f"Interrupted by Ctrl-C after 1 whole level: so far, {WHAT} 10 users."),
        (
            Search("chat", "users", 10, [RULE], (), None, "SIGTERM"),
            "Interrupted by SIGTERM after 0 whole levels: nothing is known of the rules.",
        ),
    ],
)  # fmt: skip
def test_answers(made: Search, text: str) -> None:
    assert answer(made) == text
