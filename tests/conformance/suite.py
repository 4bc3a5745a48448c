"""All cases of the chosen sections for one transport: run, then read what the server made of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import trio

from loadws.transport.base import Compression, Connector
from loadws.transport.clock.timers import open_timers
from loadws.transport.registry import transport
from tests.conformance.server import Server
from tests.conformance.talk import ask, echo

Verdict = Literal["OK", "INFORMATIONAL", "NON-STRICT", "FAILED"]
#: From best to worst. Only the last is no pass.
VERDICTS: tuple[Verdict, ...] = ("OK", "INFORMATIONAL", "NON-STRICT", "FAILED")
#: 8 and 11 do not exist.
SECTIONS = frozenset({1, 2, 3, 4, 5, 6, 7, 9, 10, 12, 13})
#: In these alone compression is offered.
COMPRESSED = (12, 13)
#: Sections that keep the server's one core busy: run side by side with others, they would be late for its deadlines.
_HEAVY = (9, 12, 13)
_LIGHT_AT_ONCE = 24
_HEAVY_AT_ONCE = 2


@dataclass(frozen=True, slots=True)
class Result:
    """``case`` is the suite's name of it, as 6.4.2; ``because`` is what the server said where the verdict is not OK."""

    transport: str
    case: str
    verdict: Verdict
    because: str = ""

    @property
    def section(self) -> int:
        return _section_of(self.case)


def _section_of(case: str) -> int:
    return int(case.partition(".")[0])


def sections_of(text: str) -> tuple[int, ...]:
    """``1-7,10`` -> 1 to 7, and 10. Raises ValueError; also for a part that the suite has no section for."""
    chosen: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        found = SECTIONS & set(range(int(first), int(last or first) + 1))
        if not found:
            raise ValueError(f"the suite has no section {part}")
        chosen |= found
    return tuple(sorted(chosen))


async def run(server: Server, name: str) -> list[Result]:
    """Every case that the server knows, with the transport of this name."""
    async with open_timers() as timers, transport(name).open(timers) as connector:
        cases = await _cases(connector, server)
        heavy = [number for number, case in cases.items() if _section_of(case) in _HEAVY]
        compressed = {number for number, case in cases.items() if _section_of(case) in COMPRESSED}
        case_runner = _CaseRunner(connector, server, name, compressed)
        await case_runner.run(cases.keys() - set(heavy), _LIGHT_AT_ONCE)
        await case_runner.run(heavy, _HEAVY_AT_ONCE)
        await ask(connector, f"{server.url}/updateReports?agent={name}")
    verdicts = server.verdicts().get(name, {})
    return [result_of(name, case, verdicts.get(case)) for case in cases.values()]


async def _cases(connector: Connector, server: Server) -> dict[int, str]:
    """The number that the server knows a case by, and its name."""
    count: int = await ask(connector, f"{server.url}/getCaseCount")
    numbers = range(1, count + 1)
    return {number: (await ask(connector, f"{server.url}/getCaseInfo?case={number}"))["id"] for number in numbers}


@dataclass(frozen=True, slots=True)
class _CaseRunner:
    """``compressed`` are the numbers of the cases in which compression is offered."""

    connector: Connector
    server: Server
    name: str
    compressed: set[int]

    async def run(self, numbers: Iterable[int], at_once: int) -> None:
        free = trio.Semaphore(at_once)
        async with trio.open_nursery() as nursery:
            for number in numbers:
                nursery.start_soon(self._run_case, number, free)

    async def _run_case(self, number: int, free: trio.Semaphore) -> None:
        async with free:
            which = f"case={number}&agent={self.name}"
            compression = Compression() if number in self.compressed else None
            if await echo(self.connector, f"{self.server.url}/runCase?{which}", compression):
                await ask(
                    self.connector, f"{self.server.url}/getCaseStatus?{which}"
                )  # answers when the verdict is there


def result_of(name: str, case: str, said: dict[str, Any] | None) -> Result:
    """The worse of what the server thinks of the conversation and of its closing."""
    if said is None:
        return Result(name, case, "FAILED", "no connection")
    behavior, close = said["behavior"], said["behaviorClose"]
    verdict = max((_verdict(behavior), _verdict(close)), key=VERDICTS.index)
    return Result(name, case, verdict, "" if verdict == "OK" else f"{behavior}, close {close}")


def _verdict(said: str) -> Verdict:
    """The suite has more words for what is no pass: WRONG CODE, UNCLEAN, FAILED BY CLIENT, UNIMPLEMENTED."""
    return next((verdict for verdict in VERDICTS if verdict == said), "FAILED")
