"""``python -m tests.fuzz.one TARGET LIBFUZZER_OPTIONS...``: one target, with our codec and our targets instrumented."""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["loadws.transport", "tests.fuzz"]):
    from tests.fuzz.targets import TARGETS

if __name__ == "__main__":
    name = sys.argv.pop(1)
    atheris.Setup(sys.argv, TARGETS[name].check)
    atheris.Fuzz()
