"""Templates are compiled once: kept in the user's cache, and made again where the cache holds something else."""

from __future__ import annotations

from pathlib import Path

import jinja2
import pytest

from loadws.report.html.compiled import CompiledTemplates


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path))
    return tmp_path / "loadws"


def rendered(text: str) -> str:
    environment = jinja2.Environment(loader=jinja2.DictLoader({"page": text}), bytecode_cache=CompiledTemplates())
    return environment.get_template("page").render(word="hello")


def test_a_template_is_compiled_once(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert rendered("{{ word }}") == "hello"
    assert len(list(cache.iterdir())) == 1
    monkeypatch.delattr(jinja2.Environment, "compile")
    assert rendered("{{ word }}") == "hello"


@pytest.mark.parametrize("kept", [b"", b"torn", b"\0" * 1000])
def test_what_does_not_fit_is_made_again(cache: Path, kept: bytes) -> None:
    rendered("{{ word }}")
    [file] = cache.iterdir()
    file.write_bytes(kept)
    assert rendered("{{ word }}") == "hello"
    assert rendered("a newer {{ word }}") == "a newer hello"


def test_without_a_cache_it_is_compiled_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path / "file"))
    assert rendered("{{ word }}") == "hello"
