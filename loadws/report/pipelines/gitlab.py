"""GitLab: a link to the report on the job's page, by ``artifacts:reports:annotations``.

Source: https://docs.gitlab.com/ci/yaml/artifacts_reports/#artifactsreportsannotations.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import msgspec

from loadws.report.pipelines.result import Result
from loadws.report.pipelines.services import FILES_FOR
from loadws.report.pipelines.telling import Telling

[ANNOTATIONS] = FILES_FOR["gitlab"]


def tell(result: Result, environment: Mapping[str, str]) -> Telling:
    """Return the report to the service: empty where the report is not below the project, and so is not an artefact."""
    place = _in_project(result.report, environment.get("CI_PROJECT_DIR", ""))
    job = environment.get("CI_JOB_URL", "")
    if result.folder is None or result.report is None or not place or not job:
        return Telling()
    link = {"label": f"loadws {result.word}: {result.title}", "url": f"{job}/artifacts/file/{quote(place)}"}
    content = msgspec.json.encode({"loadws": [{"external_link": link}]})
    return Telling(written={result.folder / ANNOTATIONS: content + b"\n"})


def _in_project(report: Path | None, project: str) -> str:
    """Return the report's path from the project's folder on; empty where it is not below that."""
    if report is None or not project:
        return ""
    try:
        return report.resolve().relative_to(Path(project).resolve()).as_posix()
    except ValueError:
        return ""
