from __future__ import annotations

import platform

import pytest

from loadws.cli.running.place import place


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, {}),
        (
            {"GITHUB_RUN_ID": "7", "GITHUB_SERVER_URL": "https://h.test", "GITHUB_REPOSITORY": "a/b", "GITHUB_SHA": "c0ff"},
            {"job": "https://h.test/a/b/actions/runs/7", "commit": "c0ff"},
        ),
        ({"GITLAB_CI": "true", "CI_JOB_URL": "https://lab.test/1", "CI_COMMIT_SHA": "c0ffee"},
         {"job": "https://lab.test/1", "commit": "c0ffee"}),
        ({"JENKINS_URL": "https://j.test", "BUILD_URL": "https://j.test/job/1/"}, {"job": "https://j.test/job/1/"}),
        ({"GITHUB_RUN_ID": "7"}, {}),  # half of what it takes
    ],
)  # fmt: skip
def test_where_a_run_was_made(environment: dict[str, str], expected: dict[str, str]) -> None:
    assert {"host": platform.node(), **expected} == place(environment)
