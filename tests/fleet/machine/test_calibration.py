"""What a calibration says of later runs, and how it is kept."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from loadws.fleet.machine import calibration
from loadws.fleet.machine.calibration import (
    Calibration,
    Found,
    Level,
    calibration_file,
    doubt,
    keep_calibration,
    read_calibration,
    this_machine,
)

ONE = Level(1, {"100": 40_000.0}, 30_000.0, 400_000.0)
THREE = Level(3, {"100": 100_000.0}, 80_000.0, 900_000.0)


def _calibration(*levels: Level) -> Calibration:
    return Calibration(this_machine(), "native", False, Found(3_000.0, 2_000, 6_000, levels))


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path))


def test_what_is_kept_is_read_again() -> None:
    kept = _calibration(ONE, THREE)
    assert keep_calibration(kept) == calibration_file("native")
    assert read_calibration("native") == kept
    assert read_calibration("trio-websocket") is None


def test_that_of_another_machine_is_none() -> None:
    keep_calibration(_calibration(ONE))
    changed = msgspec.structs.replace(_calibration(ONE), machine=msgspec.structs.replace(this_machine(), cores=1_000))
    keep_calibration(changed)
    assert read_calibration("native") is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"machine": 1}'])
def test_a_broken_one_is_none(content: bytes) -> None:
    file = calibration_file("native")
    assert file is not None
    file.parent.mkdir()
    file.write_bytes(content)
    assert read_calibration("native") is None


def test_a_cache_that_cannot_be_written_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path / "file"))
    assert keep_calibration(_calibration(ONE)) is None


@pytest.mark.parametrize(
    ("messages_per_s", "processes", "said"),
    [
        (None, 1, None),  # nobody knows
        (30_000.0, 1, None),  # just within
        (
            40_000.0,
            1,
            "this plan sends about 40,000 messages per second, and this machine was calibrated at 30,000 for 1 process: "
            "expect an invalid run; say --processes 3",
        ),
        # two were not tried: they make at most twice as much as one
        (60_000.0, 2, None),
        (
            90_000.0,
            2,
            "this plan sends about 90,000 messages per second, and this machine was calibrated at 30,000 for 1 process, "
            "which is at most 60,000 for 2: expect an invalid run; use more machines, or a lower rate",
        ),
        (40_000.0, 3, None),
        (90_000.0, 4, None),
        (
            110_000.0,
            4,
            "this plan sends about 110,000 messages per second, and this machine was calibrated at 80,000 for 3 processes, "
            "which is at most 106,667 for 4: expect an invalid run; use more machines, or a lower rate",
        ),
    ],
)
def test_what_goes_beyond_it(messages_per_s: float | None, processes: int, said: str | None) -> None:
    keep_calibration(_calibration(ONE, THREE))
    assert doubt(messages_per_s, "native", processes) == said


def test_where_there_is_none_nothing_is_said() -> None:
    assert doubt(1e9, "native", 1) is None


def test_a_machine_that_was_too_busy_to_tell_says_nothing() -> None:
    keep_calibration(_calibration(msgspec.structs.replace(ONE, scheduled_per_s=None)))
    assert doubt(1e9, "native", 1) is None


def test_a_machine_without_proc_has_a_name_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(calibration, "_CPUINFO", tmp_path / "none")
    assert this_machine().cpu
