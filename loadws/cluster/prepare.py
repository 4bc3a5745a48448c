"""The preparations of a share before its load: its files, its plan, the limits of its machine, the number of processes."""

from __future__ import annotations

import hashlib
import os
import platform
from importlib.metadata import version
from math import ceil
from pathlib import Path

import msgspec
from msgspec.structs import replace

from loadws import __version__
from loadws.cluster.messages import Facts, NamedFile, Work
from loadws.cluster.trial import Trial, Tried, trial_of, try_rate
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


class Ready(msgspec.Struct, frozen=True):
    """A share that could begin. ``notices`` are warnings; ``checked`` is what preflight and calibration found, in words.

    ``trial`` is one that its machine needs before, as nothing is known about it; None: it needs none.
    """

    order: ShardOrder
    processes: int
    span: Span
    stamps: str
    masker: Masker
    notices: tuple[str, ...]
    checked: str
    trial: Trial | None = None


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
    machine = look_at_machine().for_each_of(work.neighbours)
    processes = work.processes or choose_processes(figures, machine, scenario.target, paced=is_paced(scenario))
    if work.processes is None:
        processes = min(processes, max(1, usable_cores() // work.neighbours))
    pairs = pairs_of(scenario)
    warnings = check_fit(figures, machine, pairs, processes, scenario.target)
    needs = needs_of_run(figures, machine, pairs, processes, scenario.target)
    per_s = most_messages_per_s(scenario, figures)
    known = _calibrated(order.transport, processes) if work.neighbours == 1 else ""
    trial = None if known else trial_of(per_s, figures.most_users, processes, order.transport, work.neighbours)
    checked = (_room(needs, figures), _cores(processes, work.neighbours), "" if trial else known or _unknown(per_s))
    stamping = choose_stamps(work.stamps, order.transport, scenario.target)  # type: ignore[arg-type]
    beyond = doubt(per_s, order.transport, processes) if known else None
    notices = [*warnings, *(each for each in (beyond, stamping.fallback) if each)]
    order = msgspec.structs.replace(order, stamps=stamping.stamps)
    span = Span(figures.duration_s, figures.graceful_stop_s)
    return Ready(
        order, processes, span, stamping.stamps, loaded.masker, tuple(notices), "; ".join(filter(None, checked)), trial
    )


async def tried(ready: Ready) -> Ready:
    """Return the share after the trial that its machine needs, if it needs one."""
    if ready.trial is None:
        return ready
    result: Tried = await try_rate(ready.trial)
    notices = (*ready.notices, *((result.notice,) if result.notice else ()))
    return replace(ready, notices=notices, checked=f"{ready.checked}; {result.checked}", trial=None)


def _room(needs: list[Need], figures: PlanFigures) -> str:
    """Return in words how many users there is room for here, and how many are planned."""
    least = min(needs, key=lambda need: need.fits)
    return f"{least.what} for {format_count(least.fits)} users where {format_count(figures.most_users)} are planned"


def _cores(processes: int, neighbours: int) -> str:
    """Return in words that there are fewer cores than processes; empty where there are enough."""
    cores = usable_cores()
    if processes * neighbours <= cores:
        return ""
    made_by = f"{processes} process{'' if processes == 1 else 'es'}"
    each = made_by if neighbours == 1 else f"{made_by} in each of {neighbours} shares"
    return f"{each} on {cores} core{'' if cores == 1 else 's'}"


def _calibrated(transport: str, processes: int) -> str:
    """Return in words what ``loadws calibrate`` found here for so many processes; empty where it did not try them."""
    calibration = read_calibration(transport)
    level = calibration.of(processes) if calibration else None
    if level is None or level.processes != processes or level.scheduled_per_s is None:
        return ""
    of = "1 process" if level.processes == 1 else f"{level.processes} processes"
    return f"calibrated at {format_count(round(level.scheduled_per_s))} messages per second for {of}"


def _unknown(per_s: float | None) -> str:
    """Return in words why the machine's rate is unknown, and why there is no trial."""
    if per_s is None:
        return "not calibrated, and how much it will send is not known before the load"
    return f"not calibrated, and {format_count(ceil(per_s))} messages per second need no trial"


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
