"""When a load begins: at an agreed moment of UTC, or at once."""

from __future__ import annotations

import time

import pytest
import trio

from loadws.engine.lifecycle import Lifecycle
from loadws.fleet.start import HAND_OVER_NS, NOTE_LEAD_NS, Start, as_utc
from loadws.terms.units import NS_PER_S

LEAD_NS = 20_000_000


def moment(start: Start, lifecycle: Lifecycle, monkeypatch: pytest.MonkeyPatch, unix_ns: int) -> int:
    """Return the moment, where the clocks stand at ``unix_ns`` and at 100 s."""
    monkeypatch.setattr(time, "time_ns", lambda: unix_ns)
    monkeypatch.setattr(time, "monotonic_ns", lambda: 100 * NS_PER_S)
    return trio.run(start.moment, LEAD_NS, lifecycle)


def test_at_once_is_as_soon_as_the_processes_can_hear_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert moment(Start(), Lifecycle(), monkeypatch, 5 * NS_PER_S) == 100 * NS_PER_S + LEAD_NS


def test_an_agreed_moment_becomes_one_of_the_monotonic_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    noted: list[int] = []
    start = Start(9 * NS_PER_S, noted.append)
    assert moment(start, Lifecycle(), monkeypatch, 9 * NS_PER_S - HAND_OVER_NS) == 100 * NS_PER_S + HAND_OVER_NS
    assert noted == [9 * NS_PER_S]
    assert start.too_late is None


def test_the_start_is_noted_before_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    noted: list[int] = []
    assert moment(Start(None, noted.append), Lifecycle(), monkeypatch, 0) == 100 * NS_PER_S + NOTE_LEAD_NS
    assert noted == [NOTE_LEAD_NS]


def test_a_moment_that_has_passed_ends_the_load_before_it_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    start, lifecycle = Start(9 * NS_PER_S), Lifecycle()
    moment(start, lifecycle, monkeypatch, 10 * NS_PER_S)
    assert lifecycle.stopping.is_set()
    assert start.too_late is not None
    assert str(start.too_late) == ("everything was ready 1.02 s after the start that --start-at names: nothing was run")


def test_a_stop_is_not_made_to_wait_for_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it this would wait for a clock that stands still."""
    start, lifecycle = Start(3_600 * NS_PER_S), Lifecycle()
    lifecycle.signal("Ctrl-C")
    assert moment(start, lifecycle, monkeypatch, 0) == 100 * NS_PER_S + LEAD_NS
    assert start.too_late is None


def test_a_moment_for_people() -> None:
    assert as_utc(1_785_499_200_000_001_999) == "2026-07-31T12:00:00.000001Z"
