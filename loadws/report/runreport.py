"""All that a report is made of: the content of a run folder, read back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from loadws.metrics.frame import ErrorSample, LogLine
from loadws.metrics.runinfo import RunInfo
from loadws.metrics.summary import Summary
from loadws.report.course.course import Course

if TYPE_CHECKING:
    from loadws.report.series import Series


class RunReport(msgspec.Struct, frozen=True):
    """The content of a run folder. ``info`` is None where only a summary.json was given; ``errors`` are the first
    1,000. ``series`` holds all runs of the command, where there are several or a comparison: formats that can show more than
    one run show all of them.
    """

    summary: Summary
    info: RunInfo | None = None
    errors: tuple[ErrorSample, ...] = ()
    scenario_text: str = ""
    logs: tuple[LogLine, ...] = ()
    course: Course = msgspec.field(default_factory=Course)
    series: Series | None = None
