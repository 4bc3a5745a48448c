"""Data files: who gets which row, and what is wrong with a file and where."""

from __future__ import annotations

import json
import os
import tracemalloc
from collections import Counter
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadws.scenario.data import rows as module
from loadws.scenario.data.feed import DataError, Feed, open_feed
from loadws.scenario.model.model import DataSource

Order = Literal["sequential", "random", "unique"]


def opened(
    directory: Path,
    content: str | bytes,
    name: str = "rows.csv",
    order: Order = "sequential",
    when_exhausted: Literal["repeat", "stop"] = "repeat",
) -> Feed:
    data = content.encode() if isinstance(content, str) else content
    (directory / name).write_bytes(data)
    return open_feed(DataSource(file=name, order=order, when_exhausted=when_exhausted), directory)


def rows(feed: Feed) -> list[Any]:
    return [feed.row(user, 0, 7) for user in range(len(feed))]


# -- formats ----------------------------------------------------------------------------------------------------------

BOB_AND_EVE = [{"user": "bob", "age": "41"}, {"user": "eve", "age": "7"}]


@pytest.mark.parametrize(
    "content",
    [
        "user,age\nbob,41\neve,7\n",
        "user,age\r\nbob,41\r\neve,7",  # other line ends, none at the end
        "\ufeffuser,age\nbob,41\neve,7\n",  # a byte order mark
        " user , age\n\nbob,41\n\n\neve,7\n\n",  # blank lines, and space about the names
        '"user","age"\n"bob","41"\n"eve",7\n',  # quotes
    ],
)
def test_csv(tmp_path: Path, content: str) -> None:
    feed = opened(tmp_path, content)
    assert (feed.columns, len(feed)) == (("user", "age"), 2)
    assert rows(feed) == BOB_AND_EVE


@pytest.mark.parametrize(
    ("source", "content"),
    [
        ({"delimiter": ";"}, "user;age\nbob;41\neve;7\n"),
        ({"delimiter": "\t"}, "user\tage\nbob\t41\neve\t7\n"),
        ({"columns": ["user", "age"]}, "bob,41\neve,7\n"),
        ({"columns": ["user", "age"], "delimiter": "|"}, '\ufeff"bob"|41\n\neve|7\n'),
    ],
)
def test_csv_of_other_dialects(tmp_path: Path, source: dict[str, Any], content: str) -> None:
    (tmp_path / "rows.csv").write_text(content)
    feed = open_feed(DataSource(file="rows.csv", **source), tmp_path)
    assert rows(feed) == BOB_AND_EVE


@pytest.mark.parametrize(
    ("source", "content", "message", "advice"),
    [
        ({}, "user;age\nbob;41\n", "rows.csv:1: the only column is called 'user;age'",
         'say how its fields are separated: delimiter: ";"'),
        ({}, "user\tage\nbob\t41\n", "rows.csv:1: the only column is called 'user\\tage'",
         'say how its fields are separated: delimiter: "\\t"'),
        ({"columns": ["user", "age"]}, "bob;41\n", "rows.csv:1: this row has 1 field, and `columns` 2 fields",
         'say how its fields are separated: delimiter: ";"'),
    ],
)  # fmt: skip
def test_another_delimiter_is_the_likely_cause(
    tmp_path: Path, source: dict[str, Any], content: str, message: str, advice: str
) -> None:
    (tmp_path / "rows.csv").write_text(content)
    with pytest.raises(DataError) as caught:
        open_feed(DataSource(file="rows.csv", **source), tmp_path)
    assert (str(caught.value), caught.value.advice) == (message, advice)


