"""The scripts of the interactive charts: Vega's bundle, which vl-convert carries.

Putting the bundle together takes vl-convert over a second, and it is the same for every report, so it is kept in the user's
cache: one file a version. A cache that cannot be read or written only costs that second again. The page names the hash of
every script in its Content-Security-Policy, so nothing else on it can ever run.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import zlib
from importlib.metadata import version

import msgspec

from loadws.terms.files.cache import cache_file, keep_cached, read_cached


class Bundle(msgspec.Struct, frozen=True, tag=True):
    """``packed`` is the script in gzip and base64; ``source`` is how a Content-Security-Policy names it."""

    packed: str
    source: str


def bundle() -> Bundle:
    """Return the bundle, from the cache or made anew."""
    file = cache_file(f"vega-bundle-{version('vl-convert-python')}.js.gz")
    packed = read_cached(file)
    script = _unpacked(packed)
    if packed is None or not script:
        script = _made().encode()
        packed = gzip.compress(script, 9, mtime=0)
        keep_cached(file, packed)
    return Bundle(base64.b64encode(packed).decode("ascii"), csp_source(script))


def csp_source(script: bytes) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script).digest()).decode('ascii')}'"


def _made() -> str:
    """Make the bundle one function, so that its thousands of short names stay its own."""
    import vl_convert  # only here: the process that knows the verdict must never load it

    return f"(()=>{{{vl_convert.javascript_bundle('window.vegaEmbed=vegaEmbed;')}\n}})()"


def _unpacked(packed: bytes | None) -> bytes:
    """Return the script of a cached file; nothing where there is no file or a broken one."""
    try:
        return gzip.decompress(packed) if packed else b""
    except (OSError, EOFError, zlib.error):
        return b""
