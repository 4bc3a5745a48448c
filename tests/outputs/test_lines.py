"""Live figures as NDJSON and CSV: the same fields, in base units, readable by what reads such files."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from loadws.metrics.frame import Frame, Gauges
from loadws.outputs.destinations import Destination
from loadws.outputs.kinds.lines import COLUMNS, LinesExporter
from loadws.outputs.second import Seconds
from loadws.terms.errors import UsageError
from tests.metrics.made_up import counted, frame, info, times

BEGAN_NS = 1_785_499_200_000_000_000  # 2026-07-31T12:00:00Z


def told(index: int) -> Frame:
    values = [float(n) for n in range(1, 41)]  # 1 to 40 ms: enough for p75, too few for p90
    return frame(
        index,
        gauges=Gauges(2, 3),
        counters=(counted("error_rate", 9, failed=2, kind="timeout", step='a "b", c'), counted("bytes_sent", 70)),
        histograms=(times("response_time", values, step="join", missing=4), times("feed_age", [], step="ö")),
    )


def written(kind: str, file: Path, runs: int = 1) -> str:
    for _ in range(runs):
        exporter = LinesExporter(Destination(kind, str(file)))
        exporter.begin(info())
        seconds = Seconds(info())
        for index in (0, 1):
            for second in seconds.add(told(index), BEGAN_NS):
                exporter.take(second)
        exporter.close()
    return file.read_text("utf-8")


def plain(metric: str, kind: str, unit: str, **more: Any) -> dict[str, Any]:
    return {
        "time": "2026-07-31T12:00:01.000Z", "at_s": 1.0, "duration_s": 1.0, "phase": "steady", "warmup": False,
        "metric": metric, "type": kind, "unit": unit, "labels": {}, **more,
    }  # fmt: skip


EXPECTED = [
    plain("response_time", "histogram", "s", labels={"step": "join"}, count=40, missing=4, min=0.001, mean=0.0205,
          p50=0.02, p75=0.03, max=0.04),
    plain("feed_age", "histogram", "s", labels={"step": "ö"}, count=0),
    plain("error_rate", "rate", "1", labels={"kind": "timeout", "step": 'a "b", c'}, count=9, failed=2),
    plain("bytes_sent", "counter", "bytes", count=70),
    plain("users", "gauge", "1", value=3.0),
    plain("open_connections", "gauge", "1", value=2.0),
    plain("generator_cpu", "gauge", "1", value=0.0),
    plain("generator_loop_lag", "gauge", "s", value=0.0),
]  # fmt: skip


def near(value: Any) -> Any:
    """Histograms have three digits."""
    return pytest.approx(value, rel=1e-3) if isinstance(value, float) else value


def test_ndjson_has_a_line_for_each_metric_and_second(tmp_path: Path) -> None:
    lines = [json.loads(line) for line in written("ndjson", tmp_path / "live.ndjson").splitlines()]
    assert [line["at_s"] for line in lines] == [0.0] * len(EXPECTED) + [1.0] * len(EXPECTED)
    for line, expected in zip(lines[len(EXPECTED) :], EXPECTED, strict=True):
        assert line == {name: near(value) for name, value in expected.items()}


def test_csv_has_the_same_in_columns(tmp_path: Path) -> None:
    found = list(csv.DictReader(io.StringIO(written("csv", tmp_path / "live.csv"))))
    assert tuple(found[0]) == COLUMNS
    for row, expected in zip(found[len(EXPECTED) :], EXPECTED, strict=True):
        flat = {**expected, **expected["labels"], "warmup": "false"}
        for column in COLUMNS:
            value = flat.get(column)
            if isinstance(value, float):
                assert float(row[column]) == near(value)
            else:
                assert row[column] == ("" if value is None else str(value))


def test_runs_of_one_command_are_added_and_have_one_header(tmp_path: Path) -> None:
    once, twice = written("csv", tmp_path / "one.csv"), written("csv", tmp_path / "two.csv", runs=2)
    assert twice == once + once.partition("\n")[2]


def test_a_file_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written: Is a directory"):
        LinesExporter(Destination("csv", str(tmp_path)))
