"""Files that are there whole or not at all, and leave nothing beside them."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from loadws.terms.files.cache import cache_file, keep_cached, read_cached
from loadws.terms.files.whole import replacing, write_whole


def test_a_file_has_its_new_content_and_nothing_is_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "summary.json"
    write_whole(file, b"old")
    write_whole(file, b"new")
    assert file.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [file]


def test_a_block_that_fails_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "summary.json"
    file.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), replacing(file) as beside:
        beside.write_bytes(b"half of the n")
        raise KeyboardInterrupt
    assert file.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_disk_that_is_full_leaves_the_old_file_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "summary.json"
    write_whole(file, b"old")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(file, b"new")
    assert file.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [file]


def test_two_programs_that_write_the_same_file_do_not_meet(tmp_path: Path) -> None:
    file = tmp_path / "calibration.json"
    with replacing(file) as first, replacing(file) as second:
        first.write_bytes(b"first")
        second.write_bytes(b"second")
    assert file.read_bytes() == b"first"  # the last that ends
    assert list(tmp_path.iterdir()) == [file]


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_whole(tmp_path / "gone" / "summary.json", b"")


def test_a_user_without_a_home_has_no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.path.expanduser", lambda path: path)
    assert cache_file("x") is None
    assert keep_cached(None, b"x") is None
    assert read_cached(None) is None
