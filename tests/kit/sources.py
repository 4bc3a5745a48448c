"""The sources of loadws as a graph: its modules, and what each imports."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent / "loadws"


def relative(path: Path) -> str:
    """Return a file's path below ``loadws/``, with slashes."""
    return path.relative_to(ROOT).as_posix()


@cache
def files() -> tuple[Path, ...]:
    """Return every Python file of loadws, sorted."""
    return tuple(sorted(ROOT.rglob("*.py")))


@cache
def named_modules(path: Path) -> tuple[str, ...]:
    """Return the dotted names that a file imports, also inside functions and under ``TYPE_CHECKING``.

    ``from a import b`` counts as ``a`` and as ``a.b``, because ``b`` may be a module. Raise ``ValueError`` for a
    relative import.
    """
    return tuple(_named(path))


def _named(path: Path) -> Iterator[str]:
    for node in _imports(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        else:
            if node.level:
                raise ValueError(f"{path} imports relatively")
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@cache
def _imports(path: Path) -> tuple[ast.Import | ast.ImportFrom, ...]:
    tree = ast.parse(path.read_text("utf-8"))
    return tuple(node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom))


def module_name(path: Path) -> str:
    """Return the dotted name that a file is imported by."""
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def graph() -> dict[Path, frozenset[Path]]:
    """Return the files of loadws that each of its files imports.

    ``from a import b`` is an import of the file ``a/b.py`` where there is one, and of ``a`` otherwise.
    """
    modules = {module_name(path): path for path in files()}
    return {path: frozenset(_imported(path, modules)) - {path} for path in files()}


def _imported(path: Path, modules: dict[str, Path]) -> Iterator[Path]:
    names = set(named_modules(path)) & set(modules)
    packages = {name.rpartition(".")[0] for name in names}
    for name in names:
        if name not in packages or _names_of_its_own(path, name, modules):
            yield modules[name]


def _names_of_its_own(path: Path, package: str, modules: dict[str, Path]) -> bool:
    """Return whether a file uses a package itself, beside the modules that lie in it."""
    for node in _imports(path):
        if isinstance(node, ast.Import):
            own = any(alias.name == package for alias in node.names)
        else:
            own = node.module == package and any(f"{package}.{alias.name}" not in modules for alias in node.names)
        if own:
            return True
    return False
