"""Data flows one way through the house: what may import what, read from the source itself."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "loadws"

#: Each room, and the rooms below it. ``target`` and ``testing`` stand beside: only ``cli`` and tests look at them.
BELOW: dict[str, set[str]] = {
    "terms": set(),
    "scenario": {"terms"},
    "importers": {"scenario", "terms"},
    "plan": {"scenario", "terms"},
    "transport": {"terms"},
    "metrics": {"terms"},
    "engine": {"plan", "transport", "metrics", "scenario", "terms"},
    "fleet": {"engine", "plan", "transport", "metrics", "scenario", "terms"},
    "gate": {"metrics", "terms"},
    "report": {"metrics", "terms"},
    "target": {"transport", "terms"},
    "testing": {"transport", "terms"},
    "cli": {"fleet", "gate", "report", "plan", "metrics", "scenario", "importers", "target", "terms"},
}
#: What gate and report may see of metrics: records and their decoding, never what records them.
SEEN_BY_REPORTS = {"summary", "frame", "runinfo", "ledger", "wording", "histograms", "output", "queued", "live"}
#: What the target may see of transport: how bytes become messages and who reads them, never the client that it serves.
SEEN_BY_TARGET = {"codec", "native"}
#: Libraries that have one room, or a few, and no other.
ONLY_IN = {
    "trio": {"engine", "transport", "fleet", "target", "testing", "cli/running/run.py", "cli/calibrate.py"},
    "trio_websocket": {"transport/trio_websocket/transport.py", "target", "testing"},
    "wsproto": {"transport", "target", "testing"},
    "python_socks": {"transport/opening/socks.py"},
    "h11": {"transport", "target", "testing"},
    "websockets": {"transport/codec/masking.py"},
    "hdrh": set(),  # only tests, which hold our wire format to it
    "vl_convert": {"report"},
    "jinja2": {"scenario", "report"},
    "ruamel": {"scenario"},
    "pydantic": {"scenario", "engine"},
    "typer": {"cli"},
    "rich": {"cli", "report"},
}
FILES = sorted(ROOT.rglob("*.py"))


def imports(path: Path) -> Iterator[tuple[str, ...]]:
    """The modules that a file imports, each as its parts; also inside functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (tuple(alias.name.split(".")) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            yield tuple((node.module or "").split("."))
            yield from (tuple(f"{node.module}.{alias.name}".split(".")) for alias in node.names)


def is_within(relative: Path, rooms: set[str]) -> bool:
    return any(relative.as_posix() == room or relative.is_relative_to(room) for room in rooms)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_imports_point_down(path: Path) -> None:
    room = path.relative_to(ROOT).parts[0]
    if room not in BELOW:
        assert path.parent == ROOT
        return
    for module in imports(path):
        if module[0] != "loadws" or len(module) < 2:
            continue
        assert module[1] == room or module[1] in BELOW[room] or module[1] == "__version__", f"{room} imports {module}"
        if room in ("gate", "report") and module[1] == "metrics" and len(module) > 2:
            assert module[2] in SEEN_BY_REPORTS, f"{room} looks into metrics.{module[2]}"
        if room == "target" and module[1] == "transport" and len(module) > 2:
            assert module[2] in SEEN_BY_TARGET, f"{room} looks into transport.{module[2]}"


@pytest.mark.parametrize("path", sorted((ROOT / "gate" / "statistics").glob("*.py")), ids=lambda path: path.name)
def test_statistics_are_pure_python_on_terms(path: Path) -> None:
    for module in imports(path):
        ours = module[:2] == ("loadws", "terms") or module[:3] == ("loadws", "gate", "statistics")
        assert ours or module[0] in sys.stdlib_module_names, f"{path.name} imports {'.'.join(module)}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_libraries_stay_in_their_rooms(path: Path) -> None:
    relative = path.relative_to(ROOT)
    for module in imports(path):
        if module[0] in ONLY_IN:
            assert is_within(relative, ONLY_IN[module[0]]), f"{relative} imports {module[0]}"


def test_no_modules_import_one_another_in_a_circle() -> None:
    """Imports inside functions and under ``TYPE_CHECKING`` count. A failure names the circle."""
    modules = {module_name(path): path for path in FILES}
    graph = {
        name: {part for parts in imports(path) if (part := ".".join(parts)) in modules and part != name}
        for name, path in modules.items()
    }
    TopologicalSorter(graph).prepare()  # raises CycleError


def module_name(path: Path) -> str:
    """Return the dotted name that a file is imported by."""
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
