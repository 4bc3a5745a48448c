"""Whole pages of a report, charts and all, as ``loadws report`` makes them."""

from __future__ import annotations

from loadws.report.drawing.draw import Artist
from loadws.report.html.page import INLINE, Assets, render
from loadws.report.runreport import RunReport


def page(report: RunReport, assets: Assets = INLINE) -> bytes:
    return render(report, Artist().draw(report.summary), assets)
