"""The process of a dashboard. Summing up, judging and waiting for browsers cost the load nothing here."""

from __future__ import annotations

import os
import sys
import traceback
from contextlib import suppress
from pathlib import Path

import trio

from loadws.dashboard.browsers import Site
from loadws.dashboard.messages import (
    Begin,
    Done,
    Down,
    Failed,
    Finished,
    NotReady,
    Open,
    Over,
    Ready,
    Seen,
    Up,
    decode_down,
    receive,
    send,
)
from loadws.dashboard.state import State
from loadws.terms.errors import UsageError
from loadws.web.serving import open_listeners, port_of, serve

_NICENESS = 10
#: How long browsers have to fetch the finished report, in seconds.
REPORT_WITHIN_S = 5.0
_LONGEST_WHY = 500


async def run() -> None:
    """Serve the dashboard of one run until its report is there; end earlier if the run's process has gone."""
    opening = await _hear()
    if not isinstance(opening, Open):
        return
    try:
        listeners = await open_listeners(opening.host, opening.port)
    except UsageError as error:
        _say(NotReady(str(error), error.advice.replace("--listen", "--dashboard")))
        return
    _say(Ready(port_of(listeners)))
    site = Site()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve, listeners, site.answer, site.upgrade)
        await _follow(site)
        nursery.cancel_scope.cancel()


async def _follow(site: Site) -> None:
    """Take what the run tells, until its report is there or it has gone."""
    state: State | None = None
    while (message := await _hear()) is not None:
        match message:
            case Begin(info):
                state = State(info)
            case Seen(frame) if state is not None:
                state.add(frame)
            case Over() if state is not None:
                state.end(message)
            case Finished(report):
                await site.finish(Path(report), REPORT_WITHIN_S)
                _say(Done())
                return
        if state is not None:
            site.change(state)


async def _hear() -> Down | None:
    content = await trio.to_thread.run_sync(receive, sys.stdin.buffer, abandon_on_cancel=True)
    return None if content is None else decode_down(content)


def _say(message: Up) -> None:
    with suppress(OSError):
        send(sys.stdout.buffer, message)


def main() -> None:
    """Run the process. It ends without waiting for threads that hang. Before a defect ends it, it reports the defect."""
    with suppress(AttributeError, OSError):
        os.nice(_NICENESS)  # the load goes first
    try:
        trio.run(run)
    except Exception as error:
        _say(Failed(_place_of(error)))
        os._exit(1)
    os._exit(0)


def _place_of(error: BaseException) -> str:
    """Return what was raised and by which line, in one line; of several errors the first."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    *_, raised = traceback.extract_tb(error.__traceback__)
    return f"{type(error).__name__}: {error} ({Path(raised.filename).name}, line {raised.lineno})"[:_LONGEST_WHY]


if __name__ == "__main__":
    main()
