"""Data flows one way through the house: what may import what, read from the source itself.

Every import counts, also inside functions and under ``TYPE_CHECKING``. Each test lists all that breaks its rule.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

from tests.kit.sources import ROOT, files, graph, module_name, named_modules, relative

#: Each room, and the rooms below it. ``target`` stands beside: ``cli`` looks at it, ``cluster`` for a trial before a load,
#: and tests.
BELOW: dict[str, set[str]] = {
    "terms": set(),
    "scenario": {"terms"},
    "importers": {"scenario", "terms"},
    "plan": {"scenario", "terms"},
    "transport": {"terms"},
    "metrics": {"terms"},
    "engine": {"plan", "transport", "metrics", "scenario", "terms"},
    "fleet": {"engine", "plan", "transport", "metrics", "scenario", "terms"},
    "target": {"transport", "terms"},
    "cluster": {"target", "fleet", "engine", "plan", "transport", "metrics", "scenario", "terms"},
    "gate": {"metrics", "terms"},
    "report": {"metrics", "terms"},
    "outputs": {"metrics", "terms"},
    "pytest_plugin": {"report", "metrics", "terms"},
    "web": {"terms"},
    "dashboard": {"web", "gate", "report", "metrics", "terms"},
    "cli": {
        "web",
        "dashboard",
        "cluster",
        "fleet",
        "gate",
        "report",
        "outputs",
        "plan",
        "metrics",
        "scenario",
        "importers",
        "target",
        "terms",
    },
}
#: Inside a room: each folder, and the folders beside it that it may import. A folder that is not named here imports
#: none. A folder may name only those that stand before it, so there is no circle of folders. Imports between a folder and
#: the package that it lies in are free: the package is the door, and what its folders share.
BESIDE: dict[str, dict[str, set[str]]] = {
    "cli": {
        "quick": set(),
        "planning": set(),
        "running": {"planning"},
        "comparing": {"running"},
        "machines": {"running"},
        "viewing": {"comparing"},
    },
    "engine": {"runtime": set(), "steps": {"runtime"}, "users": {"runtime"}},
    "engine/runtime": {"connection": set(), "protocol": {"connection"}},
    "importers": {"har": set(), "artillery": set()},
    "importers/har": {"spoken": set()},
    "gate": {"statistics": set(), "comparing": {"statistics"}},
    "metrics": {"histograms": set(), "recording": {"histograms"}, "summarising": {"histograms", "recording"}},
    "outputs": {"kinds": set()},
    "report": {
        "course": set(),
        "svg": set(),
        "tables": set(),
        "terminal": set(),
        "archive": {"svg"},
        "charts": {"course", "svg"},
        "drawing": {"charts", "course", "svg"},
        "html": {"charts", "course", "drawing", "svg", "tables"},
        "comparing": {"charts", "drawing", "html", "svg"},
        "pipelines": set(),
        "formats": {"html", "pipelines"},
    },
    "scenario": {
        "yaml": set(),
        "template": set(),
        "model": {"yaml"},
        "matching": {"template"},
        "data": {"matching", "model"},
        "unpacking": {"data", "matching", "model", "template"},
        "advice": {"model", "yaml"},
        "protocol": {"advice", "matching", "model", "template", "yaml"},
        "secrecy": {"model", "yaml"},
        "docs": {"matching", "model", "protocol", "template"},
        "checks": {"advice", "data", "matching", "model", "protocol", "secrecy", "template", "unpacking", "yaml"},
    },
    "transport": {
        "clock": set(),
        "codec": set(),
        "net": set(),
        "tls": set(),
        "opening": {"codec", "net", "tls"},
        "http": {"net", "opening", "tls"},
        "native": {"clock", "codec", "net", "opening", "tls"},
        "trio_websocket": {"codec", "net", "opening"},
    },
}
#: What gate and report may see of metrics: records and their decoding, never what records them.
SEEN_BY_REPORTS = {
    "summary",
    "comparison",
    "history",
    "search",
    "frame",
    "runinfo",
    "ledger",
    "wording",
    "histograms",
    "output",
    "queued",
    "live",
}
#: What the target may see of transport: how bytes become messages and who reads them, never the client that it serves.
SEEN_BY_TARGET = {"codec", "native"}
#: Of a room, all that some other rooms may see.
SEEN = {
    ("gate", "metrics"): SEEN_BY_REPORTS,
    ("report", "metrics"): SEEN_BY_REPORTS,
    ("target", "transport"): SEEN_BY_TARGET,
}
#: Libraries that have one room, or a few, and no other.
ONLY_IN = {
    "trio": {
        "engine",
        "transport",
        "fleet",
        "cluster",
        "target",
        "cli/running/run.py",
        "cli/calibrate.py",
        "cli/viewing",
        "web",
        "dashboard",
        "cli/comparing/slices.py",
    },
    "python_socks": {"transport/opening/socks.py"},
    "socketio": {"scenario/protocol/socket_io_packets.py"},
    "engineio": {"scenario/protocol/socket_io_packets.py"},
    "h11": {"transport", "target", "web"},
    "websockets": {"transport/codec/masking.py"},
    "distributed": {"cluster/dask.py"},
    "trustme": {"target", "cluster/channel.py"},
    "resvg_py": {"report/drawing"},
    "opentelemetry": {"outputs/kinds/otlp.py"},
    "prometheus_client": {"outputs/kinds/prometheus.py", "outputs/kinds/prometheus_page.py"},
    "google": {"scenario/unpacking/protobuf.py"},
    "hdrh": {"metrics/histograms/dense.py"},
    "jinja2": {"scenario", "report"},
    "ruamel": {"scenario"},
    "pydantic": {"scenario", "engine"},
    "pytest": {"pytest_plugin"},
    "typer": {"cli"},
    "rich": {"cli", "report"},
}


def arrows() -> Iterator[tuple[Path, Path]]:
    """Yield every import: the file that imports, and the file that it imports."""
    yield from ((path, imported) for path, all_imported in graph().items() for imported in sorted(all_imported))


def folders(path: Path) -> tuple[str, ...]:
    return path.relative_to(ROOT).parts[:-1]


def test_rooms_import_only_rooms_below_them() -> None:
    assert [
        f"{relative(path)} imports {relative(imported)}"
        for path, imported in arrows()
        if folders(path)
        and folders(imported)
        and folders(imported)[0] not in BELOW.get(folders(path)[0], set()) | {folders(path)[0]}
    ] == []


def test_only_files_that_start_the_program_stand_outside_the_rooms() -> None:
    assert {relative(path) for path in files() if not folders(path)} == {"__init__.py", "__main__.py"}
    assert {folders(path)[0] for path in files() if folders(path)} == set(BELOW)


def test_some_rooms_are_seen_in_part() -> None:
    looks = []
    for path, imported in arrows():
        here, (there, *inside) = folders(path), imported.relative_to(ROOT).with_suffix("").parts
        if here and inside and inside[0] not in SEEN.get((here[0], there), {inside[0]}):
            looks.append(f"{relative(path)} looks at {relative(imported)}")
    assert looks == []


def test_folders_of_a_room_import_only_those_before_them() -> None:
    up = []
    for path, imported in arrows():
        parent, here, there = _beside(folders(path), folders(imported))
        if parent and here and there and there not in BESIDE.get(parent, {}).get(here, set()):
            up.append(f"{relative(path)} imports {relative(imported)}: {parent}/{here} may not import {parent}/{there}")
    assert up == []


def _beside(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, str, str]:
    """Return the folder that holds both, and where each lies in it: a folder's name, or "" for the folder itself."""
    shared = 0
    while shared < min(len(one), len(other)) and one[shared] == other[shared]:
        shared += 1
    return "/".join(one[:shared]), "".join(one[shared : shared + 1]), "".join(other[shared : shared + 1])


