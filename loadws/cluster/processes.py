"""Start a share as a process of this machine, and read its result. A worker of any cluster calls this."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import msgspec

from loadws.cluster.messages import Invitation, Result
from loadws.cluster.prepare import facts

COMMAND = (sys.executable, "-m", "loadws.cluster.share")
_LONGEST_SAID = 500


def start_share(invitation: Invitation) -> subprocess.Popen[bytes]:
    """Start a share, in a process group of its own, so that only its coordinator receives the terminal's Ctrl-C."""
    process = subprocess.Popen(
        COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    assert process.stdin is not None
    process.stdin.write(msgspec.msgpack.encode(invitation))
    process.stdin.close()
    process.stdin = None  # so that ``communicate`` leaves it alone
    return process


def run_share(packed: bytes) -> bytes:
    """Run the share of an invitation to its end; return its packed ``Result``. This is the task of a cluster's worker."""
    invitation = msgspec.msgpack.decode(packed, type=Invitation)
    with start_share(invitation) as process:
        try:
            out, said = process.communicate()
        finally:
            process.kill()
    if process.returncode == 0 and out:
        return out
    last = said.decode(errors="replace").strip().rpartition("\n")[2][:_LONGEST_SAID]
    why = f"its process ended with {process.returncode}" + (f" ({last})" if last else "")
    return msgspec.msgpack.encode(Result(invitation.index, error=why))


def facts_of_worker() -> dict[str, Any]:
    """Return the ``Facts`` of a worker's machine as plain data. That this can be called shows that loadws is installed
    there.
    """
    plain: dict[str, Any] = msgspec.to_builtins(facts())
    return plain
