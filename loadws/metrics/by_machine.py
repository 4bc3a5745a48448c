"""The results of each machine of a load, kept as its frames come: an output of a run that several machines make."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterable

import msgspec

from loadws.metrics.frame import Frame
from loadws.metrics.ledger import Ledger
from loadws.metrics.runinfo import EarlyEnd, MachineInfo, RunInfo
from loadws.metrics.summary import Summary


class ByMachine:
    """The newest ledger and the errors of each process. Percentiles exist for the whole load only."""

    def __init__(self) -> None:
        self._ledgers: dict[int, Ledger] = {}
        self._errors: Counter[int] = Counter()

    def begin(self, _: RunInfo) -> None:
        """Do nothing: a frame names its machine by the process's number."""

    def adding(self, frame: Frame) -> Generator[None, None, EarlyEnd | None]:
        """Keep what a frame tells about its machine."""
        self._ledgers[frame.process] = frame.ledger
        self._errors[frame.process] += sum(part.count for part in frame.counters if part.name == "errors")
        yield
        return None

    def finish(self, _: Summary) -> list[str]:
        """Return nothing: the run's folder keeps ``machines``."""
        return []

    def with_counts(self, machines: Iterable[MachineInfo]) -> tuple[MachineInfo, ...]:
        """Return the machines with their counts so far."""
        return tuple(map(self._counted, machines))

    def _counted(self, machine: MachineInfo) -> MachineInfo:
        ledger = Ledger()
        for number in machine.numbers:
            if number in self._ledgers:
                ledger.add(self._ledgers[number])
        return msgspec.structs.replace(
            machine,
            opened=ledger.connections.opened,
            sent=ledger.messages.sent,
            answered=ledger.messages.answered,
            errors=sum(self._errors[number] for number in machine.numbers),
        )
