"""Handle each frame of a run, the end of the run, and its report, once everything else is written and printed."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
from rich.console import Console

from loadws.fleet.signals import Signals
from loadws.gate.abort import AbortRules
from loadws.gate.dead_target import DeadTarget
from loadws.gate.verdict import judged
from loadws.metrics.frame import Frame
from loadws.metrics.output import Output
from loadws.metrics.runinfo import EarlyEnd, Ending, MachineInfo, RunInfo
from loadws.metrics.summarising.summariser import Summariser
from loadws.metrics.summary import Summary
from loadws.outputs.live_outputs import LiveOutputs
from loadws.report.console import render, render_place
from loadws.report.folder import REPORT, RunFolder, draw
from loadws.report.terminal.live import LiveConsole
from loadws.terms.errors import OutputError

#: After this many signals in a run, or two while its report is drawn, the report stays without charts.
SIGNALS_TO_GIVE_UP, SIGNALS_WHILE_DRAWING = 3, 2


def outputs_of(
    info: RunInfo, folder: RunFolder, live: LiveConsole, summariser: Summariser, elsewhere: LiveOutputs | None = None
) -> tuple[Output, ...]:
    """Return the outputs of a run, in the order in which they get its frames."""
    outputs: list[Output] = [folder, live]
    if elsewhere is not None:
        outputs.append(elsewhere)
    if info.share is None:  # rules are about the whole load
        outputs.append(AbortRules(summariser.entries_for))
    if not info.keep_trying:
        outputs.append(DeadTarget())
    return tuple(outputs)


class Watcher:
    """The sum of a run's frames, which also hands them to the outputs.

    A frame that cannot be summed up must not be in the run folder either: ``loadws report`` would then fail as the run
    did.
    """

    def __init__(
        self,
        info: RunInfo,
        folder: RunFolder,
        summariser: Summariser,
        outputs: Sequence[Output],
        elsewhere: LiveOutputs | None = None,
    ) -> None:
        self.info = info
        self.folder = folder
        self._summariser = summariser
        self._outputs = outputs
        self._elsewhere = elsewhere
        self.last_s = 0.0

    def begin(self) -> None:
        """Begin all outputs, before the load. Raises ``LoadwsError`` where a necessary one fails."""
        for output in self._outputs:
            output.begin(self.info)

    def keep_machines(self, machines: tuple[MachineInfo, ...]) -> None:
        """Keep each machine's results in ``run.json``. Where the disk cannot take it, the file stays as it was."""
        self.info = msgspec.structs.replace(self.info, machines=machines)
        self._summariser.keep_machines(machines)
        with suppress(OutputError):
            self.folder.begin(self.info)

    def take(self, frame: Frame) -> Generator[None, None, EarlyEnd | None]:
        """Process a frame in slices, so that the load does not wait for all of it; return why the run has to end, if it
        has.
        """
        early_end: EarlyEnd | None = None
        yield from self._summariser.adding(frame)
        self.last_s = frame.start_s + frame.duration_s
        for output in self._outputs:
            why = yield from output.adding(frame)
            early_end = early_end or why
        return None if frame.over else early_end  # after the end of the load there is nothing left to end early

    def conclude(self, ending: Ending, console: Console) -> Summary:
        """Judge the run, finish all outputs, and print the verdict. The report's charts are not drawn yet."""
        lost = self._elsewhere.end() if self._elsewhere is not None else []
        ending = self.folder.end(msgspec.structs.replace(ending, notes=(*ending.notes, *lost)))
        summary = judged(self._summariser.summary(ending), self.info, ending)
        problems = [problem for output in self._outputs for problem in output.finish(summary)]
        render(summary, console, self.info)
        for problem in problems:
            print(problem, file=sys.stderr)
        return summary


def show_report(folder: Path, summary: Summary, console: Console, signals: Signals) -> None:
    """Draw the charts of a run's report, and print where the report is, or the run's folder where there is no report.

    A report that is there already stays, at worst.
    """
    if not (folder / REPORT).exists():
        render_place(folder, console)  # no report was asked for, or it could not be written, which was reported
        return
    from loadws.report.drawing.draw import Artist  # here, as no load and no verdict waits for it

    artist = Artist()
    heard: list[str] = []

    def heed(name: str) -> None:
        heard.append(name)
        if len(heard) >= SIGNALS_WHILE_DRAWING or len(signals.heard) >= SIGNALS_TO_GIVE_UP:
            artist.give_up(name)
        else:
            _say_in_handler(
                f"{name}: the run is over and its report is being drawn. Once more leaves out its charts.\n"
            )

    if sys.stderr.isatty():
        print("drawing the report ...", file=sys.stderr, flush=True)
    with signals.heard_by(heed):
        problems = draw(folder, summary, artist)
    for problem in problems:
        print(problem, file=sys.stderr)
    render_place(folder / REPORT, console)


def _say_in_handler(text: str) -> None:
    """Print from a signal handler, which may have interrupted a print that must not be entered twice."""
    with suppress(OSError):
        os.write(2, text.encode())
