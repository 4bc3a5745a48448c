"""What cannot be printed ends no command: a full disk, a reader that went away, streams that were never open."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="descriptors are closed by a shell")

SCENARIO = """
target: builtin:echo
load: [{users: 2, for: 300ms}]
flow: [{request: hello}, {think: 20ms}]
thresholds: [{rule}]
"""
FULL = "stdout cannot be written: No space left on device"


def ended(tmp_path: Path, redirected: str, *arguments: str, rule: str = "iterations > 0") -> tuple[int, str, str]:
    """A command as a shell runs it: its code, and what came out of the streams that are still ours."""
    (tmp_path / "s.yaml").write_text(SCENARIO.replace("{rule}", rule))
    command = f'exec "$@" {redirected}'
    process = subprocess.run(
        ["/bin/sh", "-c", command, "sh", sys.executable, "-m", "loadws", *arguments],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=120,
    )
    return process.returncode, process.stdout, process.stderr


def files(tmp_path: Path) -> set[str]:
    return {path.name for path in (tmp_path / "out/s/latest").iterdir()}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("redirected", "said", "rule", "code"),
    [
        ("> /dev/full", FULL, "iterations > 0", 0),
        ("> /dev/full", FULL, "iterations > 1000000", 1),
        ("<&- >&- 2>&-", "", "iterations > 0", 0),  # nothing is open
        ("> /dev/full 2>&1", "", "iterations > 1000000", 1),  # nothing can be said at all
    ],
)
def test_a_run_keeps_its_verdict_and_its_files(
    tmp_path: Path, redirected: str, said: str, rule: str, code: int
) -> None:
    found, _, err = ended(tmp_path, redirected, "run", "s.yaml", "--out", "out", "-q", "--processes", "1", rule=rule)

    assert found == code, err
    assert said in err and "Traceback" not in err and "defect" not in err
    assert {"summary.json", "junit.xml", "summary.md", "report.html"} <= files(tmp_path)
    assert "<svg " in (tmp_path / "out/s/latest/report.html").read_text()


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments", [("validate", "s.yaml"), ("docs",), ("plan", "s.yaml"), ("schema",), ("--help",), ("--version",)]
)
def test_where_the_output_is_all_there_is_it_is_an_error(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    code, _, err = ended(tmp_path, "> /dev/full", *arguments)
    assert (code, err) == (2, f"loadws: not all could be printed: {FULL}\n")


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [("validate", "s.yaml"), ("docs",), ("plan", "s.yaml"), ("schema",)])
def test_nothing_is_wrong_where_the_reader_has_seen_enough(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    code, _, err = ended(tmp_path, "2> err | head -c 1 > /dev/null", *arguments)
    assert (code, err, (tmp_path / "err").read_text()) == (0, "", "")


@pytest.mark.slow
def test_an_invalid_file_is_invalid_wherever_it_is_said(tmp_path: Path) -> None:
    code, _, err = ended(tmp_path, "> /dev/full", "validate", "s.yaml", rule="nothing < 3")
    assert code == 2
    assert FULL in err
