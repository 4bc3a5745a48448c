"""Files that a scenario names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import trustme

from loadws.scenario.build import load_text
from loadws.scenario.checks import files
from loadws.scenario.yaml.explain import ScenarioError

TEXT = "target: ws://h\nload: [{users: 1, for: 1s}]\nflow: [{send: {file: hello.txt}}]\n"


def test_files_are_relative_to_the_scenario(tmp_path: Path) -> None:
    (tmp_path / "hello.txt").write_text("hello")
    trustme.CA().cert_pem.write_to_path(tmp_path / "ca.pem")
    loaded = load_text(TEXT + "connection: {tls: {ca: ca.pem}}\n", tmp_path / "s.yaml", env={})
    assert loaded.warnings == ()


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "hello.txt")
    with pytest.raises(ScenarioError, match=r"the file 'hello\.txt' cannot be read: it is not a file"):
        load_text(TEXT, tmp_path / "s.yaml", env={})


def test_a_payload_file_has_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LARGEST_PAYLOAD", 4)
    (tmp_path / "hello.txt").write_text("hello")
    with pytest.raises(ScenarioError, match="it is larger than 4 B"):
        load_text(TEXT, tmp_path / "s.yaml", env={})
