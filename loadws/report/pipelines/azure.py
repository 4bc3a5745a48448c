"""Azure Pipelines: issues, the summary page and output variables, as logging commands.

Source: https://learn.microsoft.com/azure/devops/pipelines/scripts/logging-commands; the escapes are those of
azure-pipelines-task-lib. A path has to be absolute.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from loadws.report.pipelines.result import Result
from loadws.report.pipelines.telling import Telling

MOST_ISSUES = 10


def tell(result: Result, _environment: Mapping[str, str]) -> Telling:
    """Return the report to the service."""
    return Telling(tuple(_lines(result)))


def _lines(result: Result) -> Iterator[str]:
    for problem in result.problems[:MOST_ISSUES]:
        place = {"sourcepath": problem.path, "linenumber": str(problem.line)} if problem.path else {}
        yield command("task.logissue", {"type": problem.severity, **place}, f"loadws: {result.title}: {problem.text}")
    if (more := len(result.problems) - MOST_ISSUES) > 0:
        yield command("task.logissue", {"type": "warning"}, f"loadws: {result.title}: {more} more problems")
    summary = result.summary or (None if result.folder is None else result.folder / "summary.md")
    if summary is not None and summary.is_file():
        yield command("task.uploadsummary", {}, str(summary.resolve()))
    variables = {"verdict": result.outcome, "exitCode": str(result.exit_code)}
    if result.report is not None:
        variables["report"] = str(result.report.resolve())
    for name, value in variables.items():
        yield command("task.setvariable", {"variable": f"loadws.{name}", "isOutput": "true"}, value)


def command(name: str, properties: Mapping[str, str], data: str) -> str:
    """Return one logging command; its texts are escaped, so that no text ends it or begins another."""
    inner = ";".join(f"{key}={_property(value)}" for key, value in properties.items())
    return f"##vso[{name}{f' {inner}' if inner else ''}]{_data(data)}"


def _data(text: str) -> str:
    return text.replace("%", "%AZP25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace("]", "%5D").replace(";", "%3B")
