"""The last seconds of a run, for those that look at it while it goes."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from loadws.metrics.frame import Frame, HistogramPart
from loadws.metrics.histograms.histogram import LatencyHistogram
from loadws.metrics.live import GeneratorNow, Second
from loadws.metrics.summarising.accumulator import supported_percentiles
from loadws.terms.units import NS_PER_MS

#: How much of the newest past can be looked at, in seconds.
RECENT_S = 10
#: Limits of the columns of the spread of response times: 1, 2 and 5 in each decade from 0.1 ms to 50 s.
SPREAD_LIMITS_NS = tuple(digit * NS_PER_MS * 10.0**decade for decade in range(-1, 5) for digit in (1, 2, 5))


@dataclass(slots=True)
class RecentFrame:
    """What is kept of a frame of the last seconds. Times in seconds since the run's start."""

    start_s: float
    end_s: float
    sent: int
    received: int
    errors: int
    frame: Frame  # without its histograms
    answers: LatencyHistogram = field(default_factory=LatencyHistogram)  # response times, rough
    send_lag: LatencyHistogram = field(default_factory=LatencyHistogram)

    def takers(self, part: HistogramPart) -> tuple[LatencyHistogram, ...]:
        """Return what a part of the frame is to be added to."""
        return {"response_time": (self.answers,), "send_lag": (self.send_lag,)}.get(part.name, ())

    @property
    def second(self) -> int:
        """The second of the run that holds the frame's middle."""
        return int((self.start_s + self.end_s) / 2)


class Recent:
    """The frames of the last seconds. A frame that is itself longer is recent while it is the newest."""

    def __init__(self) -> None:
        self._frames: deque[RecentFrame] = deque()
        self._end_s = 0.0

    def note(self, frame: Frame, bare: Frame) -> RecentFrame:
        """Keep what is needed of a frame, and return it, to be filled with its times. ``bare`` has no histograms."""
        end_s = frame.start_s + frame.duration_s
        self._end_s = max(self._end_s, end_s)
        recent = RecentFrame(
            frame.start_s,
            end_s,
            sent=_count_of(frame, "messages_sent"),
            received=_count_of(frame, "messages_received"),
            errors=_count_of(frame, "errors"),
            frame=bare,
        )
        self._frames.append(recent)
        while self._frames and self._frames[0].end_s < self._end_s - RECENT_S:
            self._frames.popleft()
        return recent

    def last(self, seconds: float) -> list[RecentFrame]:
        """Return the frames that ended in the last ``seconds``."""
        return [each for each in self._frames if each.end_s > self._end_s - seconds]

    def seconds(self) -> tuple[Second, ...]:
        """Return the newest seconds, oldest first; the newest may still lack frames of some processes."""
        by_second: dict[int, list[RecentFrame]] = {}
        for each in self._frames:
            by_second.setdefault(each.second, []).append(each)
        return tuple(_second(number, by_second[number]) for number in sorted(by_second))


def answers_of(frames: Collection[RecentFrame]) -> LatencyHistogram:
    """Return the response times of some frames together."""
    return _together(each.answers for each in frames)


def spread_of(answers: LatencyHistogram) -> tuple[tuple[float, int], ...]:
    """Return (limit in ns, how many values lie up to it and above the limit before), from the first to the last value."""
    if not answers.count:
        return ()
    above = [answers.count, *(answers.count_above(limit) for limit in SPREAD_LIMITS_NS)]
    columns = [
        (limit, before - after) for limit, before, after in zip(SPREAD_LIMITS_NS, above, above[1:], strict=False)
    ]
    columns.append((float("inf"), above[-1]))
    filled = [number for number, (_, count) in enumerate(columns) if count]
    return tuple(columns[filled[0] : filled[-1] + 1])


def generator_now(frames: Collection[RecentFrame]) -> GeneratorNow:
    """Return how the worst process did in some frames."""
    health = [each.frame.health for each in frames]
    lag = _together(each.send_lag for each in frames)
    return GeneratorNow(
        cpu_share=max((each.cpu_share for each in health), default=0.0),
        loop_lag_max_ns=max((each.loop_lag_max_ns for each in health), default=0),
        waited_share=max((each.waited_share for each in health), default=0.0),
        steal_share=max((each.steal_share for each in health), default=0.0),
        send_lag_p99_ns=supported_percentiles(lag, (99,))[0],
    )


def _second(number: int, frames: list[RecentFrame]) -> Second:
    answers = frames[0].answers if len(frames) == 1 else answers_of(frames)
    p50, p99 = supported_percentiles(answers, (50, 99))
    slowest = answers.max if answers.count else None
    return Second(
        number,
        sent=sum(each.sent for each in frames),
        received=sum(each.received for each in frames),
        errors=sum(each.errors for each in frames),
        response_p50_ns=p50,
        response_p99_ns=slowest if p99 is None else p99,
        users=sum(each.frame.gauges.users for each in {each.frame.process: each for each in frames}.values()),
    )


def _together(histograms: Iterator[LatencyHistogram]) -> LatencyHistogram:
    whole = LatencyHistogram()
    for histogram in histograms:
        whole.add(histogram)
    return whole


def _count_of(frame: Frame, counter: str) -> int:
    return sum(part.count for part in frame.counters if part.name == counter)
