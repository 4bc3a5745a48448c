"""The events of a run over time: answers, closed connections, refusals, errors by kind, dropped arrivals.

They come from ``windows.ndjson``, whose frames contain each process's ledger so far: the events of a window are the
difference to the previous window. A run folder without that file has no course, and its report lacks these charts and
sentences.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate

import msgspec

from loadws.metrics.frame import CounterPart
from loadws.metrics.ledger import Ledger
from loadws.terms.errors import LoadwsError

#: Events have such keys: ``answered``, ``dropped``, ``opened``, and a kind with one of these before it.
CLOSED, REFUSED, FAILED, ERROR = "closed ", "refused ", "failed ", "error "
#: Requests that were sent, and those that got their answer or never will.
ASKED, SETTLED = "asked", "settled"
#: Closes that are not events: ours, and the server's at the end of its work.
_ORDINARY = ("us.",)
_STEP_ERROR = "step error "
_BETWEEN = "\0"  # no step's name contains it


def step_error(kind: str, step: str) -> str:
    """Return the key of errors of one kind in one step."""
    return f"{errors_of(step)}{kind}"


def errors_of(step: str) -> str:
    """Return the prefix of the keys of all errors in one step."""
    return f"{_STEP_ERROR}{step}{_BETWEEN}"


class Course(msgspec.Struct, frozen=True):
    """The counts of events in each interval of ``interval_s`` seconds since the run's start.

    ``covered_s`` is how much of each interval a process was measuring; 0 where the run has no window.
    """

    interval_s: float = 1.0
    covered_s: tuple[float, ...] = ()
    counts: Mapping[str, tuple[int, ...]] = msgspec.field(default_factory=dict)

    def of(self, key: str) -> tuple[int, ...]:
        """Return the counts of one key, zeros where there was no such event."""
        return self.counts.get(key, (0,) * len(self.covered_s))

    def waits_for_answers(self) -> list[bool]:
        """Return for each interval whether a request was under way in it, as far as that is known; else True."""
        if ASKED not in self.counts:
            return [True] * len(self.covered_s)
        asked, settled = accumulate(self.of(ASKED)), accumulate(self.of(SETTLED), initial=0)
        return [so_far > done_before for so_far, done_before in zip(asked, settled, strict=False)]

    def kinds(self, prefix: str) -> dict[str, tuple[int, ...]]:
        """Return the counts by kind of all keys that begin with ``prefix``, the most frequent first."""
        found = {key.removeprefix(prefix): counts for key, counts in self.counts.items() if key.startswith(prefix)}
        return dict(sorted(found.items(), key=lambda item: (-sum(item[1]), item[0])))


class _Window(msgspec.Struct):
    """The part of a frame that a course is made of; the line of an ending has none."""

    ledger: Ledger | None = None
    process: int = 0
    start_s: float = 0.0
    duration_s: float = 0.0
    counters: tuple[CounterPart, ...] = ()


_HISTOGRAMS, _COUNTERS = b'"histograms":[', b'"counters":['
_WINDOW = msgspec.json.Decoder(_Window)


def course_of(lines: Iterable[bytes], interval_s: float, points: int) -> Course:
    """Return the course of a run from the lines of its ``windows.ndjson``, in ``points`` intervals.

    A line that cannot be read ends it: the process was killed while it wrote that line.
    """
    counts: dict[str, list[int]] = {}
    covered: list[dict[int, float]] = [{} for _ in range(points)]
    before: dict[int, dict[str, int]] = {}
    for window in _windows(lines):
        at = int((window.start_s + window.duration_s / 2) / interval_s)
        if not 0 <= at < points or window.ledger is None:
            continue
        covered[at][window.process] = covered[at].get(window.process, 0.0) + window.duration_s
        so_far = _so_far(window.ledger)
        news = _difference(so_far, before.get(window.process, {})) | _errors(window.counters)
        before[window.process] = so_far
        for key, count in news.items():
            counts.setdefault(key, [0] * points)[at] += count
    return Course(
        interval_s,
        tuple(min(interval_s, max(each.values(), default=0.0)) for each in covered),
        {key: tuple(values) for key, values in counts.items()},
    )


def _windows(lines: Iterable[bytes]) -> Iterator[_Window]:
    for line in lines:
        try:
            window = _WINDOW.decode(_without_histograms(line))
        except (msgspec.DecodeError, LoadwsError):
            return
        if window.ledger is not None and math.isfinite(window.start_s):
            yield window


def _without_histograms(line: bytes) -> bytes:
    """Return a frame without its histograms, which are nearly all of it where a flow has many steps: to pass over them
    as bytes is several times as fast as to decode them. Inside a text the quotes of such a name would have backslashes.
    """
    begin = line.find(_HISTOGRAMS)
    end = line.find(_COUNTERS, begin) if begin >= 0 else -1
    return line[:begin] + line[end:] if end >= 0 else line


def _so_far(ledger: Ledger) -> dict[str, int]:
    return {
        "answered": ledger.messages.answered,
        ASKED: ledger.messages.sent - ledger.messages.one_way,
        SETTLED: ledger.messages.answered + ledger.messages.timed_out + ledger.messages.unanswered,
        "opened": ledger.connections.opened,
        "dropped": ledger.arrivals.dropped,
        "arrivals": ledger.arrivals.planned,
        **{f"{CLOSED}{key}": count for key, count in ledger.close_codes.items() if not key.startswith(_ORDINARY)},
        **{f"{REFUSED}{status}": count for status, count in ledger.refusals.items()},
        **{f"{FAILED}{kind}": count for kind, count in ledger.failures.items()},
    }


def _difference(so_far: Mapping[str, int], before: Mapping[str, int]) -> dict[str, int]:
    return {key: new for key, count in so_far.items() if (new := count - before.get(key, 0)) > 0}


def _errors(counters: Iterable[CounterPart]) -> dict[str, int]:
    found: dict[str, int] = {}
    for counter in counters:
        if counter.name == "errors":
            kind, step = counter.labels.get("kind", ""), counter.labels.get("step", "")
            for key in (f"{ERROR}{kind}", step_error(kind, step)):
                found[key] = found.get(key, 0) + counter.count
    return found
