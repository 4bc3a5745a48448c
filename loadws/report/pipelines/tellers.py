"""The list of the services that get a report. Jenkins is not among them: it reads files."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from loadws.report.pipelines import azure, buildkite, github, gitlab, teamcity
from loadws.report.pipelines.result import Result
from loadws.report.pipelines.services import ServiceName
from loadws.report.pipelines.telling import Telling

_TELLERS: dict[ServiceName, Callable[[Result, Mapping[str, str]], Telling]] = {
    "github": github.tell,
    "gitlab": gitlab.tell,
    "azure": azure.tell,
    "teamcity": teamcity.tell,
    "buildkite": buildkite.tell,
}


def telling_for(service: ServiceName, result: Result, environment: Mapping[str, str]) -> Telling:
    """Return the report to a service about a result."""
    return _TELLERS[service](result, environment) if service in _TELLERS else Telling()
