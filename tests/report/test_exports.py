from __future__ import annotations

import csv
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from loadws.report.charts.charts import charts
from loadws.report.drawing.drawing import Drawing, Drawn
from loadws.report.drawing.exports import export
from loadws.terms.errors import OutputError
from tests.report import example


@pytest.fixture(scope="module")
def drawing() -> Drawing:
    return Drawing(tuple(Drawn.of(chart) for chart in charts(example.summary())))


def test_each_chart_is_a_picture_and_a_table(drawing: Drawing, tmp_path: Path) -> None:
    written = export(drawing, {"svg": tmp_path / "pictures", "csv": tmp_path / "numbers"})
    assert len(written) == 2 * len(drawing.charts)
    for path in (tmp_path / "pictures").iterdir():
        ElementTree.parse(path)
    rows = list(csv.reader((tmp_path / "numbers" / "latency.csv").read_text().splitlines()))
    assert rows[0][:2] == ["t", "response p50 (ms)"]
    assert len(rows) == 201


@pytest.mark.slow
def test_pictures_of_points(drawing: Drawing, tmp_path: Path) -> None:
    pytest.importorskip("resvg_py")
    (first, *_) = export(drawing, {"png": tmp_path})
    assert first.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_without_its_package_png_says_what_to_install(
    drawing: Drawing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(OutputError, match="--png needs the package resvg-py") as failed:
        export(drawing, {"png": tmp_path})
    assert failed.value.advice == "pip install 'loadws[png]'"
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made(drawing: Drawing, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        export(drawing, {"csv": tmp_path / "file"})


def test_no_cell_is_a_formula(tmp_path: Path) -> None:
    chart = Drawn("c", "", "", "", "", 10, False, (), {"=a": ["=1+1", -1.5], "b": [None, 2.0]})
    export(Drawing((chart,)), {"csv": tmp_path})
    assert (tmp_path / "c.csv").read_text() == "'=a,b\n'=1+1,\n-1.5,2.0\n"
