"""Where the fuzzing server comes from: made once by ``shared/autobahn/setup.sh``, and kept in the user's cache.

The server is not part of this repository. It is the released ``autobahntestsuite``, written for Python 2, which ``setup.sh``
fetches with pip and ports with lib2to3: that needs Python 3.12 or older, whatever Python runs the tests.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: The environment variable that names the folder with ``setup.sh``.
VARIABLE = "LOADWS_AUTOBAHN"
_BESIDE_THE_CHECKOUT = Path(__file__).parents[2].parent / "shared" / "autobahn"
_SETUP_PATIENCE_S = 300


class NotHere(Exception):
    """What the suite is made from is not on this machine. The message says what is missing."""


class SetupFailed(Exception):
    """It is there, but ``setup.sh`` did not work."""


def suite_folder(named: Path | None = None) -> Path:
    """The folder with ``setup.sh``: the one ``named``, that of ``LOADWS_AUTOBAHN``, or ``../shared/autobahn``."""
    folder = named or Path(os.environ.get(VARIABLE) or _BESIDE_THE_CHECKOUT)
    if not (folder / "setup.sh").is_file():
        raise NotHere(f"there is no {folder}/setup.sh (--autobahn or {VARIABLE} names the folder)")
    return folder.resolve()


def fuzzer(folder: Path) -> Path:
    """The folder with ``fuzzing_server.py`` and its Python (``v/bin/python``), made where it is not there yet."""
    python = _old_python()
    made = _cache() / f"autobahn-{_digest(folder, python)}"
    with _one_at_a_time(made.with_suffix(".lock")):
        if not (made / "made").is_file():
            shutil.rmtree(made, ignore_errors=True)
            _set_up(folder, python, made)
            (made / "made").touch()
    return made


def _old_python() -> Path:
    """A Python that still has lib2to3."""
    for name in (sys.executable, "python3.12", "python3.11", "python3"):
        found = shutil.which(name)
        if (
            found
            and subprocess.run([found, "-Wignore", "-c", "import lib2to3, ensurepip"], capture_output=True).returncode
            == 0
        ):
            return Path(found).resolve()
    raise NotHere("no Python of 3.12 or older with lib2to3 and ensurepip, which the suite needs")


def _cache() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "loadws"
    cache.mkdir(parents=True, exist_ok=True)
    return cache


def _digest(folder: Path, python: Path) -> str:
    """Another script or another Python makes another environment."""
    digest = hashlib.sha256(str(python).encode())
    for name in ("setup.sh", "fuzzing_server.py"):
        digest.update((folder / name).read_bytes())
    return digest.hexdigest()[:16]


@contextmanager
def _one_at_a_time(lock: Path) -> Iterator[None]:
    """Among all processes of this user; the lock goes with the process that holds it."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _set_up(folder: Path, python: Path, made: Path) -> None:
    with tempfile.TemporaryDirectory() as first_in_path:
        _call(python, Path(first_in_path) / "python3")
        done = subprocess.run(
            ["sh", str(folder / "setup.sh"), str(made)],
            env={**os.environ, "PATH": f"{first_in_path}{os.pathsep}{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            timeout=_SETUP_PATIENCE_S,
        )
    if done.returncode != 0:
        raise SetupFailed(
            f"{folder}/setup.sh ended with {done.returncode}: {(done.stderr or done.stdout).strip()[-400:]}"
        )


def _call(python: Path, name: Path) -> None:
    """``setup.sh`` calls ``python3``. A script, since an environment made by a symbolic link would lead back to the link."""
    name.write_text(f'#!/bin/sh\nexec {shlex.quote(str(python))} "$@"\n')
    name.chmod(0o700)
