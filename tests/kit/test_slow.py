"""The tool that marks slow tests reads what was measured and changes nothing but the mark."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.kit.slow import main, marked, measured, with_mark

SOURCE = """from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    "n",
    [1, 2],
)
def test_one(n: int) -> None: ...


# A word about the next.
def test_two() -> None: ...
"""


@pytest.mark.parametrize("function", ["test_one", "test_two"])
def test_a_mark_is_found_where_it_was_written(function: str) -> None:
    made = with_mark(SOURCE, function)
    assert [marked(SOURCE, function), marked(made, function)] == [False, True]
    assert made.replace("@pytest.mark.slow\n", "") == SOURCE
    compile(made, "made", "exec")


def test_the_mark_of_one_is_not_that_of_the_next() -> None:
    assert not marked(with_mark(SOURCE, "test_one"), "test_two")


def test_pytest_is_imported_for_the_mark() -> None:
    made = with_mark(
        '"""Tests."""\n\nfrom __future__ import annotations\n\n\ndef test_three() -> None: ...\n', "test_three"
    )
    assert "\nimport pytest\n" in made


def test_items_count_on_average(tmp_path: Path) -> None:
    lines = [["a.py::test_x[1]", 1.0], ["a.py::test_x[2]", 0.0], ["a.py::test_y", 0.1]]
    (tmp_path / "1.ndjson").write_text("\n".join(map(json.dumps, lines[:2])))
    (tmp_path / "2.ndjson").write_text(json.dumps(lines[2]))
    assert measured(tmp_path) == {"a.py::test_x": 0.5, "a.py::test_y": 0.1}


def test_a_slow_function_is_marked_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.kit.slow.ROOT", tmp_path)
    (tmp_path / "a.py").write_text(SOURCE)
    (tmp_path / "1.ndjson").write_text(json.dumps(["a.py::test_two", 0.3]))
    main(tmp_path)
    assert capsys.readouterr().out == "  0.30 s  marked: a.py::test_two\n"
    assert (tmp_path / "a.py").read_text() == with_mark(SOURCE, "test_two")
