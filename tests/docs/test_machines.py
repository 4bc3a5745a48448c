"""The recipes for several machines: manifests and scripts are read, and their command lines are those that loadws has."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from loadws.cli import main
from loadws.cli.options import RunOptions
from loadws.plan.needs import FILES_OF_A_PROCESS, MEMORY_OF_A_CONNECTION, MEMORY_OF_A_PROCESS, MEMORY_OF_A_USER
from tests.bench.machines import Coordination, Costs, sizing
from tests.docs.blocks import PAGES, blocks

TEXT = (PAGES / "machines.md").read_text("utf-8")
SCRIPTS = [*blocks(TEXT, "sh"), *blocks(TEXT, "slurm")]
JOB, MERGE = YAML(typ="safe").load_all(blocks(TEXT, "yaml")[0])


class Asked:
    """What the commands of a page would have done."""

    def __init__(self) -> None:
        self.runs: list[RunOptions] = []
        self.merged: list[list[Path]] = []

    def run(self, options: RunOptions) -> int:
        self.runs.append(options)
        return 0

    def merge(self, runs: list[Path], *_rest: object) -> int:
        self.merged.append(runs)
        return 0


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    asked = Asked()
    monkeypatch.setattr("loadws.cli.running.run.run_command", asked.run)
    monkeypatch.setattr("loadws.cli.machines.merge.merge_command", asked.merge)
    return asked


def read(words: list[str]) -> None:
    """Have loadws read a command line."""
    assert words[0] == "loadws"
    assert main(words[1:]) == 0


def command_lines(script: str) -> list[list[str]]:
    """Return the loadws command lines of a script, with a number in place of each variable."""
    joined = script.replace("\\\n", " ").replace("\\$", "$")
    filled = re.sub(r'"?\$\{?[#!]?\w+(\[[^]]*\])?\}?"?', "1", joined.replace("$(date", "(date"))
    found = re.findall(r"^.*?(loadws (?:shard|merge|run) [^\n&#\"]*)", filled, re.MULTILINE)
    lines = [
        line.replace("--of 1 ", "--of 4 ").replace("--start-at 1", "--start-at 2999-07-31T12:00:00Z") for line in found
    ]
    return [shlex.split(line) for line in lines]


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_is_one_of_bash(script: str) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("there is no bash here")
    read = subprocess.run([bash, "-n"], input=script, text=True, capture_output=True, timeout=20, check=False)
    assert (read.returncode, read.stderr) == (0, "")


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_commands_of_a_script_are_those_of_loadws(
    script: str, asked: Asked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ssh.yaml").write_text(blocks(TEXT, "yaml")[1], "utf-8")
    monkeypatch.chdir(tmp_path)
    if "--cluster" in script:
        pytest.importorskip("distributed", reason="needs loadws[cluster]")
    for line in command_lines(script):
        read([*line[:2], *(re.sub(r"^2026-", "2999-", word) for word in line[2:])])
    with_cluster = [options.cluster for options in asked.runs if options.cluster is not None]
    shares = [options.share for options in asked.runs if options.share is not None]
    assert len(with_cluster) + len(shares) == len(asked.runs) > 0
    assert bool(shares) == bool(asked.merged)
    assert all(share.run_id and share.start_at_unix_ns for share in shares)


def test_the_job_starts_each_share_once() -> None:
    spec = JOB["spec"]
    assert (JOB["apiVersion"], JOB["kind"]) == ("batch/v1", "Job")
    assert (spec["completionMode"], spec["completions"], spec["parallelism"]) == ("Indexed", 4, 4)
    assert (spec["backoffLimit"], spec["podReplacementPolicy"]) == (0, "Failed")
    assert spec["template"]["spec"]["restartPolicy"] == "Never"
    assert (MERGE["spec"]["backoffLimit"], MERGE["spec"]["template"]["spec"]["restartPolicy"]) == (0, "Never")


def test_the_job_runs_a_share(asked: Asked) -> None:
    [container] = JOB["spec"]["template"]["spec"]["containers"]
    values = {"$(JOB_COMPLETION_INDEX)": "3", "${RUN_ID}": "nightly", "${START_AT}": "2999-07-31T12:00:00Z"}
    words = [*container["command"], *container["args"]]
    for name, value in values.items():
        words = [word.replace(name, value) for word in words]
    read(words)
    share = asked.runs[0].share
    assert share is not None
    assert (share.of, share.index, share.run_id) == (JOB["spec"]["completions"], 3, "nightly")
    assert container["resources"]["requests"] == container["resources"]["limits"]
    mounts = {mount["name"] for mount in container["volumeMounts"]}
    assert mounts == {volume["name"] for volume in JOB["spec"]["template"]["spec"]["volumes"]}


def test_the_merge_reads_what_the_shares_write(asked: Asked) -> None:
    [container] = MERGE["spec"]["template"]["spec"]["containers"]
    read(shlex.split(container["command"][-1].replace("${RUN_ID}", "nightly")))
    assert asked.merged == [[Path("/shares/nightly/*/chat/latest")]]


def test_the_image_has_instructions_that_docker_knows() -> None:
    [image] = blocks(TEXT, "dockerfile")
    known = {"FROM", "RUN", "USER", "WORKDIR", "ENTRYPOINT", "CMD"}
    instructions = [line.split(" ", 1)[0] for line in image.splitlines()]
    assert instructions[0] == "FROM"
    assert set(instructions) <= known


def test_the_arithmetic_is_that_of_the_plan_and_of_the_bench() -> None:
    assert MEMORY_OF_A_USER + MEMORY_OF_A_CONNECTION == 32 << 10
    assert MEMORY_OF_A_PROCESS == 96 << 20
    assert FILES_OF_A_PROCESS == 64
    costs = Costs(52.6, 531, 9.0 * 1024, 58 << 20, 20.34e-6)
    for words in ("52.6 µs", "531 µs", "20.34 µs", "9.0 KiB", "58 MiB", "5.66 ms"):
        assert words in TEXT
    for row in sizing(costs, Coordination(64, 5_660, 7_898, 0.0005)):
        assert f"| {' | '.join(row)} |" in TEXT
