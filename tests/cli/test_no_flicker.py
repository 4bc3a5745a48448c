"""A place that results will be written to does not appear, not even for a moment, before there are results."""

from __future__ import annotations

import inspect
import io
from pathlib import Path
from typing import Any

import pytest

from loadws.cli.places import Places
from loadws.outputs.destinations import Destination, clear


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that grows by the name of every file that pathlib opens."""
    names: list[str] = []
    real = io.open

    def noting(file: Any, *rest: Any, **more: Any) -> Any:
        names.append(Path(file).name)
        return real(file, *rest, **more)

    monkeypatch.setattr(inspect.getmodule(Path.open), "io", type("io", (), {**vars(io), "open": staticmethod(noting)}))
    return names


def test_a_fixed_place_is_tried_beside_it(tmp_path: Path, opened: list[str]) -> None:
    Places(junit=tmp_path / "junit.xml").clear()
    assert opened and "junit.xml" not in opened
    assert not list(tmp_path.iterdir())


def test_the_file_of_an_output_is_tried_beside_it(tmp_path: Path, opened: list[str]) -> None:
    clear(Destination("ndjson", str(tmp_path / "live.ndjson")))
    assert opened and "live.ndjson" not in opened
    assert not list(tmp_path.iterdir())
