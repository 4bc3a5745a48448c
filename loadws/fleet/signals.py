"""SIGINT, SIGTERM and SIGHUP, from before the load begins until its report is written.

One handler hears them all that time, and a part of the run that wants to know says so with ``heard_by``. Where no part does,
a signal is kept for the next that does: between two parts there is no moment at which it would end the process, and with it
the verdict. The processes of a fleet live in sessions of their own, and are told by their parent.

SIGQUIT keeps what the system does with it: it ends loadws at once, whatever it is doing. ``loadws report`` then makes the
report of what was kept.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import trio

from loadws.engine.lifecycle import Lifecycle
from loadws.terms.errors import LoadwsError, interruption

#: Hears of a signal, by the name that people know. May be called by a signal handler, at any line of the program.
Listener = Callable[[str], None]
OnSignal = Callable[[str], None]

_HEARD = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")


class Interrupted(LoadwsError):
    """A signal came before the load had begun, so nothing was run."""

    def __init__(self, name: str, advice: str = "") -> None:
        super().__init__(
            f"interrupted by {name} before the load began: nothing was run, and nothing is written", advice
        )
        self.exit_code = interruption(name)


class Signals:
    """A run's handlers: ``with Signals() as signals`` sets them in the main thread, and those of before again at the end.

    ``heard`` are the names of the signals that came so far.
    """

    def __init__(self) -> None:
        self.heard: list[str] = []
        self._listener: Listener | None = None
        self._unheard: list[str] = []
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Signals:
        if threading.current_thread() is threading.main_thread():
            for number in _to_hear():
                self._before[number] = signal.signal(number, self._hear)
        return self

    def __exit__(self, *_exc: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextmanager
    def heard_by(self, listener: Listener | None) -> Iterator[None]:
        """Tell ``listener`` of each signal, and the one of before again at the end.

        None: nothing listens for a while, and the next that does hears at once of what came in between.
        """
        before, self._listener = self._listener, listener
        unheard, self._unheard = ([], self._unheard) if listener is None else (self._unheard, [])
        try:
            for name in unheard:
                self.tell(name)
            yield
        finally:
            self._listener = before

    def _hear(self, number: int, _frame: FrameType | None) -> None:
        name = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
        self.heard.append(name)
        self.tell(name)

    def tell(self, name: str) -> None:
        """Tell the present listener of a signal."""
        if self._listener is None:
            self._unheard.append(name)
        else:
            self._listener(name)


def _to_hear() -> Iterator[int]:
    """Yield the signals of this system. A hang-up that is ignored already stays so: that is what ``nohup`` is for."""
    for name in _HEARD:
        number = getattr(signal, name, None)
        if number is not None and not (name == "SIGHUP" and signal.getsignal(number) is signal.SIG_IGN):
            yield number


def in_loop(listener: Listener) -> Listener:
    """Return a listener that may be called by a signal handler: trio's loop, which is running now, calls ``listener``."""
    token = trio.lowlevel.current_trio_token()

    def tell(name: str) -> None:
        token.run_sync_soon(listener, name)

    return tell


@contextmanager
def ended_by(signals: Signals | None, lifecycle: Lifecycle, on_signal: OnSignal | None) -> Iterator[None]:
    """Let the first signal end the run gracefully, the second at once; ``on_signal`` is called at the first."""
    if signals is None:
        yield
        return

    def heed(name: str) -> None:
        if on_signal is not None and not lifecycle.stopping.is_set():
            on_signal(name)
        lifecycle.signal(name)

    with signals.heard_by(in_loop(heed)):
        yield
