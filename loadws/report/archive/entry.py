"""What the list shows of one run: the head of its summary.json, or why that cannot be read and what to do."""

from __future__ import annotations

from pathlib import Path

import msgspec

from loadws.metrics.summary import FIRST_VERSION, SCHEMA_VERSION, Verdict
from loadws.report.facts import rank
from loadws.report.folder import REPORT, RUN, SUMMARY
from loadws.report.plain import plain

#: The value whose course over the runs is shown, and its percentile.
TREND, TREND_FIELD = "response_time", "p95"


class Entry(msgspec.Struct, frozen=True):
    """A run folder. ``where`` is its path below the list's folder, with slashes. ``trend`` is the p95 of the response
    time in nanoseconds, None where the run has none. ``why`` says in a sentence what did not hold.

    ``problem`` says why nothing else is known about it, with ``advice``; empty where all is well.
    """

    where: str
    scenario: str
    started_at: str = ""
    outcome: str = ""
    exit_code: int = 0
    why: str = ""
    duration_s: float = 0.0
    target: str = ""
    machine_name: str = ""
    trend: float | None = None
    error_rate: float | None = None
    has_report: bool = False
    problem: str = ""
    advice: str = ""


class _Run(msgspec.Struct):
    scenario: str
    started_at: str
    duration_s: float = 0.0
    target: str = ""
    machine_name: str = ""


class _Metric(msgspec.Struct):
    name: str
    labels: dict[str, str]
    p95: float | None = None
    value: float | None = None


class _Version(msgspec.Struct):
    schema_version: int


class _Head(_Version):
    """The parts of a summary that the list needs. The rest, histograms above all, is passed over."""

    run: _Run
    verdict: Verdict
    metrics: tuple[_Metric, ...] = ()


def read_entry(folder: Path, where: str) -> Entry:
    """Return what the list shows of a run folder. What is wrong with it is in the entry; raises nothing."""
    name = folder.parent.name
    has_report = (folder / REPORT).is_file()
    try:
        content = (folder / SUMMARY).read_bytes()
        version = msgspec.json.decode(content, type=_Version).schema_version
        if not FIRST_VERSION <= version <= SCHEMA_VERSION:
            problem = f"its summary.json has version {version}, and this loadws knows versions up to {SCHEMA_VERSION}"
            return _unread(where, name, has_report, problem, "install the loadws that made it, or a newer one")
        return _of(msgspec.json.decode(content, type=_Head), where, has_report)
    except FileNotFoundError:
        problem = "it has no summary.json: its run did not end, or is still going on"
        advice = f"loadws report {plain(str(folder))} makes one of what was kept"
    except OSError as error:
        problem, advice = f"its summary.json cannot be read: {error.strerror or error}", "look at the file's rights"
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        problem = f"its summary.json is torn: {plain(str(error), 120)}"
        advice = "copy the run folder again"
        if (folder / RUN).is_file():
            advice = f"remove the file, and loadws report {plain(str(folder))} makes it again"
    return _unread(where, name, has_report, problem, advice)


def _unread(where: str, scenario: str, has_report: bool, problem: str, advice: str) -> Entry:
    started_at = started_of(where)
    return Entry(where, scenario, started_at, "unread", has_report=has_report, problem=problem, advice=advice)


def started_of(where: str) -> str:
    """Return when a run began by its folder's name (``20261129T111259Z``); "" where that is no time."""
    name = where.rsplit("/", 1)[-1]
    if len(name) < 16 or not (name[:8] + name[9:15]).isdigit() or name[8] != "T":
        return ""
    return f"{name[:4]}-{name[4:6]}-{name[6:8]}T{name[9:11]}:{name[11:13]}:{name[13:15]}Z"


def _of(head: _Head, where: str, has_report: bool) -> Entry:
    broken = sorted((check for check in head.verdict.checks if not check.holds), key=rank)
    why = next((check.sentence or check.rule for check in broken), "") or next(iter(head.verdict.reasons), "")
    return Entry(
        where,
        plain(head.run.scenario, 120),
        head.run.started_at,
        head.verdict.outcome,
        head.verdict.exit_code,
        plain(why, 300),
        head.run.duration_s,
        plain(head.run.target, 200),
        plain(head.run.machine_name, 120),
        _whole(head.metrics, TREND, TREND_FIELD),
        _whole(head.metrics, "error_rate", "value"),
        has_report,
    )


def _whole(metrics: tuple[_Metric, ...], name: str, field: str) -> float | None:
    """Return a value of the judged time: that of all steps together, or of the only step."""
    judged = [metric for metric in metrics if metric.name == name and "phase" not in metric.labels]
    whole = next((metric for metric in judged if not metric.labels), judged[0] if len(judged) == 1 else None)
    value: float | None = getattr(whole, field) if whole else None
    return value
