"""The Python functions of a scenario, for ``call`` and ``unpack``: found in a module beside it.

A module is read from its own file and kept under a name of its own, so that ``flows.py`` of two scenarios are two modules,
and neither is confused with an installed one. While it is imported, the scenario's folder and its own come first on the
path, so that it can import the files beside it. It is imported once in a process, and again when the file has changed. Its
code has loadws' own rights: a scenario is as trusted as the script that it contains.
"""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Collection, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from loadws.terms.errors import LoadwsError

UserFunction = Callable[..., Coroutine[Any, Any, object]]
#: From a message's payload to a list of values, to one value, or to None for no value.
UnpackFunction = Callable[[str | bytes], Any]


class FunctionError(LoadwsError):
    """A function does not exist, or cannot be called this way."""


def find_function(base: Path, name: str) -> UserFunction:
    """Return the function ``module:function``; ``base`` is the scenario's folder.

    Raises:
        FunctionError: The module cannot be imported, or has no such async function.
    """
    module_name, _, attribute = name.partition(":")
    module = _module(base.resolve(), module_name)
    found = getattr(module, attribute, None)
    if found is None:
        known = [each for each, value in vars(module).items() if inspect.iscoroutinefunction(value)]
        advice = f"its async functions are {', '.join(known)}" if known else "it has no async function"
        raise FunctionError(f"{module_name}.py has no function {attribute!r}", advice)
    if not inspect.iscoroutinefunction(found):
        raise FunctionError(f"{name} is no async function", f"write async def {attribute}(user, ...)")
    function: UserFunction = found
    return function


def find_plain_function(base: Path, name: str) -> UnpackFunction:
    """Return the function ``module:function`` that takes a payload and does not wait; ``base`` is the scenario's folder.

    Raises:
        FunctionError: There is none, it is async, or it does not take one payload.
    """
    module_name, _, attribute = name.partition(":")
    found = getattr(_module(base.resolve(), module_name), attribute, None)
    if found is None:
        raise FunctionError(f"{module_name}.py has no function {attribute!r}", f"write def {attribute}(payload): ...")
    if not callable(found) or inspect.iscoroutinefunction(found):
        raise FunctionError(f"{name} is no plain function", f"write def {attribute}(payload): ..., without async")
    try:
        inspect.signature(found).bind(b"")
    except TypeError:
        signature = f"def {attribute}{inspect.signature(found)}"
        raise FunctionError(f"{signature} is called with one payload", f"write def {attribute}(payload): ...") from None
    function: UnpackFunction = found
    return function


def check_arguments(function: UserFunction, names: Collection[str]) -> None:
    """Check that the function accepts a user and exactly these arguments.

    Raises:
        FunctionError: It does not.
    """
    try:
        inspect.signature(function).bind(None, **dict.fromkeys(names))
    except TypeError as error:
        signature = f"async def {function.__name__}{inspect.signature(function)}"
        raise FunctionError(f"{error}: {signature} is called with a user and args", "") from None


def place_of(error: BaseException) -> str:
    """Return an error's innermost line in the scenario's own code, as ``flows.py:12``; an empty text for none."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if (frame.filename in _OWN_FILES)]
    return f"{Path(own[-1].filename).name}:{own[-1].lineno}" if own else ""


# -- modules ----------------------------------------------------------------------------------------------------------

#: Files whose code is a scenario's, for ``place_of``.
_OWN_FILES: set[str] = set()


def _module(base: Path, name: str) -> ModuleType:
    file = base.joinpath(*name.split(".")).with_suffix(".py").resolve()
    try:
        stamp = file.stat()
    except OSError:
        raise FunctionError(f"there is no module {name!r} beside the scenario", f"it would be {file.name}") from None
    digest = hashlib.sha256(f"{file}\0{stamp.st_mtime_ns}\0{stamp.st_size}".encode()).hexdigest()[:16]
    unique = f"_loadws_{digest}_{name.replace('.', '_')}"
    known = sys.modules.get(unique)
    return known if known is not None else _imported(unique, file, base)


def _imported(unique: str, file: Path, base: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(unique, file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[unique] = module
    _OWN_FILES.add(str(file))
    try:
        with _first_on_path(base, file.parent):
            spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[unique]
        where = place_of(error) or (f"{file.name}:{error.lineno}" if isinstance(error, SyntaxError) else file.name)
        raise FunctionError(f"{file.name} cannot be imported: {type(error).__name__}: {error} ({where})") from error
    return module


@contextmanager
def _first_on_path(*folders: Path) -> Iterator[None]:
    """Put folders first on the path, and restore the path afterwards: the module may change it for itself."""
    before = list(sys.path)
    sys.path[:0] = dict.fromkeys(map(str, folders))
    try:
        yield
    finally:
        sys.path[:] = before