@pytest.mark.parametrize(
    "source",
    [
        {"file": "rows.csv", "delimiter": ""},
        {"file": "rows.csv", "delimiter": ";;"},
        {"file": "rows.csv", "delimiter": '"'},
        {"file": "rows.jsonl", "delimiter": ";"},
        {"file": "rows.json", "columns": ["a"]},
        {"file": "rows.csv", "columns": ["a", "a"]},
    ],
)
def test_dialects_that_cannot_be(source: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        DataSource(**source)


def test_a_quoted_field_may_hold_anything(tmp_path: Path) -> None:
    feed = opened(tmp_path, 'a,b\n"x, ""y""\nz", \n')
    assert rows(feed) == [{"a": 'x, "y"\nz', "b": " "}]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("rows.jsonl", '{"n": 1, "x": [null]}\n\n{"x": "é", "n": 2.5}\n'),  # keys in any order
        ("rows.ndjson", '{"n": 1, "x": [null]}\r\n{"n": 2.5, "x": "é"}'),
        ("ROWS.JSON", '[{"n": 1, "x": [null]},\n {"n": 2.5, "x": "é"}]'),
    ],
)
def test_json_keeps_its_types(tmp_path: Path, name: str, content: str) -> None:
    feed = opened(tmp_path, content, name)
    assert feed.columns == ("n", "x")
    assert rows(feed) == [{"n": 1, "x": [None]}, {"n": 2.5, "x": "é"}]


FIELDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=8)


@settings(max_examples=50)
@given(st.lists(st.tuples(FIELDS, FIELDS), min_size=1, max_size=5))
def test_what_is_written_as_csv_is_read_back(tmp_path_factory: pytest.TempPathFactory, fields: Any) -> None:
    quoted = [",".join('"' + field.replace('"', '""') + '"' for field in row) for row in fields]
    feed = opened(tmp_path_factory.mktemp("csv"), "\n".join(["a,b", *quoted]))
    assert rows(feed) == [{"a": a, "b": b} for a, b in fields]


# -- who gets which ---------------------------------------------------------------------------------------------------

THREE = "n\n0\n1\n2\n"


def numbers(feed: Feed, users: int, session: int = 0) -> list[int | None]:
    got = [feed.row(user, session, 7) for user in range(users)]
    return [None if row is None else int(row["n"]) for row in got]


@pytest.mark.parametrize(
    ("order", "when_exhausted", "expected"),
    [
        ("sequential", "repeat", [0, 1, 2, 0, 1, 2, 0]),
        ("sequential", "stop", [0, 1, 2, None, None, None, None]),
        # nobody shares a row, whatever is said of the end
        ("unique", "repeat", [0, 1, 2, None, None, None, None]),
        ("unique", "stop", [0, 1, 2, None, None, None, None]),
    ],
)
def test_a_user_has_the_row_of_its_number(
    tmp_path: Path, order: Order, when_exhausted: Literal["repeat", "stop"], expected: list[int | None]
) -> None:
    feed = opened(tmp_path, THREE, order=order, when_exhausted=when_exhausted)
    assert expected == numbers(feed, 7) == numbers(feed, 7, session=4)


def test_random_rows_repeat_with_the_seed_and_differ_between_sessions(tmp_path: Path) -> None:
    feed = opened(tmp_path, THREE, order="random")
    assert numbers(feed, 50) == numbers(feed, 50)
    assert numbers(feed, 50) != numbers(feed, 50, session=1)
    assert None not in numbers(feed, 50)


def test_random_rows_come_up_equally_often(tmp_path: Path) -> None:
    feed = opened(tmp_path, THREE, order="random")
    counts = Counter(numbers(feed, 3000))
    assert all(abs(count - 1000) < 130 for count in counts.values())  # five standard deviations
    assert sorted(key for key in counts if key is not None) == [0, 1, 2]


def test_two_random_files_are_not_read_in_step(tmp_path: Path) -> None:
    content = "n\n" + "\n".join(map(str, range(1000)))
    one = opened(tmp_path, content, "one.csv", order="random")
    two = opened(tmp_path, content, "two.csv", order="random")
    assert numbers(one, 50) != numbers(two, 50)


