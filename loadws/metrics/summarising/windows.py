"""Windows of a rule on a percentile: how many samples of each are beyond its limit.

Messages of one moment resemble each other, so a thousand of them are worth fewer independent ones. How many fewer, the
counts of consecutive windows show (``percentiles.design_effect``). A window is a second, and twice as long each time
that there are more than 600 of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from loadws.metrics.frame import Frame, HistogramPart
from loadws.metrics.histograms.histogram import LatencyHistogram
from loadws.metrics.summary import RuleWindows
from loadws.terms.metrics import TABLE
from loadws.terms.thresholds import Threshold

MOST_WINDOWS = 600


class Windows:
    """The windows of all rules of a run that judge a percentile."""

    def __init__(self, thresholds: Collection[Threshold], judged: Collection[str]) -> None:
        """Prepare. ``judged`` are the names of the phases that are judged where a rule names none."""
        self._rules = list(_watched(thresholds, judged))

    def add(self, frame: Frame, part: HistogramPart, histogram: LatencyHistogram) -> None:
        """Count one part of a frame for the rules that it belongs to; ``histogram`` is the part, decoded."""
        for rule in self._rules:
            if rule.metric == part.name:
                rule.add(frame, part, histogram)

    def counted(self) -> tuple[RuleWindows, ...]:
        return tuple(rule.counted() for rule in self._rules if rule.windows)


def _watched(thresholds: Collection[Threshold], judged: Collection[str]) -> Iterator[_Rule]:
    for threshold in thresholds:
        if threshold.percentile is not None:
            row = TABLE.get(threshold.metric)
            for metric in (threshold.metric, row.unlagged if row else None):
                if metric is not None:
                    yield _Rule(threshold, metric, judged)


class _Rule:
    def __init__(self, threshold: Threshold, metric: str, judged: Collection[str]) -> None:
        self.metric = metric
        self.windows: dict[int, tuple[int, int]] = {}
        self._threshold = threshold
        self._labels = {label: value for label, value in threshold.labels.items() if label != "phase"}
        self._phases = {threshold.labels["phase"]} if "phase" in threshold.labels else set(judged)
        self._seconds = 1

    def add(self, frame: Frame, part: HistogramPart, histogram: LatencyHistogram) -> None:
        if part.labels.get("phase") not in self._phases or not self._labels.items() <= part.labels.items():
            return
        above = histogram.count_above(self._threshold.value)
        is_upper = self._threshold.op in ("<", "<=")
        beyond = (above if is_upper else histogram.count - above) + (histogram.missing if is_upper else 0)
        number = int(frame.start_s + frame.duration_s / 2) // self._seconds
        self._put(number, beyond, histogram.count + histogram.missing)
        while len(self.windows) > MOST_WINDOWS:
            self._halve()

    def counted(self) -> RuleWindows:
        windows = tuple(self.windows[number] for number in sorted(self.windows))
        return RuleWindows(self._threshold.rule, self.metric, windows)

    def _put(self, number: int, beyond: int, count: int) -> None:
        beyond_before, count_before = self.windows.get(number, (0, 0))
        self.windows[number] = (beyond_before + beyond, count_before + count)

    def _halve(self) -> None:
        """Make every two windows one."""
        windows, self.windows = self.windows, {}
        self._seconds *= 2
        for number, (beyond, count) in windows.items():
            self._put(number // 2, beyond, count)