def test_tables_name_only_what_stands_before() -> None:
    for table in (BELOW, *BESIDE.values()):
        before: set[str] = set()
        for name, below in table.items():
            assert below <= before, f"{name} names {below - before}, which stand after it"
            before.add(name)


def test_tables_name_only_folders_that_exist() -> None:
    named = [*BELOW, *(f"{room}/{name}" for room, table in BESIDE.items() for name in table)]
    assert [name for name in named if not (ROOT / name).is_dir()] == []


def test_no_modules_import_one_another_in_a_circle() -> None:
    """A failure (``CycleError``) names the circle."""
    TopologicalSorter(
        {
            module_name(path): {module_name(imported) for imported in all_imported}
            for path, all_imported in graph().items()
        }
    ).prepare()


def test_statistics_are_pure_python_on_terms() -> None:
    foreign = []
    for path in (ROOT / "gate" / "statistics").glob("*.py"):
        for name in named_modules(path):
            ours = f"{name}.".startswith(("loadws.terms.", "loadws.gate.statistics."))
            if not ours and name.partition(".")[0] not in sys.stdlib_module_names:
                foreign.append(f"{path.name} imports {name}")
    assert foreign == []


def test_libraries_stay_in_their_rooms() -> None:
    assert [
        f"{relative(path)} imports {library}"
        for path in files()
        for library in sorted({name.partition(".")[0] for name in named_modules(path)} & set(ONLY_IN))
        if not any(path == ROOT / room or ROOT / room in path.parents for room in ONLY_IN[library])
    ] == []
