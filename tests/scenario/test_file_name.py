"""The name of a scenario whose file is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadws.scenario.file_name import name_in

REST = "target: ws://h\nload: [{users: 1, for: 1s}]\nflow: [{request: a}]\n"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("name: my chat\n" + REST, "my chat"),
        (REST, "file"),  # the file's own
        ("name: my chat\nnonsense: 1\n", "my chat"),  # wrong in shape
        ("name: my chat  # as ever\nflow: [\n", "my chat"),  # no YAML
        ("name: 'my chat'\nflow: [\n", "my chat"),
        ('name: "my chat"\nflow: [\n', "my chat"),
        ("flow: [\n", "file"),
        ("name: chat of ${WHO}\n" + REST, "chat of ada"),  # with the environment
        ("name: chat of ${NOBODY}\n" + REST, None),  # which does not have it
        ("name: chat of ${WHO}\nflow: [\n", None),
        ("name: [a]\n" + REST, None),
        ("name: [a\n", None),
        ("", "file"),
    ],
)
def test_the_name_in_a_file(tmp_path: Path, text: str, name: str | None) -> None:
    path = tmp_path / "file.yaml"
    path.write_text(text)
    assert name_in(path, {"WHO": "ada"}) == name


def test_a_file_that_cannot_be_read_has_none(tmp_path: Path) -> None:
    assert name_in(tmp_path / "missing.yaml", {}) is None
