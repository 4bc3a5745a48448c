"""GitHub Actions: annotations, the step summary, the step's outputs, and the text of a comment on a pull request.

A step summary may have 1 MiB, a step ten annotations of a kind, a comment 65,536 characters.

Source: https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from loadws.report.pipelines.bounded import cut
from loadws.report.pipelines.result import Result
from loadws.report.pipelines.services import FILES_FOR
from loadws.report.pipelines.telling import Appended, Telling

MOST_ANNOTATIONS = 10
MOST_SUMMARY_BYTES = 900 * 1024
MOST_OUTPUT_BYTES = 1024 * 1024
MOST_COMMENT_CHARACTERS = 65_536
[COMMENT] = FILES_FOR["github"]


def tell(result: Result, environment: Mapping[str, str]) -> Telling:
    """Return the report to the service, without the parts for which the environment names no file."""
    appended = []
    if summary := environment.get("GITHUB_STEP_SUMMARY"):
        appended.append(Appended(Path(summary), f"{result.markdown}\n", MOST_SUMMARY_BYTES))
    comment = None if result.folder is None else result.folder / COMMENT
    if outputs := environment.get("GITHUB_OUTPUT"):
        appended.append(Appended(Path(outputs), "".join(_outputs(result, comment)), MOST_OUTPUT_BYTES))
    written = {} if comment is None else {comment: comment_of(result, _job(environment)).encode()}
    return Telling(tuple(annotations_of(result)), tuple(appended), written)


def annotations_of(result: Result) -> Iterator[str]:
    """Yield at most ten lines; where there are more problems, the last line says how many are left out."""
    shown = result.problems if len(result.problems) <= MOST_ANNOTATIONS else result.problems[: MOST_ANNOTATIONS - 1]
    title = _property(f"loadws: {result.title}")
    for problem in shown:
        place = f"file={_property(problem.path)},line={problem.line}," if problem.path else ""
        yield f"::{problem.severity} {place}title={title}::{_data(problem.text)}"
    if more := len(result.problems) - len(shown):
        yield f"::{result.severity} title={title}::{more} more problems: see the step summary"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _outputs(result: Result, comment: Path | None) -> Iterator[str]:
    paths = {"run-folder": result.folder, "report": result.report, "comment": comment}
    values = {
        "verdict": result.outcome,
        "exit-code": str(result.exit_code),
        **{name: str(path) for name, path in paths.items() if path is not None},
        **{name.replace("_", "-"): f"{value:g}" for name, value in result.figures},
    }
    for name, value in values.items():
        yield f"{name}={_one_line(value)}\n"


def _one_line(text: str) -> str:
    return re.sub(r"[\r\n]", " ", text)


def _job(environment: Mapping[str, str]) -> str:
    """Return the address of the workflow's run; empty where the environment does not say it."""
    parts = [environment.get(f"GITHUB_{name}", "") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID")]
    return f"{parts[0]}/{parts[1]}/actions/runs/{parts[2]}" if all(parts) else ""


def comment_of(result: Result, job: str) -> str:
    """Return a comment that begins with a mark of its own, by which the next run finds and replaces it."""
    mark = f"<!-- loadws: {re.sub(r'[^A-Za-z0-9_. -]', '', result.title).replace('--', '-')} -->\n"
    link = f"\n[The workflow's run]({job}) has the whole report.\n" if re.fullmatch(r"https?://[^\s()<>]+", job) else ""
    # No character has less than one byte of UTF-8, so that a text of so many bytes is short enough.
    return mark + cut(result.markdown, MOST_COMMENT_CHARACTERS - len(mark) - len(link)) + link
