"""Every command is tested on a terminal of the same width, without colours, and on a machine that was never calibrated."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "loadws.fleet.calibration.calibration_file", lambda transport: None
    )  # whatever this machine has
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TERMINAL_WIDTH", "100")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("_TYPER_FORCE_DISABLE_TERMINAL", "1")
    for name in ("FORCE_COLOR", "GITHUB_ACTIONS", "TARGET", "TOKEN"):
        monkeypatch.delenv(name, raising=False)
