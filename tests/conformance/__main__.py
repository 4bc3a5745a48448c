"""``python -m tests.conformance``: every case of the Autobahn test suite, for every transport, and the table of it.

Exit codes: 0 all passed, 1 a case failed, 2 it could not run.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import trio

from loadws.terms.transports import NAMES, traits_of
from tests.conformance.environment import NotHere, SetupFailed, fuzzer, suite_folder
from tests.conformance.server import fuzzing_server
from tests.conformance.suite import Result, run, sections_of
from tests.conformance.table import render

#: What a transport has to pass: all that it can do.
_PLAIN, _COMPRESSED = "1-7,9,10", "12,13"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description="Autobahn judges the transports.")
    parser.add_argument(
        "--transport", action="append", choices=NAMES, help="which one; may be given again (default: all)"
    )
    parser.add_argument(
        "--sections",
        type=_sections,
        metavar="1-7,10",
        help=f"(default: {_PLAIN}; {_COMPRESSED} too where there is compression)",
    )
    parser.add_argument(
        "--autobahn", type=Path, metavar="FOLDER", help="the folder with setup.sh (default: ../shared/autobahn)"
    )
    parser.add_argument("--write", type=Path, metavar="FILE", help="where to write the table, as Markdown")
    return parser.parse_args()


def _sections(text: str) -> tuple[int, ...]:
    try:
        return sections_of(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error}") from error


def _all_sections(name: str) -> tuple[int, ...]:
    return sections_of(_PLAIN if "compression" in traits_of(name).lacks else f"{_PLAIN},{_COMPRESSED}")


async def _judge(made: Path, names: list[str], sections: tuple[int, ...] | None) -> list[Result]:
    results: list[Result] = []
    for name in names:
        async with fuzzing_server(made, sections or _all_sections(name)) as server:
            results += await run(server, name)
    return results


def main() -> int:
    asked = _arguments()
    try:
        made = fuzzer(suite_folder(asked.autobahn))
    except (NotHere, SetupFailed) as error:
        print(f"the Autobahn test suite cannot run: {error}", file=sys.stderr)
        return 2
    results = trio.run(_judge, made, asked.transport or list(NAMES), asked.sections)
    table = render(results)
    print(table, end="")
    if asked.write:
        asked.write.write_text(table, "utf-8")
    return 1 if any(result.verdict == "FAILED" for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
