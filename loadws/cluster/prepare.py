"""The preparations of a share before its load: its files, its plan, the limits of its machine, the number of processes."""

from __future__ import annotations

import hashlib
import os
import platform
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import msgspec

from loadws import __version__
from loadws.cluster.messages import Facts, NamedFile, Work
from loadws.fleet.machine.calibration import doubt, read_calibration
from loadws.fleet.machine.ports import pairs_of
from loadws.fleet.machine.preflight import Need, check_fit, look_at_machine, needs_of_run
from loadws.fleet.machine.process_count import choose_processes, usable_cores
from loadws.fleet.machine.receive_stamps import choose_stamps
from loadws.fleet.multi_process import Span
from loadws.fleet.shard import ShardOrder
from loadws.fleet.shares import files_of
from loadws.plan.demand import is_paced, most_messages_per_s
from loadws.plan.figures import PlanFigures, figures_of
from loadws.plan.plan import make_plan
from loadws.scenario.build import Loaded, load_text
from loadws.terms.errors import UsageError
from loadws.terms.masker import Masker
from loadws.terms.units import format_count, format_size

#: Libraries whose version may change what is measured: the loop, and the histograms that are added up.
_MEASURING = ("trio", "hdrhistogram")
#: The largest total size of a scenario's files, in bytes.
MOST_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class Ready:
    """A share that could begin. ``notices`` are warnings; ``checked`` is what preflight and calibration found, in words."""

    order: ShardOrder
    processes: int
    span: Span
    stamps: str
    masker: Masker
    notices: tuple[str, ...]
    checked: str


def facts() -> Facts:
    """Return the properties of this machine, and the versions it runs."""
    libraries = {name: version(name) for name in _MEASURING}
    versions = {"loadws": __version__, "Python": platform.python_version(), **libraries}
    return Facts(platform.node(), os.getpid(), usable_cores(), versions)


def packed(loaded: Loaded) -> tuple[NamedFile, ...]:
    """Return the files that the scenario names.

    Raises:
        UsageError: A file lies outside of the scenario's folder, or the files are too large to be sent.
    """
    files, left = [], MOST_BYTES
    base = loaded.path.parent.resolve()
    for name, path in files_of(loaded):
        if not path.resolve().is_relative_to(base) or Path(name).is_absolute():
            raise UsageError(
                f"the file {name!r} lies outside of the scenario's folder, and only files of that folder are sent",
                "place it beside the scenario",
            )
        left -= path.stat().st_size
        if left < 0:
            raise UsageError(
                f"the scenario's files are larger than {format_size(MOST_BYTES)}, which is too much to send to each machine",
                "place them on each machine, and use `loadws shard` there (loadws docs machines)",
            )
        content = path.read_bytes()
        files.append(NamedFile(name, content, hashlib.sha256(content).hexdigest()))
    return tuple(files)


def prepare(work: Work, folder: Path) -> Ready:
    """Make everything ready in ``folder``. Raises ``LoadwsError`` where this machine cannot make this share."""
    for file in work.files:
        _unpack(file, folder)
    path = folder / Path(work.order.path).name
    order = msgspec.structs.replace(work.order, path=str(path))
    loaded = load_text(order.text, path, order.overrides, order.env)
    scenario = loaded.scenario
    figures = figures_of(make_plan(scenario, order.seed).shard_of(order.share, order.of, order.weights))
    machine = look_at_machine()
    processes = work.processes or choose_processes(figures, machine, scenario.target, paced=is_paced(scenario))
    if work.processes is None:
        processes = min(processes, max(1, usable_cores() // work.neighbours))
    pairs = pairs_of(scenario)
    warnings = check_fit(figures, machine, pairs, processes, scenario.target)
    checked = _checked(figures, needs_of_run(figures, machine, pairs, processes, scenario.target), order, processes)
    stamping = choose_stamps(work.stamps, order.transport, scenario.target)  # type: ignore[arg-type]
    beyond = doubt(most_messages_per_s(scenario, figures), order.transport, processes)
    notices = [*warnings, *(each for each in (beyond, stamping.fallback) if each)]
    order = msgspec.structs.replace(order, stamps=stamping.stamps)
    span = Span(figures.duration_s, figures.graceful_stop_s)
    return Ready(order, processes, span, stamping.stamps, loaded.masker, tuple(notices), checked)


def _checked(figures: PlanFigures, needs: list[Need], order: ShardOrder, processes: int) -> str:
    """Return what preflight and calibration found here, in words: how much it is to make, and how much it can."""
    least = min(needs, key=lambda need: need.fits)
    room = f"{least.what} for {format_count(least.fits)} users where {format_count(figures.most_users)} are planned"
    calibration = read_calibration(order.transport)
    level = calibration.of(processes) if calibration else None
    if level is None or level.scheduled_per_s is None:
        return f"{room}; not calibrated (loadws calibrate)"
    of = "1 process" if level.processes == 1 else f"{level.processes} processes"
    return f"{room}; calibrated at {format_count(round(level.scheduled_per_s))} messages per second for {of}"


def _unpack(file: NamedFile, folder: Path) -> None:
    if hashlib.sha256(file.content).hexdigest() != file.digest:
        raise UsageError(f"the file {file.name!r} did not arrive as it was sent", "run again")
    path = folder / file.name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise UsageError(
            f"the file {file.name!r} would lie outside of the share's folder", "place it beside the scenario"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(file.content)
