"""``loadws calibrate``: measure and show the highest load that this machine can generate, and keep it for later runs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

import msgspec
import trio
from rich.table import Table

from loadws.cli.progress import Progress
from loadws.fleet.machine.calibrate import Effort, calibrate
from loadws.fleet.machine.calibration import Calibration, keep_calibration, this_machine
from loadws.fleet.machine.ports import Pairs
from loadws.fleet.machine.preflight import look_at_machine
from loadws.fleet.machine.process_count import is_local, usable_cores
from loadws.plan.needs import FILES_OF_A_PROCESS
from loadws.report.terminal.own_console import OwnConsole
from loadws.target.builtin import open_builtin
from loadws.terms.addresses import BUILTIN
from loadws.terms.errors import ExitCode
from loadws.terms.units import format_duration, format_size

ECHO = BUILTIN + "echo"
BUSY = (
    "Where it says none, no rate kept the send lag within 1 ms: other programs were busy. Calibrate when they are not."
)


def calibrate_command(target: str, transport: str, as_json: bool, effort: Effort) -> int:
    """Calibrate, and print the result; return the exit code.

    Raises:
        TargetError: The target does not answer.
        KeyboardInterrupt: Ctrl-C was pressed.
    """
    with Progress("calibrating: steps", None, is_long=True) as progress:
        calibration = trio.run(_calibrate, target, transport, effort, partial(_say, progress))
    kept = keep_calibration(calibration)
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(calibration)).decode())
    else:
        _show(calibration)
        print(f"kept in {kept}" if kept else "could not be kept: runs will not be held against it")
    return int(ExitCode.PASSED)


async def _calibrate(target: str, transport: str, effort: Effort, say: Callable[[str], None]) -> Calibration:
    this, cores = this_machine(), usable_cores()  # before a core is given away
    local = is_local(target)
    machine = look_at_machine()
    most_users = min(machine.descriptors - FILES_OF_A_PROCESS, Pairs().fitting(machine.ports))
    most = max(1, cores - 1 if local else cores)
    async with _beside(target, most) as url:
        found = await calibrate(url, transport, tuple(dict.fromkeys((1, most))), most_users, effort, say)
    return Calibration(this, transport, local and cores == 1, found)


@asynccontextmanager
async def _beside(target: str, processes: int) -> AsyncIterator[str]:
    if target != ECHO:
        yield target
        return
    async with open_builtin("echo", processes) as url:
        yield url


def _say(progress: Progress, text: str) -> None:
    """Say what is measured next: in the bar, or as a line where there is no terminal."""
    if progress.is_shown:
        progress.advance(note=text)
    else:
        progress.say(f"  {text} …")


def _show(calibration: Calibration) -> None:
    console = OwnConsole(highlight=False)
    key, found = calibration.machine, calibration.found
    cores = "1 core" if key.cores == 1 else f"{key.cores} cores"
    console.print(f"{key.cpu}, {cores}, Python {key.python}, {calibration.transport}", soft_wrap=True)
    if calibration.target_shares_core:
        console.print(
            "One core only: the target had its share of it, so alone this machine makes more.", soft_wrap=True
        )
    table = Table(
        "", *(f"{level.processes} process" + "es" * (level.processes > 1) for level in found.levels), box=None
    )
    for connections in found.levels[0].closed_per_s:
        rates = (f"{level.closed_per_s[connections]:,.0f}" for level in found.levels)
        table.add_row(f"messages per second, closed loop on {int(connections):,} connections", *rates)
    table.add_row(
        "… on a schedule, send lag p99 within 1 ms", *(_rate(level.scheduled_per_s) for level in found.levels)
    )
    table.add_row("   with a send lag p99 of", *(_time(level.send_lag_p99_ns) for level in found.levels))
    console.print(table)
    if any(level.scheduled_per_s is None for level in found.levels):
        console.print(BUSY, soft_wrap=True)
    console.print(f"connections opened and closed per second, 1 process: {found.connects_per_s:,.0f}", soft_wrap=True)
    memory = format_size(found.memory_of_a_user_bytes)
    console.print(f"{found.users_held:,} connections held by 1 process, {memory} of memory each", soft_wrap=True)


def _rate(per_s: float | None) -> str:
    return "none" if per_s is None else f"{per_s:,.0f}"


def _time(ns: float | None) -> str:
    return "" if ns is None else format_duration(ns)
