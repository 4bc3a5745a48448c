"""Records that never change: structs, wherever a run or ``loadws validate`` would wait for the class of a dataclass."""

from __future__ import annotations

import ast
from pathlib import Path

import loadws

ROOT = Path(loadws.__file__).parent
#: Rooms and files whose records are dataclasses: what help texts read and what the command line says, which has no use for
#: msgspec; statistics, which are pure Python; importers, which no run loads; a password, which a struct would show.
DATACLASSES = (
    "cli", "gate/statistics", "importers", "fleet/shares.py", "outputs/destinations.py", "outputs/receivers.py",
    "report/formats/formats.py", "scenario/build.py", "scenario/overrides.py", "target/options.py", "terms/addresses.py",
    "terms/proxies.py", "terms/transports.py",
)  # fmt: skip


def frozen_dataclasses(path: Path) -> list[str]:
    """Return the names of the frozen dataclasses of a file."""
    classes = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ClassDef)]
    return [
        node.name
        for node in classes
        if any("dataclass(" in (said := ast.unparse(each)) and "frozen=True" in said for each in node.decorator_list)
    ]


def test_records_that_never_change_are_structs_where_a_run_begins() -> None:
    found = [
        f"{name}: {record}"
        for path in sorted(ROOT.rglob("*.py"))
        if not (name := path.relative_to(ROOT).as_posix()).startswith(DATACLASSES)
        for record in frozen_dataclasses(path)
    ]
    assert found == []


def test_every_exception_is_one() -> None:
    without = [
        name
        for name in DATACLASSES
        if not any(map(frozen_dataclasses, [ROOT / name] if name.endswith(".py") else (ROOT / name).rglob("*.py")))
    ]
    assert without == []
