from __future__ import annotations

import base64
import gzip
from pathlib import Path

import pytest

from loadws.report.drawing import vega_bundle as script


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the bundle is kept, with a stand-in for the bundle so that no test waits for vl-convert."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    monkeypatch.setattr("vl_convert.javascript_bundle", lambda snippet: f"made;{snippet}")
    return tmp_path / "loadws"


def _unpacked(bundle: script.Bundle) -> str:
    return gzip.decompress(base64.b64decode(bundle.packed)).decode()


def test_the_bundle_is_one_function_that_leaves_vega_embed_behind(cache: Path) -> None:
    assert _unpacked(script.bundle()) == "(()=>{made;window.vegaEmbed=vegaEmbed;\n})()"


def test_it_is_made_once(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = script.bundle()
    monkeypatch.setattr("vl_convert.javascript_bundle", lambda snippet: "made again")
    assert script.bundle() == first
    assert len(list(cache.iterdir())) == 1


@pytest.mark.parametrize("content", [b"", b"no gzip", gzip.compress(b"half of it", mtime=0)[:-6]])
def test_a_broken_cache_is_made_again(cache: Path, content: bytes) -> None:
    first = script.bundle()
    (kept,) = cache.iterdir()
    kept.write_bytes(content)
    assert script.bundle() == first
    assert gzip.decompress(kept.read_bytes()).startswith(b"(()=>{made")


def test_a_cache_that_cannot_be_written_is_done_without(cache: Path) -> None:
    cache.write_text("a file is in the way")
    assert _unpacked(script.bundle()).startswith("(()=>{made")


def test_the_policys_source_is_the_scripts_hash() -> None:
    # The example of CSP level 3, https://www.w3.org/TR/CSP3/ (external hash).
    assert script.csp_source(b"alert('Hello, world.');") == "'sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng='"
