"""The page of a comparison: what it shows, in which order, and that no text of a run is markup."""

from __future__ import annotations

import html as entities
import re
from collections.abc import Sequence

import msgspec
import pytest

from loadws.gate.comparing.rules import RuleSet, defaults_of
from loadws.gate.comparing.runs import compare_sides
from loadws.metrics.comparison import ComparisonRecord
from loadws.metrics.summary import Series, Summary
from loadws.report.charts.two_sides import SideRuns, charts_of_sides
from loadws.report.comparing.change_bar import change_bar
from loadws.report.comparing.comparison_page import Frame, comparison_page
from loadws.report.comparing.selected import selection_of, value_of
from tests.gate.comparing import made
from tests.kit.plain import MS
from tests.report import example
from tests.report.html.test_page import Elements


def _record(before: Sequence[Summary], after: Sequence[Summary], rules: RuleSet | None = None) -> ComparisonRecord:
    return compare_sides(
        made.named(before, "main"), made.named(after, "branch"), rules or defaults_of(before, after),
        "2026-11-29T08:00:00Z", {},
    )  # fmt: skip


@pytest.fixture(scope="module")
def slower() -> str:
    before, after = made.runs(8), made.runs(8, 14.0, 100)
    return comparison_page(_record(before, after), before, after).decode()


@pytest.mark.slow
def test_differences_come_first_and_what_failed_before_what_held(slower: str) -> None:
    words = re.findall(r"<b>([✔✘?] [\w ]+)</b>", slower)
    assert words[0] == "✘ failed" and words == sorted(words, key=["✘ failed", "? inconclusive", "✔ passed"].index)
    order = [slower.index(f'<section id="{name}"') for name in ("differences", "both")]
    assert order == sorted(order)


@pytest.mark.slow
def test_both_sides_are_on_the_same_axes(slower: str) -> None:
    drawn = re.findall(r'<figure [^>]*data-chart="([\w-]+)"', slower)
    assert drawn[:3] == ["spectrum", "time-p50", "time-p99"]
    assert {"each-0", "messages-sent"} <= set(drawn)
    (keys,) = re.findall(r'<figure [^>]*data-chart="spectrum".*?<p class="keys">(.*?)</p>', slower, re.DOTALL)
    assert re.findall(r"</svg> ([^<]+)<", keys) == ["baseline", "candidate"]


@pytest.mark.slow
def test_it_is_well_formed_and_every_link_leads_somewhere(slower: str) -> None:
    elements = Elements(slower)
    assert (elements.wrong, elements.open) == ([], [])
    names = re.findall(r' id="([^"]+)"', slower)
    assert len(names) == len(set(names))
    links = {str(link)[1:] for attributes in elements.all("a") if (link := attributes.get("href"))}
    assert links <= set(names)
    assert not [tag for tag, attributes in elements.found if "style" in attributes]


def test_in_a_site_its_style_and_script_lie_beside_it() -> None:
    before, after = [made.run(10.0, 1)], [made.run(12.0, 2)]
    page = comparison_page(_record(before, after), before, after, Frame("../", "../index.html")).decode()
    assert '<link rel="stylesheet" href="../report.css">' in page and '<script src="../report.js">' in page
    assert "<style" not in page and '<a href="../index.html">All runs</a>' in page


@pytest.mark.slow
def test_no_text_of_a_run_is_markup() -> None:
    hostile = example.hostile().summary
    attacked = msgspec.structs.replace(
        made.run(), run=msgspec.structs.replace(hostile.run, plan_hash=made.PLAN, machine_name=example.ATTACKS[1]),
        metrics=(*made.run().metrics, *hostile.metrics),
    )  # fmt: skip
    record = _record([attacked], [attacked])
    spoiled = msgspec.structs.replace(
        record, scenario=example.ATTACKS[0], reasons=example.ATTACKS,
        baseline=msgspec.structs.replace(record.baseline, name=example.ATTACKS[5]),
    )  # fmt: skip
    page = comparison_page(spoiled, [attacked], [attacked]).decode()
    assert len(Elements(page).all("script")) == 2
    assert not any(key.startswith("on") for _, attributes in Elements(page).found for key in attributes)
    assert "{{ 7*7 }}{% raw %}" in entities.unescape(page)


def test_runs_without_a_series_have_no_charts_over_time() -> None:
    bare = [msgspec.structs.replace(made.run(), series=Series(1.0, (), (), ()))]
    names = [chart.name for chart in charts_of_sides((SideRuns("a", bare), SideRuns("b", bare)))]
    assert names == ["spectrum"]


def test_of_several_runs_the_median_is_drawn_and_the_band_holds_them_all() -> None:
    def shifted(factor: float) -> Summary:
        run = made.run()
        columns = tuple(
            msgspec.structs.replace(c, values=tuple(None if v is None else v * factor for v in c.values))
            for c in run.series.columns
        )
        return msgspec.structs.replace(run, series=msgspec.structs.replace(run.series, columns=columns))

    runs = [shifted(factor) for factor in (1.0, 2.0, 4.0)]
    drawn = {chart.name: chart for chart in charts_of_sides((SideRuns("a", runs), SideRuns("b", runs[:1])))}
    chart = drawn["time-p50"]
    for middle, single in zip(chart.columns["a (ms)"], chart.columns["b (ms)"], strict=True):
        if isinstance(middle, int | float) and isinstance(single, int | float):
            assert middle == pytest.approx(2 * single, rel=1e-3)
    assert sum(shape.opacity < 1 and not shape.width for shape in chart.plot.shapes) >= 1


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("response_time.p50 <= +5%", pytest.approx(10 * MS, rel=0.1)),
        ("response_time.p99.9 <= +5%", None),  # 2,000 samples are too few
        ("error_rate <= +0.1pp", 0.0),
        ("connect_time.p50 <= +5%", None),  # not measured
    ],
)
def test_the_value_of_a_run(rule: str, expected: float | None) -> None:
    selection = selection_of(rule)
    assert selection is not None
    assert value_of(made.run(), selection) == expected


def test_a_metric_that_only_its_scenario_knows_selects_nothing() -> None:
    assert selection_of("own_thing.p50 <= +5%") is None


@pytest.mark.parametrize(
    ("change", "low", "high", "limit", "drawn"),
    [
        (0.1, 0.05, 0.15, 0.05, True),
        (0.1, None, None, 0.05, True),  # an interval that is open on both sides
        (0.0, 0.0, 0.0, None, True),
        (None, None, None, 0.05, False),
        (float("inf"), 0.0, None, 0.05, False),
    ],
)
def test_a_change_is_drawn_inside_its_box(
    change: float | None, low: float | None, high: float | None, limit: float | None, drawn: bool
) -> None:
    picture = change_bar(change, low, high, limit)
    assert bool(picture) is drawn
    for x in re.findall(r'cx="([\d.]+)"|M([\d.]+) ', picture):
        assert 0 <= float(x[0] or x[1]) <= 200
