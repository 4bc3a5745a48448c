"""Answer ``--version``, and a help text that was printed before, without the libraries of the command line.

typer alone takes several times as long to import as Python takes to start. So a help text that typer made is kept in the
user's cache, with all that it was made of: the files of loadws and typer with their sizes and times of change, where
they were found, the version of Python, and the width of the terminal. Where anything differs, typer makes it again.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stdout, suppress

from loadws import __version__
from loadws.terms.files.cache import cache_file, cache_path, keep_cached, read_cached

_ASKS = ("--help", "-h")
#: Between the lines that say what a text was made of and the text.
_TEXT = "\n\n"
#: The packages whose files decide what a help text says.
_MADE_BY = ("loadws", "typer", "click", "shellingham")


def version_line() -> str:
    """Return the text of ``--version``."""
    return f"loadws {__version__}"


def quick_answer(given: Sequence[str]) -> str | None:
    """Return what these arguments print, where that is known without typer; else None."""
    if list(given) == ["--version"]:
        return f"{version_line()}\n"
    name = _name(given)
    kept = None if name is None else read_cached(cache_path(name))
    if kept is None:
        return None
    made_of, _, text = kept.decode(errors="replace").partition(_TEXT)
    return text if text and _is_as_it_was(made_of) else None


def keep_help(given: Sequence[str], command: Callable[[], int]) -> int:
    """Run a command and return its exit code. A help text that it prints is kept for the next time."""
    name = _name(given)
    if name is None:
        return command()
    printed = io.StringIO()
    try:
        with redirect_stdout(printed):
            code = command()
    finally:
        print(printed.getvalue(), end="")
    if code == 0 and printed.getvalue():
        with suppress(OSError):  # loadws in a zip file has no files of its own: nothing is kept
            keep_cached(cache_file(name), f"{_circumstances()}\n{_files()}{_TEXT}{printed.getvalue()}".encode())
    return code


def _name(given: Sequence[str]) -> str | None:
    """Return the name of the file for the help that these arguments ask for; None where they ask for something else."""
    if not 1 <= len(given) <= 2 or given[-1] not in _ASKS or "_LOADWS_COMPLETE" in os.environ:
        return None
    words = [word for word in given if word not in _ASKS]
    if not all(word.isalpha() and word.isascii() for word in words):
        return None
    return "-".join(["help", *words]) + ".txt"


def _is_as_it_was(made_of: str) -> bool:
    circumstances, *files = made_of.split("\n")
    with suppress(OSError):
        return circumstances == _circumstances() and all(_file(line.split(" ", 2)[-1]) == line for line in files)
    return False


def _circumstances() -> str:
    """Return, as one line, what a help text depends on besides the files of its packages."""
    try:
        terminal = str(os.get_terminal_size(sys.__stdout__.fileno()).columns) if sys.__stdout__ else ""
    except (AttributeError, ValueError, OSError):  # as shutil.get_terminal_size does
        terminal = ""
    return repr((__version__, sys.version, sys.flags.optimize, sys.path, os.environ.get("COLUMNS"), terminal))


def _files() -> str:
    return "\n".join(_file(path) for path in sorted(set(_imported())))


def _imported() -> Iterator[str]:
    for name, module in list(sys.modules.items()):
        path = getattr(module, "__file__", None)
        if path and name.partition(".")[0] in _MADE_BY:
            yield path


def _file(path: str) -> str:
    """Return one line for a file. Raises ``OSError`` where it is not there."""
    found = os.stat(path)  # noqa: PTH116 - pathlib takes longer to import than all of this takes
    return f"{found.st_mtime_ns} {found.st_size} {path}"