# -- what is wrong ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "line", "message"),
    [
        ("rows.csv", "", None, "rows.csv: there are no rows in it"),
        ("rows.csv", "\n\n", None, "rows.csv: there are no rows in it"),
        ("rows.csv", "a,b\n", None, "rows.csv: there are no rows in it"),
        ("rows.csv", "a,b\n1,2\n\n3\n", 4, "rows.csv:4: this row has 1 field, and the header 2 fields"),
        ("rows.csv", "a\n1,2,3\n", 2, "rows.csv:2: this row has 3 fields, and the header 1 field"),
        # a row of two lines: the line that it begins on
        ("rows.csv", 'a\n"x\ny",2\n', 2, "rows.csv:2: this row has 2 fields, and the header 1 field"),
        ("rows.csv", "\na,,c\n", 2, "rows.csv:2: column 2 has no name in the header"),
        ("rows.csv", "a,b, a\n", 1, "rows.csv:1: the column 'a' stands twice in the header"),
        ("rows.csv", 'a\n1\n"x', 3, "rows.csv:3: this is not CSV: unexpected end of data"),
        ("rows.csv", 'a\n"x"y\n', 2, "rows.csv:2: this is not CSV: ',' expected after '\"'"),
        ("rows.csv", b"a\nx\n\xff\n", 3, "rows.csv:3: this is not UTF-8"),
        ("rows.jsonl", '{"a": 1}\n{"a": \n', 2, "rows.jsonl:2: this is not JSON: it ends too early"
         " at byte 7 of '{\"a\": \\n'"),
        ("rows.jsonl", '{"a": 1}\n[1]\n', 2, "rows.jsonl:2: row 2 is not an object with something in it"),
        ("rows.jsonl", "{}\n", 1, "rows.jsonl:1: row 1 is not an object with something in it"),
        ("rows.jsonl", '{"a": 1, "b": 2}\n\n{"a": 1}', 3, "rows.jsonl:3: row 2 has no 'b', as the first row has"),
        ("rows.jsonl", '{"a": 1}\n{"a": 1, "c": 2}', 2, "rows.jsonl:2: row 2 has 'c', which the first row has not"),
        ("rows.jsonl", "\n", None, "rows.jsonl: there are no rows in it"),
        ("rows.json", '{"a": 1}', None, "rows.json: this is not an array of objects"),
        ("rows.json", '[{"a": 1}, 2]', None, "rows.json: row 2 is not an object with something in it"),
        ("rows.json", "[]", None, "rows.json: there are no rows in it"),
        ("rows.json", "[" * 100_000, None, "rows.json: this is not JSON: it ends too early"
         " at byte 100,000 of …'" + "[" * 20 + "'"),
        ("rows.json", '[{"a": ' + "[" * 5_000 + "]" * 5_000 + "}]", None, "rows.json: this is not JSON: it is nested"
         " too deeply for a file of data at byte 1 of '[{\"a\": " + "[" * 34 + "'…"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file_and_where(
    tmp_path: Path, name: str, content: str | bytes, line: int | None, message: str
) -> None:
    with pytest.raises(DataError) as caught:
        opened(tmp_path, content, name)
    assert (line, message) == (caught.value.line, str(caught.value))


def test_a_file_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    expected = {
        "missing.csv": "missing.csv: cannot be read: No such file or directory",
        "folder.csv": "folder.csv: is not a file",
        "a\0b.csv": "a\0b.csv: cannot be read: no file can have this name",
        "rows.xls": "rows.xls: what kind of file this is cannot be told",
    }
    for name, message in expected.items():
        with pytest.raises(DataError) as caught:
            open_feed(DataSource(file=name), tmp_path)
        assert message == str(caught.value)


def test_a_file_has_so_many_bytes_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGEST_FILE", 8)
    monkeypatch.setattr(module, "LARGEST_ARRAY", 7)
    assert len(opened(tmp_path, THREE)) == 3
    with pytest.raises(DataError, match=r"rows\.csv: has 10 B; 8 B are allowed"):
        opened(tmp_path, THREE + "3\n")
    with pytest.raises(DataError, match=r"rows\.json: has 9 B; 7 B are allowed") as caught:
        opened(tmp_path, '[{"n":1}]', "rows.json")
    assert caught.value.advice == "JSON lines (.jsonl) may be longer"


# -- at scale ---------------------------------------------------------------------------------------------------------


def test_half_of_a_surrogate_pair_is_read_as_javascript_reads_it(tmp_path: Path) -> None:
    for name, content in (
        ("rows.json", '[ {"a": "x\\ud83d"} , {"a": 1e999}]'),
        ("rows.jsonl", '{"a": "x\\ud83d"}\n{"a": 1e999}'),
    ):
        assert rows(opened(tmp_path, content, name)) == [{"a": "x\ud83d"}, {"a": float("inf")}]


VALUES = st.none() | st.integers(-9, 9) | st.text(max_size=4) | st.lists(st.integers(0, 9), max_size=2)


@pytest.mark.slow
@settings(max_examples=50)
@given(
    st.lists(st.fixed_dictionaries({"a,]}": VALUES, "é": VALUES}), min_size=1, max_size=5),
    st.sampled_from([None, 1]),
    st.booleans(),
)
def test_every_element_of_an_array_is_found_again(
    tmp_path_factory: pytest.TempPathFactory, elements: list[dict[str, Any]], indent: int | None, in_ascii: bool
) -> None:
    text = json.dumps(elements, indent=indent, ensure_ascii=in_ascii)
    for written in (text, "\ufeff \n" + text + "\n"):
        assert rows(opened(tmp_path_factory.mktemp("json"), written, "rows.json")) == elements


@given(users=st.integers(1, 40), processes=st.integers(1, 8), count=st.integers(1, 30))
def test_processes_share_unique_rows_without_overlap(
    tmp_path_factory: pytest.TempPathFactory, users: int, processes: int, count: int
) -> None:
    """Users go to processes by their number; what one process gives out, no other does, and all of it is given out."""
    feed = opened(tmp_path_factory.mktemp("unique"), "n\n" + "\n".join(map(str, range(count))), order="unique")
    given_out = [
        [row["n"] for user in range(process, users, processes) if (row := feed.row(user, 0, 7))]
        for process in range(processes)
    ]
    assert sorted(int(n) for some in given_out for n in some) == list(range(min(users, count)))


@pytest.mark.slow
def test_rows_are_no_objects_until_they_are_wanted(tmp_path: Path) -> None:
    content = "n,text\n" + "".join(f'{n},"two\nlines, {n}"\n' for n in range(50_000))
    (tmp_path / "rows.csv").write_text(content)
    tracemalloc.start()
    try:
        feed = open_feed(DataSource(file="rows.csv"), tmp_path)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 50_000 * 16  # twelve bytes a row, and what an array takes ahead
    assert feed.row(49_999, 0, 7) == {"n": "49999", "text": "two\nlines, 49999"}


def test_a_file_is_looked_through_once(tmp_path: Path) -> None:
    one, again = opened(tmp_path, THREE), open_feed(DataSource(file="rows.csv", order="random"), tmp_path)
    assert one._rows is again._rows
    assert len(opened(tmp_path, THREE + "3\n")) == 4  # it is another one now


@pytest.mark.parametrize(
    "after",
    [
        "",
        "n\n0\n",
        'n\n"\n\n\n\n',
        THREE.replace("2", "7"),  # as long as before, and no less in order
    ],
)
def test_a_file_that_is_changed_while_it_is_used_is_told(tmp_path: Path, after: str) -> None:
    feed = opened(tmp_path, THREE)
    file = tmp_path / "rows.csv"
    before = file.stat()
    file.write_text(after)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns + 1))  # a clock with coarse ticks may not have moved on
    with pytest.raises(DataError, match=r"^the file was changed while it was in use$") as caught:
        feed.row(0, 0, 7)
    assert caught.value.advice.startswith("write a new file beside it")


def test_a_file_that_is_replaced_by_another_is_the_one_that_it_was(tmp_path: Path) -> None:
    feed = opened(tmp_path, THREE)
    (tmp_path / "new.csv").write_text("n\n7\n")
    (tmp_path / "new.csv").replace(tmp_path / "rows.csv")
    assert rows(feed) == [{"n": "0"}, {"n": "1"}, {"n": "2"}]


def test_a_file_may_stand_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text(THREE)
    feed = open_feed(DataSource(file=str(tmp_path / "rows.csv")), tmp_path / "scenarios")
    assert len(feed) == 3
