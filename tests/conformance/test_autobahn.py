"""Sections 1 to 7 and 10 of the Autobahn test suite, for every transport: what is quick enough for each change.

``python -m tests.conformance`` runs the rest too.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from loadws.terms.transports import NAMES
from tests.conformance.environment import NotHere, fuzzer, suite_folder
from tests.conformance.server import fuzzing_server
from tests.conformance.suite import Result, run, sections_of
from tests.kit.tools import missing

SECTIONS = sections_of("1-7,10")
#: How many cases these sections have in the released suite. Fewer would be a server that does not know them.
CASES = 247


@pytest.fixture(scope="module")
def made() -> Path:
    try:
        return fuzzer(suite_folder())
    except NotHere as error:
        missing(f"the Autobahn test suite cannot run: {error}")


@pytest.mark.slow
@pytest.mark.servers
@pytest.mark.parametrize("name", NAMES)
def test_every_case_passes(name: str, made: Path) -> None:
    async def main() -> list[Result]:
        async with fuzzing_server(made, SECTIONS) as server:
            return await run(server, name)

    results = trio.run(main)
    assert [result for result in results if result.verdict == "FAILED"] == []
    assert len(results) == CASES
