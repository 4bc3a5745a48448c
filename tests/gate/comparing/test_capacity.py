"""The course of a search: it ends, at the largest load that holds, whatever that is."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from loadws.gate.comparing.capacity import GAP, Held, Level, largest, next_load


def searched(holds: Callable[[float, int], Held], least: float, most: float, is_whole: bool = True) -> list[Level]:
    """Return the levels of a whole search; ``holds`` gets the load and how often it was tried before."""
    levels: list[Level] = []
    while (load := next_load(levels, least, most, is_whole)) is not None:
        assert len(levels) < 60
        levels.append(Level(load, holds(load, sum(level.load == load for level in levels))))
    return levels


@given(capacity=st.integers(0, 5_000), least=st.integers(1, 50), more=st.integers(1, 3_000), is_whole=st.booleans())
def test_the_largest_load_that_holds_is_found(capacity: int, least: int, more: int, is_whole: bool) -> None:
    most = least + more
    levels = searched(lambda load, _: "held" if load <= capacity else "failed", least, most, is_whole)
    found, true = largest(levels), min(capacity, most)
    if true < least:
        assert found is None
    else:
        assert found is not None
        assert true - max(1.0, GAP * found) <= found <= true
        assert sum(level.load == found for level in levels) == 2  # it held twice


def test_a_level_that_does_not_hold_again_is_given_up() -> None:
    levels = searched(lambda load, before: "failed" if load > 40 or (load == 40 and before) else "held", 10, 100)
    found = largest(levels)
    assert found is not None and found < 40


def test_the_limit_of_the_generator_ends_it() -> None:
    levels = searched(lambda load, _: "limit" if load > 30 else "held", 10, 1_000)
    assert [level.load for level in levels] == [10, 20, 40]
    assert largest(levels) == 20
