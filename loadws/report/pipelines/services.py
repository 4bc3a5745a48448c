"""The CI services that loadws knows: how each is recognised, its report, and which formats it reads beside the default."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple, get_args

ServiceName = Literal["github", "gitlab", "jenkins", "azure", "teamcity", "buildkite"]
CiAsked = Literal["auto", "none", "github", "gitlab", "jenkins", "azure", "teamcity", "buildkite"]
SERVICES: tuple[ServiceName, ...] = get_args(ServiceName)
#: The variable that only this service sets. Jenkins is last: its agents may start jobs of the others.
MARKS: dict[ServiceName, str] = {
    "github": "GITHUB_ACTIONS",
    "gitlab": "GITLAB_CI",
    "azure": "TF_BUILD",
    "teamcity": "TEAMCITY_VERSION",
    "buildkite": "BUILDKITE",
    "jenkins": "JENKINS_URL",
}
#: The formats that a run writes for a service where ``--formats`` does not say others.
FORMATS_FOR: dict[ServiceName, tuple[str, ...]] = {
    "gitlab": ("k6", "openmetrics"),
    "jenkins": ("taurus", "locust"),
}
#: The files that loadws writes for a service beside the formats.
FILES_FOR: dict[ServiceName, tuple[str, ...]] = {"github": ("comment.md",), "gitlab": ("annotations.json",)}


class Ci(NamedTuple):
    """The service that gets a command's result; None where there is none.

    It is a tuple because each command looks for its service, and dataclasses take longer to import than ``--help``.
    """

    service: ServiceName | None = None

    @property
    def formats(self) -> tuple[str, ...]:
        """Return the formats that the service reads beside the default ones."""
        return () if self.service is None else FORMATS_FOR.get(self.service, ())

    @property
    def files(self) -> tuple[str, ...]:
        """Return the names of the files that are written for the service."""
        return () if self.service is None else FILES_FOR.get(self.service, ())


def find_service(asked: CiAsked, environment: Mapping[str, str]) -> Ci:
    """Return the service that was asked for; for ``auto`` the one that the environment is of."""
    if asked == "auto":
        return Ci(next((name for name, mark in MARKS.items() if environment.get(mark)), None))
    return Ci(None if asked == "none" else asked)
