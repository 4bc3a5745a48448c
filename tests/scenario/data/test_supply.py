"""Rows that are used one after another: the parts of a load together use each position once, whatever the parts are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from loadws.plan.split import Shard, shard
from loadws.scenario.data.feed import open_feed
from loadws.scenario.data.supply import Supply
from loadws.scenario.model.model import DataSource

ROWS = 10
WHOLE = Shard()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data")
    (path / "rows.csv").write_text("n\n" + "".join(f"{n}\n" for n in range(ROWS)))
    return path


def supply(folder: Path, part: Shard = WHOLE, **source: Any) -> Supply:
    described = DataSource(file="rows.csv", **source)
    return Supply("rows", described, open_feed(described, folder), 7, part)


def take(rows: Supply, user: int = 0, taken: dict[str, int] | None = None, session: int = 0) -> int | None:
    row = rows.take(user, session, {} if taken is None else taken)
    return None if row is None else int(row["n"])


@pytest.mark.slow
@given(
    st.lists(st.integers(1, 4), min_size=1, max_size=4),
    st.lists(st.integers(1, 4), max_size=2),
    st.sampled_from(["session", "turn", "use"]),
)
def test_the_parts_are_the_whole(folder: Path, weights: list[int], cuts: list[int], next_: str) -> None:
    """However a load is cut for machines and processes: no row twice, none left out, and each part has its own."""
    parts = [shard(index, len(weights), weights) for index in range(len(weights))]
    for count in cuts:
        parts = [part.cut(index, count) for part in parts for index in range(count)]
    found: list[int] = []
    for part in parts:
        rows = supply(folder, part, next=next_, order="unique")
        while (row := take(rows)) is not None:
            found.append(row)
    assert sorted(found) == list(range(ROWS))


@pytest.mark.slow
@given(st.integers(1, 5), st.integers(1, 40))
def test_parts_that_repeat_use_each_row_equally_often(folder: Path, count: int, each: int) -> None:
    """Where every part took as many rows, together they took the first of the whole sequence."""
    parts = [supply(folder, Shard(index, count), next="use") for index in range(count)]
    found = sorted(row for rows in parts for _ in range(each) if (row := take(rows)) is not None)
    assert found == sorted(position % ROWS for position in range(count * each))


def test_a_user_may_go_through_all_rows_for_itself(folder: Path) -> None:
    rows = supply(folder, Shard(1, 3), next="turn", scope="user", when_exhausted="stop")
    ada: dict[str, int] = {}
    bob: dict[str, int] = {}
    assert [take(rows, 0, ada) for _ in range(3)] == [0, 1, 2]
    assert [take(rows, 1, bob) for _ in range(ROWS + 1)] == [*range(ROWS), None]
    assert take(rows, 0, ada) == 3


@pytest.mark.parametrize("scope", ["shared", "user"])
def test_random_rows_are_the_same_in_every_run(folder: Path, scope: Any) -> None:
    def some(user: int) -> list[int | None]:
        rows, taken = supply(folder, next="use", scope=scope, order="random"), dict[str, int]()
        return [take(rows, user, taken) for _ in range(30)]

    assert some(0) == some(0)
    assert (some(0) == some(1)) is (scope == "shared")
    assert len(set(some(0))) > 3


@given(st.integers(0, 30), st.integers(0, 5), st.sampled_from(["sequential", "unique", "random"]))
def test_a_row_for_each_user_is_that_of_the_feed(folder: Path, user: int, session: int, order: Any) -> None:
    """The default: whatever was taken before, and whichever process asks."""
    described = DataSource(file="rows.csv", order=order)
    rows = supply(folder, Shard(2, 3), order=order)
    rows.take(3, 0, {})
    assert rows.take(user, session, {}) == open_feed(described, folder).row(user, session, 7)


@pytest.mark.parametrize(
    ("source", "part", "says"),
    [
        ({"order": "unique"}, WHOLE, "the data 'rows' has 10 rows, and user 12 would need one more: add rows, or let"),
        ({"next": "session"}, WHOLE, "the 10 rows of 'rows' are used up, one for each session: add rows, or let them"),
        (
            {"next": "turn"},
            Shard(0, 2),
            "are used up (this is one of several processes, and has its part of them), one for each turn",
        ),
        ({"next": "turn"}, WHOLE, "add rows, let a row last for a session (next: session)"),
        ({"next": "use"}, WHOLE, "add rows, let a row last for a turn (next: turn)"),
        ({"next": "use", "scope": "user"}, Shard(0, 2), "user 12 has used all 10 rows of 'rows', one for each use"),
    ],
)
def test_what_ran_out_has_advice_from_its_cause(folder: Path, source: Any, part: Shard, says: str) -> None:
    assert says in supply(folder, part, **source).why_exhausted(12)


def test_a_row_of_each_user_has_no_scope() -> None:
    with pytest.raises(ValidationError, match="scope: user needs next"):
        DataSource(file="rows.csv", scope="user")
