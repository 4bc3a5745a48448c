"""Whole pages of a report, charts and all, as ``loadws report`` makes them."""

from __future__ import annotations

from loadws.report import charts, html
from loadws.report.drawing.draw import Artist
from loadws.report.runreport import RunReport


def page(report: RunReport) -> bytes:
    return html.render(report, Artist().draw(charts.charts(report.summary)))
