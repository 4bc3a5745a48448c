"""Find the tests that must have the mark ``slow``, and mark them: ``python -m tests.kit.slow [FOLDER]``.

Without a folder it first runs all tests, timed (``tests/kit/timed.py``); with one it reads the times of such a run. A
test function is slow when its items need more than 0.25 s each, on average. It prints each function that lacks the
mark, writes the mark above it, and names those that have it and needed a quarter of that.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

from tests.kit.timed import VARIABLE

ROOT = Path(__file__).parent.parent.parent
SLOW_S = 0.25
_MARK = "@pytest.mark.slow"


def measured(folder: Path) -> dict[str, float]:
    """Return the seconds of an item of each test function, on average over its items."""
    items: dict[str, list[float]] = defaultdict(list)
    for file in folder.glob("*.ndjson"):
        for line in file.read_text("utf-8").splitlines():
            name, seconds = json.loads(line)
            items[name.partition("[")[0]].append(seconds)
    return {name: sum(all_seconds) / len(all_seconds) for name, all_seconds in items.items()}


def marked(source: str, function: str) -> bool:
    """Return whether a test function carries the mark, or its whole file does."""
    return bool(re.search(rf"^{_MARK}\n(?:@[^\n]*\n|[ )\]][^\n]*\n)*def {function}\(", source, re.MULTILINE)) or bool(
        re.search(r"^pytestmark = .*pytest\.mark\.slow", source, re.MULTILINE)
    )


def with_mark(source: str, function: str) -> str:
    """Return the source with the mark above a test function, before its other decorators."""
    lines = source.splitlines(keepends=True)
    at = next(index for index, line in enumerate(lines) if re.match(rf"(async )?def {function}\(", line))
    while lines[at - 1].strip():
        at -= 1
    while lines[at].startswith("#"):
        at += 1
    text = "".join([*lines[:at], f"{_MARK}\n", *lines[at:]])
    return text if re.search(r"^import pytest$", text, re.MULTILINE) else _importing(text)


def _importing(source: str) -> str:
    """Return the source with ``import pytest`` before its first other import; ruff sorts it."""
    first = re.search(r"^(?:import|from) (?!__future__)|^(?=(?:async )?def |@)", source, re.MULTILINE)
    assert first
    return f"{source[: first.start()]}import pytest\n{source[first.start() :]}"


def main(folder: Path) -> None:
    for name, seconds in sorted(measured(folder).items()):
        file, _, function = name.partition("::")
        source = (ROOT / file).read_text("utf-8")
        if seconds > SLOW_S and not marked(source, function):
            (ROOT / file).write_text(with_mark(source, function), "utf-8")
            print(f"{seconds:6.2f} s  marked: {name}")
        elif seconds < SLOW_S / 4 and marked(source, function) and "pytestmark" not in source:
            print(f"{seconds:6.2f} s  is no longer slow: {name}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "-p", "tests.kit.timed"]
            subprocess.run(command, cwd=ROOT, env={**os.environ, VARIABLE: temporary}, check=True)
            main(Path(temporary))
