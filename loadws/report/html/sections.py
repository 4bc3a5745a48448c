"""The sections of the page in their order, and which of them have news: the others are folded."""

from __future__ import annotations

import msgspec

from loadws.metrics.summary import Summary
from loadws.report import deliveries, ledger_table, timings
from loadws.report import facts as rows
from loadws.report.runreport import RunReport
from loadws.report.tables import machines
from loadws.report.without_error import failed_without_error


class Section(msgspec.Struct, frozen=True):
    """A section. ``has_news``: it is unfolded from the start. ``word`` is shown beside its name where it is folded."""

    name: str
    title: str
    has_news: bool = True
    word: str = ""


def sections(report: RunReport) -> dict[str, Section]:
    """Return the sections that this run has, by name, in the order of the page."""
    summary = report.summary
    found = [
        Section("checks", "Checks") if summary.verdict.checks else None,
        Section("warnings", "Before you trust these numbers") if rows.warnings(summary) else None,
        _errors(summary),
        Section("latency", "Latency"),
        Section("steps", "Step by step") if len(timings.by_step(summary, "response_time")) > 1 else None,
        Section("delivery", "Delivery") if deliveries.delivery_rows(summary) else None,
        Section("traffic", "Traffic"),
        _connecting(summary),
        _ledger(summary),
        Section("machines", "Machines") if machines.machine_rows(report.info) else None,
        _generator(summary),
        Section("scenario", "Scenario", False) if report.scenario_text else None,
        Section("log", "Log", False) if report.logs else None,
        Section("run", "This run", False),
    ]
    return {section.name: section for section in found if section}


def _errors(summary: Summary) -> Section:
    has_news = bool(summary.errors or failed_without_error(summary))
    return Section("errors", "Errors", has_news, "" if has_news else "none")


def _connecting(summary: Summary) -> Section | None:
    connections = summary.ledger.connections
    if not connections.attempted:
        return None
    has_news = bool(connections.refused - connections.as_expected > 0 or connections.failed)
    judged = any("connect_time" in check.rule and not check.holds for check in summary.verdict.checks)
    return Section("connecting", "Connecting", has_news or judged, "all opened" if not has_news else "")


def _ledger(summary: Summary) -> Section:
    wholes = ledger_table.equations(summary.ledger)
    bad = any(part.count and part.tone == "bad" for whole in wholes for part in whole.parts)
    return Section("ledger", "Ledger", bad or not all(whole.holds for whole in wholes), "adds up, nothing lost")


def _generator(summary: Summary) -> Section:
    generator = summary.generator
    is_well = generator.healthy and not generator.warnings
    return Section("generator", "The generator itself", not is_well, "healthy")
