"""The page of a comparison, written to the places that ask for it."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from loadws.cli.places import write_place
from loadws.metrics.comparison import ComparisonRecord
from loadws.metrics.summary import Summary
from loadws.report.comparing.comparison_page import comparison_page


def write_comparison_page(
    places: Iterable[Path | None],
    record: ComparisonRecord,
    baseline: Sequence[Summary],
    candidate: Sequence[Summary],
) -> None:
    """Write the page. A page that cannot be made is reported, and the comparison's verdict stands.

    Raises:
        OutputError: A file cannot be written.
    """
    wanted = [place for place in places if place is not None]
    if not wanted:
        return
    try:
        page = comparison_page(record, baseline, candidate)
    except Exception as defect:  # the verdict is known, and does not depend on a page
        told = f"{type(defect).__name__}: {defect}. This is a defect of loadws."
        print(f"{wanted[0]} could not be made: {told}", file=sys.stderr)
        return
    for place in wanted:
        write_place(place, page)
