"""How the fuzzing server is made and started, and what is said where it cannot be: with a made-up ``setup.sh``."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
import trio

from tests.conformance import environment
from tests.conformance.environment import VARIABLE, NotHere, SetupFailed, fuzzer, suite_folder
from tests.conformance.server import fuzzing_server


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a suite; its environment goes into a cache of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(environment, "_old_python", lambda: Path(sys.executable))
    folder = tmp_path / "suite"
    folder.mkdir()
    (folder / "fuzzing_server.py").touch()
    return folder


def script(suite: Path, text: str) -> None:
    (suite / "setup.sh").write_text(text)


def test_the_suite_that_is_named_comes_first(suite: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(suite, "")
    monkeypatch.setenv(VARIABLE, str(suite / "elsewhere"))
    assert suite_folder(suite) == suite.resolve()
    monkeypatch.setenv(VARIABLE, str(suite))
    assert suite_folder() == suite.resolve()


def test_it_says_what_is_missing(suite: Path) -> None:
    expected = f"there is no {suite}/setup.sh (--autobahn or LOADWS_AUTOBAHN names the folder)"
    with pytest.raises(NotHere, match=f"^{re.escape(expected)}$"):
        suite_folder(suite)


def test_it_is_set_up_once(suite: Path) -> None:
    script(suite, 'mkdir "$1" && python3 -c "import os" && echo once >> "$(dirname "$0")/calls"')
    made = fuzzer(suite)
    assert fuzzer(suite) == made
    assert (suite / "calls").read_text() == "once\n"


def test_another_script_makes_another(suite: Path) -> None:
    script(suite, 'mkdir "$1"')
    first = fuzzer(suite)
    script(suite, 'mkdir "$1" # new')
    assert fuzzer(suite) != first


def test_what_was_left_half_made_is_made_again(suite: Path) -> None:
    script(suite, 'mkdir "$1" && test -e "$(dirname "$0")/network" || { echo no network >&2; exit 3; }')
    expected = f"{suite}/setup.sh ended with 3: no network"
    with pytest.raises(SetupFailed, match=f"^{re.escape(expected)}$"):
        fuzzer(suite)
    (suite / "network").touch()
    assert fuzzer(suite).is_dir()


def test_a_server_that_does_not_start_says_why(tmp_path: Path) -> None:
    python = tmp_path / "v" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\necho twisted is broken\nexit 3\n")
    python.chmod(0o700)

    async def main() -> None:
        async with fuzzing_server(tmp_path, (1,)):
            pytest.fail("it has started")

    with pytest.raises(RuntimeError, match=r"^the fuzzing server ended with 3: twisted is broken\n$"):
        trio.run(main)
