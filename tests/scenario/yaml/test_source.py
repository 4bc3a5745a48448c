"""YAML text to a tree: what scalars mean, where they stand, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadws.scenario.yaml.explain import Problems, ScenarioError, SourceText
from loadws.scenario.yaml.source import LARGEST_FILE, decode, read_file, read_tree
from loadws.scenario.yaml.tree import find, plain_value


def read(text: str) -> object:
    problems = Problems(SourceText(Path("s.yaml"), text))
    value = plain_value(read_tree(problems))
    assert problems.found == {}
    return value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"),  # YAML 1.1's truth values are text
        ("yes", "yes"),
        ("1:30", "1:30"),  # no base 60
        ("2024-01-01", "2024-01-01"),  # no dates
        ("010", 10),  # no octal without 0o
        ("0o17", 15),
        ("0xff", 255),
        ("-3", -3),
        ("1_000", "1_000"),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("'5'", "5"),
        ("!!str 5", "5"),
        ("!!int '5'", 5),
        ('"a\\nb"', "a\nb"),
        ("|\n  x\n  y\n", "x\ny\n"),
        ("ws://h:1/a", "ws://h:1/a"),
        ("$.a.b", "$.a.b"),
    ],
)
def test_scalars_are_those_of_yaml_1_2(text: str, value: object) -> None:
    assert read(f"a: {text}") == {"a": value}


def test_aliases_and_merge_keys_are_copied() -> None:
    text = "a: &a {x: 1, y: 2}\nb: *a\nc: {<<: *a, y: 3}\nd: {<<: [{x: 9}, *a], z: 0}\n"
    assert read(text) == {
        "a": {"x": 1, "y": 2},
        "b": {"x": 1, "y": 2},
        "c": {"x": 1, "y": 3},
        "d": {"x": 9, "y": 2, "z": 0},
    }


def test_an_anchor_may_be_used_again_for_another_value() -> None:
    assert read("a: &x 1\nb: *x\nc: &x 2\nd: *x\n") == {"a": 1, "b": 1, "c": 2, "d": 2}


def test_every_node_knows_where_it_stands() -> None:
    text = "load:\n  - {users: 5, for: &f '10s'}\n"
    root = read_tree(Problems(SourceText(Path("s.yaml"), text)))
    node, rest = find(root, ("load", 0, "for", "nothing"))
    assert rest == ("nothing",)
    assert node.where == ("load", 0, "for")
    assert node.key_start is not None
    assert text[node.key_start :].startswith("for:")
    assert text[node.start : node.end] == "'10s'"


def test_line_ends_of_every_kind_count_as_one() -> None:
    source = SourceText(Path("s.yaml"), "a\r\nb\rc\nd")
    assert source.lines == ["a", "b", "c", "d"]
    assert [source.position(offset) for offset in (0, 3, 5, 7)] == [(1, 1), (2, 1), (3, 1), (4, 1)]


def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    assert decode(b"\xef\xbb\xbfa: 1", Path("s.yaml")).text == "a: 1"


def test_a_file_that_is_too_large_is_not_read_further(tmp_path: Path) -> None:
    path = tmp_path / "large.yaml"
    path.write_bytes(b"#" * (LARGEST_FILE + 5))
    content = read_file(path)
    assert len(content) == LARGEST_FILE + 1
    with pytest.raises(ScenarioError, match=r"large\.yaml: a scenario has at most 1,024 KiB; keep rows in data files"):
        decode(content, path)


def test_aliases_cannot_nest_deeper_than_files_may() -> None:
    chain = "a0: &a0 [1]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 80))
    with pytest.raises(ScenarioError, match="nested deeper than 64 levels"):
        read(chain)


def test_what_can_be_read_around_does_not_stop_the_reading() -> None:
    problems = Problems(SourceText(Path("s.yaml"), "a: 1\na: 2\n3: 4\nb: {x: 1, x: 2}\nc: {<<: 5}\n"))
    assert plain_value(read_tree(problems)) == {"a": 1, "b": {"x": 1}, "c": {}}
    assert [problem.message for problem in problems.of("error")] == [
        "the key 'a' stands twice, first in line 1",
        "a key must be text, not 3",
        "the key 'x' stands twice, first in line 4",
        "'<<' takes a mapping, or a list of mappings",
    ]
