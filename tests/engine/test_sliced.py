"""``in_slices``: all of the work is done, and the loop has its turn in between."""

from __future__ import annotations

from collections.abc import Generator
from types import SimpleNamespace

import pytest
import trio

from loadws.engine import sliced as slices
from loadws.engine.sliced import in_slices


def counting(steps: int) -> Generator[None, None, int]:
    for _ in range(steps):
        yield
    return steps


def test_what_the_work_returns_comes_back() -> None:
    assert trio.run(in_slices, counting(1000)) == 1000
    assert trio.run(in_slices, counting(0)) == 0


def test_the_loop_has_its_turn_between_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock is ours: each step of the work takes a tenth of a slice, each look at it included."""
    now_ns = 0

    def clock() -> int:
        nonlocal now_ns
        now_ns += slices.LEAST_SLICE_NS // 10
        return now_ns

    async def main() -> int:
        turns = 0

        async def beside() -> None:
            nonlocal turns
            while True:
                turns += 1
                await trio.lowlevel.checkpoint()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(beside)
            await in_slices(counting(100))
            nursery.cancel_scope.cancel()
        return turns

    monkeypatch.setattr(slices, "time", SimpleNamespace(perf_counter_ns=clock))
    assert 5 <= trio.run(main) <= 20
