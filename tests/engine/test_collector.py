"""The garbage collector is off during a run, and objects that the process froze before it stay frozen."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from typing import cast

import pytest

from loadws.engine.health import Collector, Watch
from loadws.transport.base import Timers


class Clock:
    """Enough of ``Timers`` for a watch that looks at nothing."""

    def now_ns(self) -> int:
        return 0


@pytest.fixture(autouse=True)
def frozen_again() -> Iterator[None]:
    """The tests themselves are frozen: see ``conftest``."""
    yield
    gc.freeze()


def collector() -> Collector:
    return Collector(Watch(cast(Timers, Clock())))


@pytest.mark.slow
def test_a_run_lets_go_of_what_it_froze(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Collector, "keeps_frozen", False)
    gc.unfreeze()
    with collector():
        assert not gc.isenabled()
        assert gc.get_freeze_count() > 0
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0


def test_what_was_frozen_before_a_run_stays_so() -> None:
    gc.freeze()
    before = gc.get_freeze_count()
    with collector():
        pass
    assert gc.isenabled()
    assert gc.get_freeze_count() >= before


class Circle:
    """An object that refers to itself, so that only the collector frees it."""

    def __init__(self) -> None:
        self.itself = self


@pytest.mark.slow
@pytest.mark.parametrize("has_run", [False, True])
def test_what_an_earlier_run_left_is_collected_before_the_next(has_run: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the first run of a process there is only what was imported, which is never garbage."""
    monkeypatch.setattr(Collector, "_has_run", has_run)
    circle = Circle()
    left = weakref.ref(circle)
    gc.collect()  # it is old now
    del circle
    with collector():
        assert (left() is None) == has_run
    gc.collect()
    monkeypatch.setattr(Collector, "_has_run", False)
    with collector():
        pass
    assert Collector._has_run
