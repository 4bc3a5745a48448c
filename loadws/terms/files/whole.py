"""Files that are written whole or not at all: no other program can ever read a half of one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Write a file, on the disk when this returns. After a crash at any moment it has its old content or the new.

    Raises ``OSError``, and then has left nothing beside the file.
    """
    with replacing(path) as beside, beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield the path of a new file in the same folder; what the block writes there becomes ``path`` when the block
    ends.

    Raises ``OSError``. If the block or the replacement raises, nothing is left beside ``path``.
    """
    beside = _beside(path)
    try:
        yield beside
        beside.replace(path)
    except BaseException:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise


def try_to_write_beside(path: Path) -> None:
    """Check that a file of this name could be made in its folder, by making one beside it and deleting that.

    The name itself never appears, not even for a moment: a program that waits for it would find an empty file, and
    then none.

    Raises ``OSError`` if no file can be made there.
    """
    beside = _beside(path)
    try:
        beside.write_bytes(b"")
    finally:
        beside.unlink(missing_ok=True)


def _beside(path: Path) -> Path:
    """Return the path of a new file in the same folder."""
    return path.with_name(f".{path.name}.{os.urandom(4).hex()}.part")
