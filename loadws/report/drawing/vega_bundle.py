"""The scripts of the interactive charts: Vega's bundle, which vl-convert carries.

Putting the bundle together takes vl-convert over a second, and it is the same for every report, so it is kept in the user's
cache: one file a version. A cache that cannot be read or written only costs that second again. The page names the hash of
every script in its Content-Security-Policy, so nothing else on it can ever run.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import os
import sys
import tempfile
import zlib
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

import msgspec


class Bundle(msgspec.Struct, frozen=True, tag=True):
    """``packed`` is the script in gzip and base64; ``source`` is how a Content-Security-Policy names it."""

    packed: str
    source: str


def bundle() -> Bundle:
    """Return the bundle, from the cache or made anew."""
    kept = _cache_file()
    packed = _read(kept) if kept else None
    if packed is None:
        packed = gzip.compress(_made().encode(), 9, mtime=0)
        if kept:
            _keep(kept, packed)
    return Bundle(base64.b64encode(packed).decode("ascii"), csp_source(gzip.decompress(packed)))


def csp_source(script: bytes) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script).digest()).decode('ascii')}'"


def _made() -> str:
    """Make the bundle one function, so that its thousands of short names stay its own."""
    import vl_convert  # only here: the process that knows the verdict must never load it

    return f"(()=>{{{vl_convert.javascript_bundle('window.vegaEmbed=vegaEmbed;')}\n}})()"


def _cache_file() -> Path | None:
    name = f"vega-bundle-{version('vl-convert-python')}.js.gz"
    if cache := os.environ.get("LOCALAPPDATA" if sys.platform == "win32" else "XDG_CACHE_HOME"):
        return Path(cache) / "loadws" / name
    try:
        return Path.home() / ".cache" / "loadws" / name
    except RuntimeError:  # a user without a home
        return None


def _read(kept: Path) -> bytes | None:
    """None where there is no such file, or a broken one."""
    try:
        packed = kept.read_bytes()
        return packed if gzip.decompress(packed) else None
    except (OSError, EOFError, zlib.error):
        return None


def _keep(kept: Path, packed: bytes) -> None:
    """Whole or not at all: another run may read it at this moment."""
    with suppress(OSError):
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=kept.parent, delete=False) as file:
            file.write(packed)
        Path(file.name).replace(kept)
