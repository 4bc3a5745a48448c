"""What several tests of pages need: axe-core, which npm fetches where it can."""

from __future__ import annotations

import shutil
import subprocess

import pytest

_VERSION = "4.10.2"


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("no npm is installed, which would fetch axe-core")
    folder = tmp_path_factory.mktemp("axe")
    fetch = [npm, "install", "--silent", "--no-save", "--prefix", str(folder), f"axe-core@{_VERSION}"]
    try:
        subprocess.run(fetch, check=True, capture_output=True, timeout=60)
    except (subprocess.SubprocessError, OSError) as error:
        pytest.skip(f"axe-core cannot be fetched: {error}")
    return (folder / "node_modules/axe-core/axe.min.js").read_text("utf-8")
