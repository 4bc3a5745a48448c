"""What a run shows while it goes: lines that stay in place on a terminal, else a line every five seconds.

The view is looked up in the event loop, at most once per second of the run's time and in slices, and drawn in a thread: a
terminal that takes no output (Ctrl-S, a full pipe) then holds up the thread and not the load. Drawing follows a frame, so it
never takes the interpreter away from the load at moments of its own choosing.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from functools import partial
from types import TracebackType
from typing import Protocol

from rich.console import Console
from rich.text import Text

from loadws.metrics.frame import Frame
from loadws.metrics.live import LiveView
from loadws.metrics.queued import Worker
from loadws.metrics.runinfo import EarlyEnd, RunInfo
from loadws.metrics.summary import Check, Summary
from loadws.report.plain import in_ascii
from loadws.report.terminal.log_lines import line, new_errors
from loadws.report.terminal.panel import Scene, panel
from loadws.report.terminal.past import Past
from loadws.report.terminal.pressed import Keys
from loadws.report.terminal.screen import Screen
from loadws.report.terminal.trace import trace

DRAW_EVERY_S = 1.0
LINE_EVERY_S = 5.0
#: How many updates may wait for the terminal, and for how many seconds those are waited for after the load.
MOST_UPDATES, PATIENCE_S = 4, 2.0


class Judging(Protocol):
    """A source of how each threshold stands at this moment (``gate.standing.Standing`` is one)."""

    @property
    def checks(self) -> tuple[Check, ...]: ...

    def judging(self) -> Iterator[None]:
        """Judge them anew, in slices."""


class LiveConsole:
    """The output that shows a run on a console. ``look`` returns the run at this moment.

    As a context manager it leaves the console as it was, however the run ends; its keys are free after ``release``. With
    ``quiet`` it prints messages only.
    ``standing`` are the thresholds; ``on_quit`` is called, in another thread, when ``q`` is pressed on the terminal.
    """

    def __init__(
        self,
        console: Console,
        look: Callable[[], LiveView],
        quiet: bool = False,
        standing: Judging | None = None,
        on_quit: Callable[[], None] | None = None,
        most: int = MOST_UPDATES,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._console = console
        self._look = look
        self._quiet = quiet
        self._standing = standing
        self._most = most
        self._patience_s = patience_s
        self._info: RunInfo | None = None
        in_place = console.is_terminal and not console.is_dumb_terminal and not console.legacy_windows and not quiet
        self._screen = Screen(console) if in_place else None
        self._keys = Keys({"q": on_quit}) if in_place and on_quit else None
        self._worker: Worker | None = None
        self._past = Past()
        self._scene: Scene | None = None  # drawn last
        self._told_kinds: set[tuple[str, str]] = set()
        self._at_s = 0.0
        self._turn: int | None = None  # which second, or which five, was drawn last

    def __enter__(self) -> LiveConsole:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def begin(self, info: RunInfo) -> None:
        """Take over the console, and start the thread that draws."""
        self._info = info
        if self._keys:
            self._keys.start()
        self._worker = Worker("The live view", "updates", self._most)
        self._worker.start()

    def adding(self, frame: Frame) -> Generator[None, None, EarlyEnd | None]:
        """Have the run drawn, where it is time to."""
        self._at_s = max(self._at_s, frame.start_s + frame.duration_s)
        if self._worker is not None and self._is_time():
            view = self._look()
            yield
            if self._standing is not None:
                yield from self._standing.judging()
            self._offer(view)
        yield
        return None

    def finish(self, _: Summary) -> list[str]:
        """Draw no more; return what the terminal did not take, in a sentence."""
        return self.stop()

    def stop(self) -> list[str]:
        """Draw no more, and leave a short trace of the course. The first call returns what the terminal did not take.

        Keys stay without effect and unseen until ``release``: what follows, as drawing the report, may take seconds.
        """
        if self._keys:
            self._keys.mute()
        if self._worker is None:
            return []
        worker, self._worker = self._worker, None
        if self._screen:
            worker.require(self._leave)
        return worker.end(self._patience_s)

    def release(self) -> None:
        """Leave the terminal's keys to others."""
        if self._keys:
            self._keys.stop()

    def say(self, text: str) -> None:
        """Print a message, above the lines that stay in place."""
        if self._worker is not None and self._worker.is_alive:
            self._worker.require(partial(self._print, text))
        else:
            self._print(text)

    def _is_time(self) -> bool:
        turn = int(round(self._at_s, 1) / (DRAW_EVERY_S if self._screen else LINE_EVERY_S))
        if self._quiet or turn == self._turn:
            return False
        self._turn = turn
        return True

    def _offer(self, view: LiveView) -> None:
        assert self._info is not None
        assert self._worker is not None
        checks = self._standing.checks if self._standing is not None else ()
        has_keys = self._keys is not None and self._keys.is_listening
        self._worker.offer(partial(self._draw, Scene(view, checks, self._past, self._info, has_keys)))

    def _draw(self, scene: Scene) -> None:
        self._past.note(scene.view.seconds)
        if self._screen:
            self._scene = scene
            self._screen.paint(panel(scene, *self._screen.size))
            return
        for text in new_errors(scene.view, self._told_kinds):
            self._print(self._shown(text))
        self._console.print(Text(self._shown(line(scene))), soft_wrap=True)

    def _leave(self) -> None:
        """Put the trace of the course in the place of the view."""
        assert self._screen is not None
        width, _ = self._screen.size
        self._screen.leave(trace(self._scene, width) if self._scene is not None else [])

    def _print(self, text: str) -> None:
        if self._screen:
            self._screen.erase()
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)
        if self._screen and self._scene is not None and self._worker is not None:
            self._screen.paint(panel(self._scene, *self._screen.size))

    def _shown(self, text: str) -> str:
        return in_ascii(text) if self._console.options.ascii_only else text
