from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from loadws.report.html.packed import packed


@given(st.lists(st.none() | st.integers(0, 20) | st.sampled_from(["", "a"]), max_size=200))
def test_a_packed_column_has_the_same_values(values: list[float | str | None]) -> None:
    written = packed(values)
    read = [written["of"][at] for at in written["at"]] if isinstance(written, dict) else written
    assert read == values


def test_only_what_repeats_itself_is_packed() -> None:
    assert packed([float(number) for number in range(100)]) == [float(number) for number in range(100)]
    assert packed([5.0, None] * 100) == {"of": [5.0, None], "at": [0, 1] * 100}
