"""A loop that stands still is found, and where; one that was only stopped is not accused."""

from __future__ import annotations

import importlib.util
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType, SimpleNamespace
from typing import NoReturn

import pytest
import trio

from loadws.fleet import standstill
from loadws.fleet.standstill import LoopWatch, where

pytestmark = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no such timer here")


class GivenUp(Exception):
    pass


def give_up(what: str) -> NoReturn:
    raise GivenUp(what)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks come as quickly as they can."""
    monkeypatch.setattr(standstill, "LOOK_EVERY_S", 0.001)
    monkeypatch.setattr(standstill, "_TURN_EVERY_S", 0.0)


def for_ever() -> None:
    re.match("^(a+)+$", "a" * 60 + "!")


@pytest.mark.usefixtures("quick")
def test_a_regular_expression_without_end_is_found() -> None:
    async def main() -> None:
        trio.lowlevel.spawn_system_task(watch.turn)
        await trio.sleep(0.01)
        for_ever()

    with pytest.raises(GivenUp) as caught, LoopWatch(lambda: 5, give_up) as watch:
        trio.run(main)
    said = str(caught.value)
    assert re.fullmatch(r"stood still for 0\.00\d+ s \(.*in for_ever\) and was ended", said), said


@pytest.mark.usefixtures("quick")
def test_a_loop_that_turns_is_left_alone() -> None:
    async def main() -> None:
        trio.lowlevel.spawn_system_task(watch.turn)
        for _ in range(2_000):
            await trio.lowlevel.checkpoint()

    with LoopWatch(lambda: 50, give_up) as watch:
        trio.run(main)


@pytest.mark.usefixtures("quick")
def test_patience_may_end_while_the_loop_stands_still() -> None:
    """A second Ctrl-C is such an end."""
    patience = [float("inf")]

    def lose_it(_number: int, _frame: FrameType | None) -> None:
        patience[0] = 1

    before = signal.signal(signal.SIGVTALRM, lose_it)
    try:
        with pytest.raises(GivenUp), LoopWatch(lambda: patience[0], give_up):
            signal.setitimer(signal.ITIMER_VIRTUAL, 0.005)
            for_ever()
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def test_handler_and_timer_of_before_are_back() -> None:
    before = signal.getsignal(signal.SIGALRM)
    with LoopWatch(lambda: 1, give_up):
        assert signal.getsignal(signal.SIGALRM) is not before
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


@pytest.mark.slow
def test_one_look_for_all_the_time_that_a_process_was_stopped() -> None:
    """SIGSTOP, a closed laptop: of the timer's signals that come meanwhile there is one. Looks are of its own time."""
    program = (
        "import os, signal; from loadws.fleet import standstill; standstill.LOOK_EVERY_S = 0.02\n"
        "looks = []\n"
        "with standstill.LoopWatch(lambda: looks.append(1) or 1e9, None):\n"
        "    before = len(looks); os.kill(os.getpid(), signal.SIGSTOP); print(len(looks) - before)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        with pytest.raises(subprocess.TimeoutExpired):  # long enough for ten looks
            process.wait(timeout=0.2)
        process.send_signal(signal.SIGCONT)
        assert int(process.stdout.read()) <= 2


# -- where ------------------------------------------------------------------------------------------------------------


def frame() -> FrameType:
    return sys._getframe(1)


def test_a_step_is_named_by_its_label() -> None:
    step = SimpleNamespace(label="say hello")
    assert where(frame()).startswith("in the step 'say hello', at test_standstill.py, line ")
    assert step.label


def test_a_pattern_is_named_also_by_its_method() -> None:
    search = re.compile("^(a+)+$").search
    assert "matching the regular expression '^(a+)+$', at test_standstill.py" in where(frame())
    assert search("a") is not None


def test_the_scenarios_own_module_comes_before_a_library(tmp_path: Path) -> None:
    """A function beside the scenario that sleeps, or waits in a library: its line is what its author can mend."""
    module = tmp_path / "shop.py"
    module.write_text("import json\n\ndef work(call):\n    return json.loads('1', object_hook=None, cls=call)\n")
    spec = importlib.util.spec_from_file_location("shop", module)
    assert spec is not None and spec.loader is not None
    shop = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(shop)
    found: list[str] = []

    class Decoder:
        def __init__(self, **_: object) -> None:
            found.append(where(sys._getframe(1)))

        def decode(self, _text: str) -> None:
            pass

    shop.work(Decoder)
    assert found == ["at shop.py, line 4, in work"]


def test_nothing_is_known_of_no_frame() -> None:
    assert where(None) == "at an unknown place"
