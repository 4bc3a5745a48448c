"""What the engine records between two rotations, and the phase of each sample.

A sample belongs to the phase of its intended time, however late it comes.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import TypeVar

from loadws.metrics.frame import ErrorSample, LogLine
from loadws.metrics.histograms.histogram import Span

Number = TypeVar("Number", int, float)
OfPhase = tuple[str, str, int]  # kind, step, phase


class Phases:
    """The phase of a moment: the last that had begun by then, or the first. ``phases`` are (name, warm-up)."""

    def __init__(self, phases: Sequence[tuple[str, bool]]) -> None:
        self.names = [name for name, _ in phases]
        self.warmups = [warmup for _, warmup in phases]
        self._begun: list[int] = [0]
        self._starts_ns: list[float] = [float("-inf")]

    def begin(self, index: int, at_ns: int) -> None:
        """Begin a phase. Phases begin in order, and their moments never go back."""
        self._begun.append(index)
        self._starts_ns.append(at_ns)

    def at(self, at_ns: float) -> int:
        return self._begun[bisect_right(self._starts_ns, at_ns) - 1]

    def spread(self, first_ns: int, interval_ns: int, count: int) -> Iterator[tuple[int, int]]:
        """Yield (phase, how many) of ``count`` moments at a fixed interval, without going through each of them."""
        done = 0
        while done < count:
            at_ns = first_ns + done * interval_ns
            index = bisect_right(self._starts_ns, at_ns)
            if index < len(self._starts_ns):
                before_next = max(1, math.ceil((self._starts_ns[index] - at_ns) / interval_ns))
            else:
                before_next = count
            some = min(before_next, count - done)
            yield self._begun[index - 1], some
            done += some

    def split(self, rows: list[Number], width: int) -> Iterator[tuple[int, list[Number]]]:
        """Yield rows of ``width`` numbers by phase; the first number of each is its intended time. Nearly always all
        are of the last phase.
        """
        intended = rows[::width]
        if min(intended) >= self._starts_ns[-1]:
            yield self._begun[-1], rows
            return
        apart: dict[int, list[Number]] = {}
        for number, at_ns in enumerate(intended):
            apart.setdefault(self.at(at_ns), []).extend(rows[number * width : (number + 1) * width])
        yield from apart.items()


class Interval:
    """All samples except the stamps of messages, which stay in the steps' meters until the rotation."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, list[int]]] = []  # step, rows of a meter
        self.samples: defaultdict[tuple[str, str | None, Span], list[float]] = defaultdict(
            list
        )  # at, value, at, value, ..
        self.tried: Counter[OfPhase] = Counter()
        self.failed: Counter[OfPhase] = Counter()
        self.not_begun: Counter[OfPhase] = Counter()  # those of ``tried`` and ``failed`` that were never made
        self.wrong: Counter[OfPhase] = Counter()
        self.counts: Counter[tuple[str, int]] = Counter()  # name, phase
        self.labelled: Counter[tuple[str, str, int]] = Counter()  # metric, value of its first label, phase
        self.missing: Counter[tuple[str, str, int]] = Counter()  # metric, step, phase
        self.stalls: list[
            tuple[int, int]
        ] = []  # (from, to) in ns in which the loop did not turn, where the loop takes the stamps
        self.errors: list[ErrorSample] = []
        self.logs: list[LogLine] = []
        self.began: list[tuple[int, float]] = []  # index of the phase, seconds since the start
