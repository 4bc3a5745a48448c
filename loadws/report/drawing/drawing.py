"""What was drawn for a report, and why not all of it where some is missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from loadws.report.drawing.vega_bundle import Bundle


@dataclass(frozen=True, slots=True)
class Drawing:
    """``svgs`` by the name of their chart. Without a ``bundle`` they are pictures and no more. ``problem`` is a sentence."""

    svgs: Mapping[str, str] = field(default_factory=dict)
    bundle: Bundle | None = None
    problem: str = ""


#: What a report says that was written before its charts, where nothing came after it.
NOT_YET = Drawing(problem="There are no charts: loadws was ended before it had drawn them.")
