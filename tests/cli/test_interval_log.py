"""``intervals.hlog`` of real runs: HdrHistogram's own reader opens it, and it sums to the summary's histograms."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader

from loadws.metrics.histograms.hlog import parse_tag
from loadws.report.html import page as html
from tests.cli.commands import run
from tests.kit.judged import RAN_WHOLE

SCENARIO = """
name: logged
target: builtin:echo
load: [{users: 3, for: %s}]
flow: [connect, {repeat: 5, do: [{request: hello}, {think: 20ms}]}, {request: {name: "a, b", send: hello}}]
"""


@pytest.fixture(autouse=True)
def quick_html(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page itself is tested beside report, and takes a second."""
    monkeypatch.setattr(html, "render", lambda *_: b"<!doctype html>")


#: The library sums slowly; the codec is the same for all.
LOOKED_AT = {"response_time", "connect_time"}
Counts = dict[int, int]
Series = tuple[str, frozenset[tuple[str, str]]]


def _written(tmp_path: Path, length: str) -> str:
    path = tmp_path / "scenario.yaml"
    path.write_text(SCENARIO % length)
    return str(path)


def _counts(histogram: Any) -> Counts:
    """By index: two histograms of one precision have the same, whatever their ranges."""
    return {index: count for index, count in enumerate(histogram.counts) if count}


def _logged(folder: Path) -> dict[Series, Counts]:
    """Summed over time by the library alone; the run has one phase, which its summary does not tell apart."""
    summed: dict[Series, Any] = {}
    for interval in _intervals(folder / "intervals.hlog"):
        name, labels = parse_tag(interval.get_tag())
        if name not in LOOKED_AT:
            continue
        labels.pop("phase")
        key = name, frozenset(labels.items())
        summed.setdefault(key, HdrHistogram(1, 86_400_000_000, 3)).add(interval)
    return {key: _counts(histogram) for key, histogram in summed.items()}


def _intervals(log: Path) -> Iterator[Any]:
    reader = HistogramLogReader(str(log), HdrHistogram(1, 86_400_000_000, 3))
    try:
        while (interval := reader.get_next_interval_histogram()) is not None:
            yield interval
    finally:
        reader.close()


def _summed_up(folder: Path) -> dict[Series, Counts]:
    metrics = json.loads((folder / "summary.json").read_bytes())["metrics"]
    return {
        (metric["name"], frozenset(metric["labels"].items())): _counts(HdrHistogram.decode(metric["histogram"]))
        for metric in metrics
        if metric["name"] in LOOKED_AT and metric["count"]
    }


def _assert_the_same(folder: Path) -> None:
    logged, summed_up = _logged(folder), _summed_up(folder)
    assert ("response_time", frozenset({("step", "a, b")})) in logged
    assert {name for name, _ in logged} == LOOKED_AT
    for key, counts in logged.items():
        assert summed_up[key] == counts, key


@pytest.mark.slow
def test_the_log_of_a_run_sums_to_its_summary(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "run", _written(tmp_path, "1500ms"), "--out", str(tmp_path / "reports")).code in RAN_WHOLE
    _assert_the_same(tmp_path / "reports/logged/latest")


@pytest.mark.slow
def test_the_log_of_a_killed_run_sums_to_the_summary_that_is_made_of_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = (sys.executable, "-m", "loadws", "run", _written(tmp_path, "1h"), "--out", str(tmp_path / "reports"))
    windows = tmp_path / "reports/logged/latest/windows.ndjson"
    with subprocess.Popen([*command, "-q"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        while not (windows.exists() and windows.read_bytes().count(b"\n") >= 2):
            with suppress(subprocess.TimeoutExpired):
                raise AssertionError(f"it ended by itself with {process.wait(timeout=0.05)}")
        process.send_signal(signal.SIGKILL)
    folder = windows.parent.resolve()
    assert not (folder / "summary.json").exists()
    assert run(capsys, "report", str(folder)).code == 0
    _assert_the_same(folder)
