"""All that a report is made of: the content of a run folder, read back."""

from __future__ import annotations

import msgspec

from loadws.metrics.frame import ErrorSample, LogLine
from loadws.metrics.runinfo import RunInfo
from loadws.metrics.summary import Summary
from loadws.report.course.course import Course


class RunReport(msgspec.Struct, frozen=True):
    """The content of a run folder. ``info`` is None where only a summary.json was given; ``errors`` are the first
    1,000.
    """

    summary: Summary
    info: RunInfo | None = None
    errors: tuple[ErrorSample, ...] = ()
    scenario_text: str = ""
    logs: tuple[LogLine, ...] = ()
    course: Course = msgspec.field(default_factory=Course)
