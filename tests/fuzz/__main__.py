"""``python -m tests.fuzz``: the codec under a fuzzer that is led by coverage, for so many seconds a target.

Needs the extra ``fuzz`` (atheris). Ends with 1 where something was found, and says with which bytes. The suite runs the same
targets with bytes of hypothesis: see ``test_targets``.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.fuzz.targets import TARGETS

MOST_BYTES = 4_096


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument(
        "--only", nargs="*", default=list(TARGETS), choices=TARGETS, metavar="TARGET", help=", ".join(TARGETS)
    )
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    options = parser.parse_args()
    if importlib.util.find_spec("atheris") is None:
        sys.exit("python -m tests.fuzz needs atheris: install the extra 'fuzz' (pip install -e '.[fuzz]')")
    found = [name for name in options.only if not fuzz(name, options.seconds)]
    print(f"\nfound something: {', '.join(found)}" if found else "\nnothing found")
    sys.exit(bool(found))


def fuzz(name: str, seconds: int) -> bool:
    """Whether it held, in a process of its own: libFuzzer ends the one that it runs in."""
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder, "corpus")
        corpus.mkdir()
        for number, seed in enumerate(TARGETS[name].seeds):
            (corpus / f"seed-{number}").write_bytes(seed)
        limits = (f"-max_total_time={seconds}", f"-max_len={MOST_BYTES}", f"-artifact_prefix={folder}/")
        command = [sys.executable, "-m", "tests.fuzz.one", name, *limits, str(corpus)]
        run = subprocess.run(command, capture_output=True, text=True, timeout=seconds * 2 + 120, check=False)
        lines = run.stderr.splitlines()
        state = next((line for line in reversed(lines) if " cov: " in line), "")
        print(f"{name:12} {'held' if run.returncode == 0 else 'BROKEN'}   {state.strip()}", flush=True)
        if run.returncode:
            print(run.stdout, "\n".join(lines[-40:]), sep="\n")
            for artifact in Path(folder).glob("*-*"):
                print(f"{artifact.name}: {artifact.read_bytes()!r}")
        return run.returncode == 0


if __name__ == "__main__":
    main()
