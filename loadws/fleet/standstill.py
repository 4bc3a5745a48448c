"""Detect an event loop that stands still, by a timer of the kernel, which needs no task, no thread and no turn of the
loop.

A regular expression of a scenario that backtracks for ever, or a Python function that never returns, holds up
everything that its process does, including the handling of signals. The kernel's timer sends SIGALRM once per second,
and Python runs its handler in the main thread also in the middle of a match (``re`` looks for signals every 4,096
steps, and so do sleeps and arithmetic on long integers). The handler counts how often it was called since the loop last
turned. It counts calls and not seconds, so that a process that was itself stopped, or a laptop that slept, is not given
up.

Where the system has no such timer (Windows), a single process is not watched; those of a fleet are watched by their
parent.
"""

from __future__ import annotations

import re
import signal
import sysconfig
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import trio

#: How long a load may stand still before it is given up, in looks, which are one second apart. A process reports this a
#: little before its parent would give it up, because the parent knows only that it is silent.
LOOKS = 15
#: The same, once a second signal has asked for the end at once.
LOOKS_AFTER_SIGNALS = 3
LOOK_EVERY_S = 1.0
_TURN_EVERY_S = 0.5
_LOADWS = Path(__file__).parent.parent
_LONGEST = 120


class LoopWatch:
    """A watch that calls ``give_up`` with a description of where the loop stands, once it has not turned for
    ``patience()`` looks.

    Use ``with LoopWatch(..) as watch`` in the main thread, and ``watch.turn`` as a task of the loop. ``give_up`` is
    called by a signal handler, above the frames that stand still, and does not return; its argument is the end of a
    sentence that begins with a name.
    """

    def __init__(self, patience: Callable[[], float], give_up: Callable[[str], NoReturn]) -> None:
        self._patience = patience
        self._give_up = give_up
        self._looks = 0
        self._before: Any = None

    def __enter__(self) -> LoopWatch:
        if hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGALRM, self._look)
            signal.setitimer(signal.ITIMER_REAL, LOOK_EVERY_S, LOOK_EVERY_S)
        return self

    def __exit__(self, *_exc: object) -> None:
        if self._before is not None:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, self._before)

    async def turn(self) -> None:
        """Note that the loop turns, until cancelled."""
        while True:
            self._looks = 0
            await trio.sleep(_TURN_EVERY_S)

    def _look(self, _number: int, frame: FrameType | None) -> None:
        self._looks += 1
        if self._looks >= self._patience():
            signal.setitimer(signal.ITIMER_REAL, 0)
            self._give_up(f"stood still for {self._looks * LOOK_EVERY_S:g} s ({where(frame)}) and was ended")


def where(frame: FrameType | None) -> str:
    """Return in which step, and at which line, the frames of a stack are; the scenario's own code is named before
    loadws'.
    """
    frames = list(_outward(frame))
    if not frames:
        return "at an unknown place"
    place = next((each for each in frames if _is_the_scenarios(each)), frames[0])
    line = f"{Path(place.f_code.co_filename).name}, line {place.f_lineno}, in {place.f_code.co_name}"
    step = next((label for each in frames if (label := _step_of(each))), "")
    pattern = next((found for each in frames if (found := _pattern_of(each))), "")
    in_step = f"in the step {step!r}" if step else ""
    matching = f"matching the regular expression {pattern!r}" if pattern else ""
    return ", ".join(filter(None, (in_step, matching, f"at {line}")))


def _outward(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _is_the_scenarios(frame: FrameType) -> bool:
    """Return whether the code is a module beside the scenario, and not loadws' or a library's."""
    path = Path(frame.f_code.co_filename)
    folders = (_LOADWS, *(Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib", "platlib")))
    return path.suffix == ".py" and not any(path.is_relative_to(folder) for folder in folders)


def _step_of(frame: FrameType) -> str:
    """Return the label of the step that the frame runs; empty where the frame has none."""
    known = frame.f_locals
    for step in (known.get("step"), getattr(known.get("self"), "step", None), known.get("meter")):
        label = getattr(step, "label", None) or getattr(step, "step", None) or step
        if isinstance(label, str):
            return label[:_LONGEST]
    return ""


def _pattern_of(frame: FrameType) -> str:
    for value in list(frame.f_locals.values()):
        pattern = value if isinstance(value, re.Pattern) else getattr(value, "__self__", None)  # of its bound methods
        if isinstance(pattern, re.Pattern):
            return str(pattern.pattern)[:_LONGEST]
    return ""
