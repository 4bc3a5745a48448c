"""Control groups of both versions, as their files say; and what cannot be read bounds nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadws.fleet.machine.cgroups import Group, look_at_groups

MIB = 1 << 20


def made(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


V2, MEMORY, CPU = "sys/fs/cgroup", "sys/fs/cgroup/memory", "sys/fs/cgroup/cpu,cpuacct"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        # version 2: what is left of the limit, with the file cache that can be given up
        (
            {
                "proc/self/cgroup": "0::/job.slice/run\n",
                f"{V2}/job.slice/run/memory.max": f"{100 * MIB}\n",
                f"{V2}/job.slice/run/memory.current": f"{40 * MIB}\n",
                f"{V2}/job.slice/run/memory.stat": f"anon 1\ninactive_file {10 * MIB}\n",
                f"{V2}/job.slice/run/cpu.max": "150000 100000\n",
            },
            Group(70 * MIB, 1.5),
        ),
        # a group above it is tighter
        (
            {
                "proc/self/cgroup": "0::/job.slice/run\n",
                f"{V2}/job.slice/memory.max": f"{50 * MIB}\n",
                f"{V2}/job.slice/cpu.max": "50000 100000\n",
                f"{V2}/job.slice/run/memory.max": f"{100 * MIB}\n",
                f"{V2}/job.slice/run/cpu.max": "max 100000\n",
            },
            Group(50 * MIB, 0.5),
        ),
        # no limit
        (
            {
                "proc/self/cgroup": "0::/run\n",
                f"{V2}/run/memory.max": "max\n",
                f"{V2}/run/cpu.max": "max 100000\n",
            },
            Group(),
        ),
        # in a container the path may be the host's: its own root is the group
        ({"proc/self/cgroup": "0::/../../elsewhere\n", f"{V2}/memory.max": f"{30 * MIB}\n"}, Group(30 * MIB)),
        # version 1: controllers apart
        (
            {
                "proc/self/cgroup": "4:memory:/docker/abc\n3:cpu,cpuacct:/docker/abc\n0::/\n",
                f"{MEMORY}/docker/abc/memory.limit_in_bytes": f"{100 * MIB}\n",
                f"{MEMORY}/docker/abc/memory.usage_in_bytes": f"{90 * MIB}\n",
                f"{MEMORY}/docker/abc/memory.stat": f"inactive_file 1\ntotal_inactive_file {5 * MIB}\n",
                f"{CPU}/docker/abc/cpu.cfs_quota_us": "200000\n",
                f"{CPU}/docker/abc/cpu.cfs_period_us": "100000\n",
            },
            Group(15 * MIB, 2.0),
        ),
        # version 1 without limits
        (
            {
                "proc/self/cgroup": "4:memory:/\n3:cpu,cpuacct:/\n",
                f"{MEMORY}/memory.limit_in_bytes": "9223372036854771712\n",
                f"{CPU}/cpu.cfs_quota_us": "-1\n",
                f"{CPU}/cpu.cfs_period_us": "100000\n",
            },
            Group(),
        ),
        # more is used than is allowed: nothing is left, and not less than that
        (
            {
                "proc/self/cgroup": "0::/\n",
                f"{V2}/memory.max": f"{10 * MIB}\n",
                f"{V2}/memory.current": f"{20 * MIB}\n",
            },
            Group(0),
        ),
        # nothing to be read
        ({}, Group()),
        ({"proc/self/cgroup": "nonsense\n", f"{V2}/memory.max": "a lot\n"}, Group()),
    ],
)
def test_what_the_groups_allow(tmp_path: Path, files: dict[str, str], expected: Group) -> None:
    assert look_at_groups(made(tmp_path, files)) == expected


def test_a_real_system_can_be_looked_at() -> None:
    group = look_at_groups()
    assert group.memory_bytes is None or group.memory_bytes >= 0
    assert group.cores is None or group.cores > 0
