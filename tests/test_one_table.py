"""Each fact stands in one place: a second copy of a table drifts away from the first one day."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

from loadws.terms.percentiles import PERCENTILES
from loadws.terms.secrets import SECRET_HEADERS
from loadws.terms.transports import NAMES

pytestmark = pytest.mark.slow  # every source is parsed for them

ROOT = Path(__file__).parent.parent / "loadws"


@cache
def sources() -> dict[str, list[ast.AST]]:
    """Return the nodes of each file's tree."""
    return {
        path.relative_to(ROOT).as_posix(): list(ast.walk(ast.parse(path.read_text())))
        for path in sorted(ROOT.rglob("*.py"))
    }


def collections(nodes: list[ast.AST]) -> Iterator[list[object]]:
    """Yield the constants of each list, tuple, set and mapping that a file writes out; of a mapping both sides."""
    for node in nodes:
        if isinstance(node, ast.List | ast.Tuple | ast.Set):
            yield constants(node.elts)
        elif isinstance(node, ast.Dict):
            yield constants(filter(None, node.keys))
            yield constants(node.values)


def constants(elements: Iterable[ast.expr]) -> list[object]:
    return [node.value for node in elements if isinstance(node, ast.Constant)]


def uses(nodes: list[ast.AST], library: str, name: str) -> bool:
    """Return whether a file uses ``library.name``."""
    return any(
        isinstance(node, ast.Attribute)
        and node.attr == name
        and isinstance(node.value, ast.Name)
        and node.value.id == library
        for node in nodes
    )


def test_percentiles_are_ranked_in_one_table() -> None:
    ranks = set(PERCENTILES.values()) - {50.0}
    second = [
        path
        for path, nodes in sources().items()
        for found in collections(nodes)
        if len(ranks.intersection(value for value in found if isinstance(value, int | float))) >= 3
    ]
    assert second == ["terms/percentiles.py"]


def test_headers_that_are_secret_are_listed_once() -> None:
    second = [
        path
        for path, nodes in sources().items()
        for found in collections(nodes)
        if len(SECRET_HEADERS.intersection(value.lower() for value in found if isinstance(value, str))) >= 3
    ]
    assert second == ["terms/secrets.py"]


def test_what_was_meant_is_guessed_in_one_place() -> None:
    assert [path for path, nodes in sources().items() if uses(nodes, "difflib", "get_close_matches")] == [
        "terms/errors.py"
    ]


#: The file that reserves room on the disk is never replaced.
SYNCS = {"terms/files/whole.py", "report/folder.py"}


def test_files_are_replaced_in_one_place() -> None:
    """What makes a file atomic is a file beside it that is moved: ``tempfile``, ``os.replace`` or ``Path.replace``."""
    makers = [
        path
        for path, nodes in sources().items()
        if uses(nodes, "os", "replace")
        or uses(nodes, "tempfile", "NamedTemporaryFile")
        or uses(nodes, "beside", "replace")
    ]
    assert makers == ["terms/files/whole.py"]
    assert {path for path, nodes in sources().items() if uses(nodes, "os", "fsync")} <= SYNCS


@pytest.mark.parametrize("variable", ["XDG_CACHE_HOME", "LOCALAPPDATA"])
def test_the_cache_folder_is_found_in_one_place(variable: str) -> None:
    users = [
        path
        for path, nodes in sources().items()
        if any(isinstance(node, ast.Constant) and node.value == variable for node in nodes)
    ]
    assert users == ["terms/files/cache.py"]


def test_transports_are_named_in_one_table() -> None:
    """A file may say one name, as the transport itself does; two of them are a list."""
    second = [
        path
        for path, nodes in sources().items()
        if len({node.value for node in nodes if isinstance(node, ast.Constant) and node.value in NAMES}) > 1
    ]
    assert second == ["terms/transports.py", "transport/registry.py"]  # the latter makes each
