"""The user's cache of loadws. A cache that cannot be read or written is not an error: its content is made again."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

from loadws.terms.files.whole import write_whole


def cache_file(name: str) -> Path | None:
    """Return the path of a file of the cache: below ``XDG_CACHE_HOME`` (Windows: ``LOCALAPPDATA``), else ``~/.cache``.

    None for a user without a home.
    """
    if cache := os.environ.get("LOCALAPPDATA" if sys.platform == "win32" else "XDG_CACHE_HOME"):
        return Path(cache) / "loadws" / name
    try:
        return Path.home() / ".cache" / "loadws" / name
    except RuntimeError:
        return None


def read_cached(file: Path | None) -> bytes | None:
    """Return the content of a file of the cache; None where it cannot be read."""
    with suppress(OSError):
        return file.read_bytes() if file else None
    return None


def keep_cached(file: Path | None, content: bytes) -> Path | None:
    """Write a file of the cache, whole or not at all; return its path, None where it cannot be written."""
    if file is None:
        return None
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, content)
    except OSError:
        return None
    return file
