"""Where a run was made: this machine's name, the CI job and the commit, as the environment names them."""

from __future__ import annotations

import platform
from collections.abc import Mapping

#: For each CI service: the variable that only it sets, the address of the job (a template of variables), the commit.
_SERVICES = (
    ("GITHUB_RUN_ID", "{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}/actions/runs/{GITHUB_RUN_ID}", "GITHUB_SHA"),
    ("GITLAB_CI", "{CI_JOB_URL}", "CI_COMMIT_SHA"),
    ("JENKINS_URL", "{BUILD_URL}", "GIT_COMMIT"),
    ("BUILDKITE", "{BUILDKITE_BUILD_URL}#{BUILDKITE_JOB_ID}", "BUILDKITE_COMMIT"),
    ("CIRCLECI", "{CIRCLE_BUILD_URL}", "CIRCLE_SHA1"),
    ("TF_BUILD", "{SYSTEM_COLLECTIONURI}{SYSTEM_TEAMPROJECT}/_build/results?buildId={BUILD_BUILDID}", "BUILD_SOURCEVERSION"),
    ("BITBUCKET_COMMIT", "{BITBUCKET_GIT_HTTP_ORIGIN}/pipelines/results/{BITBUCKET_BUILD_NUMBER}", "BITBUCKET_COMMIT"),
)  # fmt: skip


def place(environment: Mapping[str, str]) -> dict[str, str]:
    """Return ``host``, and ``job`` and ``commit`` where the run is one of a known CI service."""
    found = {"host": platform.node()}
    for mark, job, commit in _SERVICES:
        if environment.get(mark):
            found["job"] = _filled(job, environment)
            found["commit"] = environment.get(commit, "")
            break
    return {name: value for name, value in found.items() if value}


def _filled(template: str, environment: Mapping[str, str]) -> str:
    """Return the address; empty where a variable that it needs is not set."""
    try:
        return template.format_map(environment)
    except KeyError:
        return ""
