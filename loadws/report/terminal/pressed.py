"""Keys that are pressed while a run goes, read in a thread; the terminal is left as it was, also after a crash.

For single keys the terminal must not wait for whole lines, nor show what is typed. Ctrl-C, Ctrl-Z and Ctrl-\\ keep what they
do. A shell that waits at the other end of a pipe puts the terminal back when this process is gone, however it went: SIGKILL
and a crash of the interpreter leave no moment for that here.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any

try:
    import termios
except ImportError:  # Windows: there are no keys, and Ctrl-C does the same
    termios = None  # type: ignore[assignment]

#: Waits for the end of its stdin, then restores the modes ($0) of the terminal, which is its stdout, and shows the cursor.
_GUARD = 'read -r _; stty "$0" <&1; printf "\\033[?25h"'
_LOOK_EVERY_S, _STTY_WITHIN_S = 1.0, 2.0


class Keys:
    """A reader that calls a function for each key that is pressed, in a thread, from ``start`` to ``stop``.

    Each key counts once. Where stdin is not a terminal, or belongs to another job at the moment, there are no keys.
    """

    def __init__(self, actions: Mapping[str, Callable[[], None]], stdin: int = 0) -> None:
        self._actions = dict(actions)
        self._stdin = stdin
        self._before: list[Any] | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        self._wake: tuple[int, int] | None = None
        self._thread: threading.Thread | None = None

    @property
    def is_listening(self) -> bool:
        """Whether keys are read."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Begin to listen, where there is a terminal to listen to."""
        if termios is None or not _is_ours(self._stdin):
            return
        try:
            self._before = termios.tcgetattr(self._stdin)
            self._guard = self._guarding()
            self._set_single_keys()
        except (OSError, termios.error, subprocess.SubprocessError):
            self.stop()
            return
        self._wake = os.pipe()
        self._thread = threading.Thread(target=self._listen, args=(self._wake[0],), name="keys", daemon=True)
        self._thread.start()

    def mute(self) -> None:
        """Call nothing from now on. Keys are still read, so that none is shown or reaches the shell, until ``stop``."""
        self._actions.clear()

    def stop(self) -> None:
        """Listen no more, and put the terminal back, without keys that were not read. May be called more than once."""
        if self._wake is not None and self._thread is not None:
            os.write(self._wake[1], b"x")
            self._thread.join()
            for end in self._wake:
                os.close(end)
            self._wake = None
        if self._before is not None and termios is not None:
            if _is_ours(self._stdin):
                termios.tcsetattr(self._stdin, termios.TCSAFLUSH, self._before)
            self._before = None
        if self._guard is not None:
            self._guard.kill()
            self._guard.wait()
            assert self._guard.stdin is not None
            self._guard.stdin.close()
            self._guard = None

    def _guarding(self) -> subprocess.Popen[bytes]:
        """Start the shell that restores the terminal once our end of its pipe is closed.

        It has a session of its own, so that no key reaches it and it may set the modes of a terminal that is not its own.
        """
        saved = subprocess.run(
            ["stty", "-g"], stdin=self._stdin, capture_output=True, check=True, timeout=_STTY_WITHIN_S
        ).stdout.decode()
        return subprocess.Popen(
            ["sh", "-c", _GUARD, saved.strip()],
            stdin=subprocess.PIPE, stdout=self._stdin, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip

    def _set_single_keys(self) -> None:
        assert termios is not None
        modes = termios.tcgetattr(self._stdin)
        modes[3] &= ~(termios.ICANON | termios.ECHO)
        modes[6][termios.VMIN], modes[6][termios.VTIME] = 1, 0
        termios.tcsetattr(self._stdin, termios.TCSAFLUSH, modes)

    def _listen(self, wake: int) -> None:
        while True:
            readable, _, _ = select.select([self._stdin, wake], [], [])
            if wake in readable:
                return
            if not _is_ours(self._stdin):  # suspended and sent to the background: reading would stop us
                if select.select([wake], [], [], _LOOK_EVERY_S)[0]:
                    return
                continue
            try:
                typed = os.read(self._stdin, 64)
            except OSError:  # the terminal was closed
                return
            if not typed:
                return
            for key in typed.decode("ascii", "ignore"):
                if (action := self._actions.pop(key, None)) is not None:
                    action()


def _is_ours(terminal: int) -> bool:
    """Return whether it is a terminal, and this process is in its foreground."""
    try:
        return os.isatty(terminal) and os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False


def press_ctrl_c() -> None:
    """Do what Ctrl-C on the terminal does to this process."""
    if sys.platform != "win32":
        import signal

        os.kill(os.getpid(), signal.SIGINT)
