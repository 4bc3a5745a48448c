"""Every command is tested on a terminal of the same width, without colours, and on a machine that was never calibrated."""

from __future__ import annotations

import pytest

from loadws.report.drawing.drawing import Drawing


@pytest.fixture(autouse=True)
def quick_charts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes seconds. Tests that start a process of their own have real charts, and so have the report's."""

    def draw(_artist: object, _summary: object, *_more: object) -> Drawing:
        return Drawing()

    monkeypatch.setattr("loadws.report.drawing.draw.Artist.draw", draw)


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "loadws.fleet.machine.calibration.calibration_file", lambda transport: None
    )  # whatever this machine has
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TERMINAL_WIDTH", "100")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("_TYPER_FORCE_DISABLE_TERMINAL", "1")
    for name in ("FORCE_COLOR", "TARGET", "TOKEN"):
        monkeypatch.delenv(name, raising=False)
