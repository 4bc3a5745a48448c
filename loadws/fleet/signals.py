"""Handle SIGINT, SIGTERM and SIGHUP from before the load begins until its report is written.

One handler receives them all that time, and a part of the run that needs them registers with ``heard_by``. Where no
part is registered, a signal is kept for the next that registers, so that it cannot end the process between two parts,
and the verdict with it. The processes of a fleet have sessions of their own, and their parent tells them.

SIGQUIT keeps the system's meaning: it ends loadws at once, whatever it is doing. ``loadws report`` then makes the
report of the kept data.
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

#: Receives the common name of a signal. It may be called by a signal handler, at any line of the program.
Listener = Callable[[str], None]
OnSignal = Callable[[str], None]

_HEARD = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")


class Interrupted(LoadwsError):
    """A signal before the load had begun, so that no load was run."""

    def __init__(self, name: str, advice: str = "") -> None:
        super().__init__(
            f"interrupted by {name} before the load began: nothing was run, and nothing is written", advice
        )
        self.exit_code = interruption(name)


class Signals:
    """A run's handlers: ``with Signals() as signals`` sets them in the main thread, and restores the previous ones at
    the end.

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
        """Pass each signal to ``listener``; at the end to the previous one again.

        With None, no listener receives signals for a while, and the next one receives at once what came meanwhile.
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
        """Pass a signal to the current listener."""
        if self._listener is None:
            self._unheard.append(name)
        else:
            self._listener(name)


def _to_hear() -> Iterator[int]:
    """Yield the signals of this system. A hang-up that is ignored already stays ignored: ``nohup`` relies on that."""
    for name in _HEARD:
        number = getattr(signal, name, None)
        if number is not None and not (name == "SIGHUP" and signal.getsignal(number) is signal.SIG_IGN):
            yield number


def in_loop(listener: Listener) -> Listener:
    """Return a listener that a signal handler may call: trio's loop, which is running now, then calls ``listener``."""
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
