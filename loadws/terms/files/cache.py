"""The user's cache of loadws. A cache that cannot be read or written is not an error: its content is made again.

What only reads it needs no pathlib, which takes a part of the time in which a command answers.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def cache_path(name: str) -> str | None:
    """Return the path of a file of the cache: below ``XDG_CACHE_HOME`` (Windows: ``LOCALAPPDATA``), else ``~/.cache``.

    None for a user without a home.
    """
    if cache := os.environ.get("LOCALAPPDATA" if sys.platform == "win32" else "XDG_CACHE_HOME"):
        return os.path.join(cache, "loadws", name)  # noqa: PTH118
    home = os.path.expanduser("~")  # noqa: PTH111
    return None if home == "~" else os.path.join(home, ".cache", "loadws", name)  # noqa: PTH118


def cache_file(name: str) -> Path | None:
    """Return ``cache_path`` as a path of pathlib."""
    from pathlib import Path

    path = cache_path(name)
    return None if path is None else Path(path)


def read_cached(file: Path | str | None) -> bytes | None:
    """Return the content of a file of the cache; None where it cannot be read."""
    with suppress(OSError):
        if file:
            with open(file, "rb") as content:  # noqa: PTH123
                return content.read()
    return None


def keep_cached(file: Path | None, content: bytes) -> Path | None:
    """Write a file of the cache, whole or not at all; return its path, None where it cannot be written."""
    if file is None:
        return None
    from loadws.terms.files.whole import write_whole

    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, content)
    except OSError:
        return None
    return file
