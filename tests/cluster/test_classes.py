"""Clusters by the name of a class: which are known, what their options may be, and one that is started for real."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import pytest
import trio

from loadws.cluster.classes import CLASSES, start_cluster, workers_of
from loadws.cluster.coordinator import ClusterError
from tests.cli.commands import run
from tests.cluster.commands import bounded, machines_of, scenario
from tests.cluster.target import counting_echo
from tests.kit.judged import RAN_WHOLE

distributed = pytest.importorskip("distributed", reason="needs loadws[cluster]")
pytestmark = pytest.mark.cluster


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "cluster.yaml"


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("SSHClusters", "", "--cluster SSHClusters: no such class of clusters is known\n  did you mean SSHCluster?"),
        (
            "Nothing",
            "",
            "--cluster Nothing: no such class of clusters is known\n  write AzureVMCluster, DropletCluster, ",
        ),
        ("SSHCluster", "[1, 2]", "cannot be read: "),
        ("SSHCluster", "a: [", "cannot be read"),
        ("SSHCluster", None, "there is no such file"),
        ("KubeCluster", "adaptive: true", "an adaptive cluster cannot make a load"),
        ("EC2Cluster", "minimum: 1", "an adaptive cluster cannot make a load"),
        ("local:2", "n_workers: 2", "--cluster-options does nothing for local:2"),
        ("tcp://127.0.0.1:1", "n_workers: 2", "--cluster-options does nothing for tcp://127.0.0.1:1"),
    ],
)
def test_what_cannot_be_a_cluster_is_told_before_anything_is_done(
    name: str, options: str | None, said: str, file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if options is not None:
        file.write_text(options, "utf-8")
    found = run(
        capsys, "run", str(scenario(tmp_path, "1s")), "--out", str(tmp_path), "--target", "ws://127.0.0.1:1",
        "--cluster", name, "--cluster-options", str(file),
    )  # fmt: skip
    assert (found.code, found.out) == (2, "")
    assert said in found.err


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("SLURMCluster", "n_workers: 1", "--cluster SLURMCluster: dask_jobqueue cannot be imported here"),
        ("no_such_package.Cluster", "", "is its package installed here, and its name right?"),
        ("dask.distributed.NoCluster", "", "--cluster dask.distributed.NoCluster: dask.distributed has no such class"),
        (
            "LocalCluster",
            "wrong_option: 1",
            "--cluster LocalCluster could not be started: RuntimeError: Nanny failed to start",
        ),
    ],
)
def test_a_cluster_that_cannot_be_started_is_told(
    name: str, options: str, said: str, file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(options, "utf-8")
    found = run(
        capsys, "run", str(scenario(tmp_path, "1s")), "--out", str(tmp_path), "--target", "ws://127.0.0.1:1",
        "--cluster", name, "--cluster-options", str(file),
    )  # fmt: skip
    assert (found.code, found.out) == (2, "")
    assert said in found.err


class _Recorded:
    """A cluster of the test's own, in the place of one that needs a queue or a cloud."""

    made: ClassVar[list[dict[str, Any]]] = []

    def __init__(self, **options: Any) -> None:
        self.made.append(options)
        self.worker_spec: dict[int, dict[str, Any]] = {number: {} for number in range(options["n_workers"])}


@pytest.mark.parametrize("name", sorted(set(CLASSES) - {"LocalCluster", "SSHCluster"}))
def test_a_class_that_cannot_run_here_gets_its_options_as_they_stand(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, _ = CLASSES[name]
    for depth in range(1, module.count(".") + 2):
        monkeypatch.setitem(sys.modules, ".".join(module.split(".")[:depth]), ModuleType(module))
    monkeypatch.setattr(sys.modules[module], name, _Recorded, raising=False)
    options = {"n_workers": 3, "queue": "long"}
    assert workers_of(start_cluster(name, options), options) == 3
    assert _Recorded.made.pop() == options


def test_what_the_well_known_names_stand_for_is_there() -> None:
    """``SSHCluster`` is a function of Dask's, and no class."""
    for name, (module, _) in CLASSES.items():
        if module == "dask.distributed":
            assert callable(getattr(distributed, name))
    with pytest.raises(ClusterError, match="--cluster SSHCluster could not be started"):
        start_cluster("SSHCluster", {"hosts": []})


def test_a_cluster_of_a_class_makes_a_load_by_weights(file: Path, tmp_path: Path) -> None:
    file.write_text("n_workers: 2\nthreads_per_worker: 1\nhost: 127.0.0.1\ndashboard_address: null\n", "utf-8")

    async def main() -> int:
        async with counting_echo() as target:
            command = [
                sys.executable, "-m", "loadws", "run", str(scenario(tmp_path, "1s")), "--out", str(tmp_path), "--target",
                target.url, "--quiet", "--cluster", "LocalCluster", "--cluster-options", str(file), "--shares", "2,1",
            ]  # fmt: skip
            ended = await trio.run_process(command, check=False, capture_stderr=True)
            assert ended.returncode in RAN_WHOLE, ended.stderr
            return target.received

    received = bounded(main)
    machines = machines_of(tmp_path)
    assert [machine.opened for machine in machines] == [4, 2]
    assert sum(machine.sent for machine in machines) == received > 0


def test_an_adaptive_cluster_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
    ) as cluster:
        cluster.adapt(minimum=1, maximum=2)
        found = run(
            capsys, "run", str(scenario(tmp_path, "1s")), "--out", str(tmp_path), "--target", "ws://127.0.0.1:1",
            "--cluster", cluster.scheduler_address,
        )  # fmt: skip
    assert (found.code, found.out) == (2, "")
    assert "loadws: an adaptive cluster cannot make a load" in found.err
