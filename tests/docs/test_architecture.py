"""``ARCHITECTURE.md`` is true to the tree: each folder has its line, and each path and class that it names exists."""

from __future__ import annotations

import re

from tests.docs.blocks import ROOT

PACKAGE = ROOT / "loadws"
TEXT = (PACKAGE / "ARCHITECTURE.md").read_text("utf-8")
WORDS = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", TEXT, flags=re.DOTALL | re.MULTILINE))


def test_every_folder_has_a_line() -> None:
    folders = {path.parent.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE}
    rows = {row.rstrip("/") for row in re.findall(r"^\| `([^`]+/)` \|", TEXT, re.MULTILINE)}
    below = {folder for folder in folders if folder.startswith(("cli/", "importers/"))}  # told of as one room
    assert folders - below - rows == set()
    assert [row for row in rows if not (PACKAGE / row).is_dir()] == []


def test_every_path_exists() -> None:
    paths = [
        word for word in WORDS if re.fullmatch(r"[\w./-]+", word) and ("/" in word or word.endswith((".py", ".md")))
    ]
    assert len(paths) > 60
    names = {file.name for file in PACKAGE.rglob("*.py")}  # a file may be named without its folder, beside others of it
    missing = [path for path in paths if not (PACKAGE / path).exists() and not (ROOT / path).exists()]
    assert [path for path in missing if path not in names] == []


def test_every_class_exists() -> None:
    classes = {word for word in WORDS if re.fullmatch(r"(?:[A-Z][a-z]+)+", word)}
    defined = {
        name for file in PACKAGE.rglob("*.py") for name in re.findall(r"^class (\w+)", file.read_text("utf-8"), re.M)
    }
    assert {"StepContext", "UserState", "FlowQuota", "Shared", "CompiledUser", "MessageWait"} <= classes
    assert classes - defined == set()
