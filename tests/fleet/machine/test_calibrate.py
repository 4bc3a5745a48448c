"""The calibration itself: the search by a made-up machine, and all of it, very short, by a real one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import trio

from loadws.cli.calibrate import calibrate_command
from loadws.fleet.machine import calibrate
from loadws.fleet.machine.calibrate import MOST_LAG_NS, Effort, Paced
from loadws.fleet.machine.calibration import Calibration, calibration_file, read_calibration
from loadws.terms.errors import TargetError

SHORT = Effort(warmup_s=0.1, judged_s=0.3, steps=1, held=20)
PLACE = calibrate._Place("ws://a.test", "native", Effort(steps=6))


def _search(monkeypatch: pytest.MonkeyPatch, capacity: float, kept: float = 1.0) -> tuple[float | None, float | None]:
    """On a machine that is late above its capacity, and answers so much of what it was asked."""

    async def pace(url: str, transport: str, effort: Effort, rate: float, users: int, processes: int) -> Paced:
        return Paced(rate * kept, MOST_LAG_NS * (0.5 if rate <= capacity else 2.0), rate * kept)

    monkeypatch.setattr(calibrate, "pace", pace)
    return trio.run(calibrate._search, PLACE, 64_000.0, 100, 1, lambda _: None, "")


def test_the_highest_rate_that_is_in_time_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _search(monkeypatch, 20_500) == (20_000.0, 0.5 * MOST_LAG_NS)


def test_a_machine_that_is_always_late_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _search(monkeypatch, 0) == (None, None)


def test_a_rate_that_was_not_kept_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _search(monkeypatch, 1e9, kept=0.8) == (None, None)


@pytest.mark.slow
def test_all_of_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setattr(calibrate, "MANY", 110)
    assert calibrate_command("builtin:echo", "native", True, SHORT) == 0
    printed = json.loads(capsys.readouterr().out)
    kept = read_calibration("native")
    assert isinstance(kept, Calibration)
    assert printed["found"]["levels"][0]["processes"] == 1
    assert (kept.found.users_held, kept.transport) == (20, "native")
    assert kept.found.connects_per_s > 0
    assert all(rate > 0 for level in kept.found.levels for rate in level.closed_per_s.values())
    assert list(kept.found.levels[0].closed_per_s) == ["100", "110"]
    file = calibration_file("native")
    assert file is not None and json.loads(file.read_bytes()) == printed


def test_a_target_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match=r"nothing could be opened at ws://127\.0\.0\.1:1"):
        calibrate_command("ws://127.0.0.1:1", "native", False, SHORT)
