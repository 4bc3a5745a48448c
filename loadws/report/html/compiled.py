"""Templates of the report, compiled once for each machine: compiling them needs longer than drawing a short run's
report.
"""

from __future__ import annotations

import jinja2
from jinja2.bccache import Bucket

from loadws.terms.files.cache import cache_file, keep_cached, read_cached


class CompiledTemplates(jinja2.BytecodeCache):
    """Compiled templates in the user's cache. jinja2 checks each against the template's text and Python's version."""

    def load_bytecode(self, bucket: Bucket) -> None:
        """Fill a bucket from the cache; it stays empty where there is nothing, or nothing that fits."""
        content = read_cached(cache_file(_name(bucket)))
        if content:
            bucket.bytecode_from_string(content)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Write a bucket to the cache, where that is possible."""
        keep_cached(cache_file(_name(bucket)), bucket.bytecode_to_string())


def _name(bucket: Bucket) -> str:
    return f"template-{bucket.key}"
