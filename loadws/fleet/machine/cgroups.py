"""Control groups: the memory and the CPU time that a container, or a systemd unit, may use of its machine.

Both versions are read (cgroups(7), "Control Group v2" of the kernel's documentation). A group is bounded by those above
it too, so the tightest limit counts. A limit that cannot be read is ignored.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

#: A limit as large as this means no limit: version 1 writes the largest whole number of pages.
_NO_LIMIT = 1 << 60


class Group(msgspec.Struct, frozen=True):
    """The limits of this process's groups; None where they have none. ``cores`` may be a fraction."""

    memory_bytes: int | None = None
    cores: float | None = None


def look_at_groups(root: Path = Path("/")) -> Group:
    """Return the tightest limits. ``memory_bytes`` is how much of the limit is unused. ``root`` is the folder of /proc
    and /sys.
    """
    free = [left for folder in _folders(root, "memory") if (left := _memory_left(folder)) is not None]
    cores = [quota for folder in _folders(root, "cpu") if (quota := _quota(folder)) is not None]
    return Group(min(free, default=None), min(cores, default=None))


def _folders(root: Path, controller: str) -> Iterator[Path]:
    """Yield the folders of this process's group and of those above it, of both versions.

    In a container the path may be the host's, which the container does not see: then its own root is the group.
    """
    mounts = root / "sys/fs/cgroup"
    for line in _text(root / "proc/self/cgroup").splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            mount = mounts
        elif controller in controllers.split(","):
            mount = mounts / controller if (mounts / controller).is_dir() else mounts / controllers
        else:
            continue
        own = mount / path.lstrip("/")
        yield from (folder for folder in (own, *own.parents) if folder == mount or mount in folder.parents)


def _memory_left(folder: Path) -> int | None:
    limit = _number(folder / "memory.max") or _number(folder / "memory.limit_in_bytes")
    used = _number(folder / "memory.current") or _number(folder / "memory.usage_in_bytes")
    if limit is None or limit >= _NO_LIMIT:
        return None
    return max(0, limit - (used or 0) + _reclaimable(folder))


def _reclaimable(folder: Path) -> int:
    """Return the bytes of the file cache that the kernel gives up first."""
    words = (line.split() for line in _text(folder / "memory.stat").splitlines())
    found = {pair[0]: int(pair[1]) for pair in words if len(pair) == 2 and pair[1].isdigit()}
    return found.get("total_inactive_file", found.get("inactive_file", 0))


def _quota(folder: Path) -> float | None:
    """Return how many cores' time may be used; None without a quota."""
    quota, _, period = _text(folder / "cpu.max").partition(" ")
    if quota.isdigit() and period.strip().isdigit():
        return int(quota) / int(period)
    of_period, in_period = _number(folder / "cpu.cfs_quota_us"), _number(folder / "cpu.cfs_period_us")
    return of_period / in_period if of_period and in_period else None


def _number(file: Path) -> int | None:
    text = _text(file).strip()
    return int(text) if text.isdigit() else None


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError):
        return ""
