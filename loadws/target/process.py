"""The target as a process of its own: ``loadws target`` from its start to the counts that it prints at its end.

``announce`` says how it prints. As ``text``: a line with the URL, and a table at the end. As ``json``: ``{"url": …,
"ca": …}`` and then ``{"counts": …}``, a line each, which is how the built-in target is read.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import signal
import ssl
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import msgspec
import trio

from loadws.target.counts import Announcement, Counts
from loadws.target.listening import Listening, listen, make_tls
from loadws.target.options import Address, Announce, TargetOptions
from loadws.terms.errors import OutputError

Serve = Callable[[Listening, TargetOptions, Counts, trio.Event], Awaitable[None]]


class Serving(msgspec.Struct, frozen=True):
    """Where to serve, how, and until when. ``ca_file``: where to write the certificate to trust; None: a temporary place."""

    options: TargetOptions
    address: Address
    tls: bool = False
    ca_file: Path | None = None
    announce: Announce = "text"
    until_stdin_closes: bool = False


def run_target(serving: Serving) -> None:
    """Serve until Ctrl-C, SIGTERM, or the end of stdin where that was asked for; a second signal ends it at once.

    Raises ``UsageError`` where it cannot listen and ``OutputError`` where the certificate cannot be written.
    """
    logging.getLogger("trio-websocket").setLevel(logging.CRITICAL)  # a peer's mistake is counted, and not printed
    raise_file_limit()
    _rest_the_collector()
    counts = Counts()
    with _ca_file(serving) as ca_file:
        try:
            trio.run(_serve, serving, ca_file, counts)
        except* KeyboardInterrupt:  # one more Ctrl-C, when it was ending already
            pass
    _say({"counts": counts} if serving.announce == "json" else _table(counts))


async def _serve(serving: Serving, ca_file: Path | None, counts: Counts) -> None:
    tls = _make_tls(serving.address.host, ca_file) if ca_file else None
    way = _way_to_serve(serving.options, is_plain=tls is None)
    listening = await listen(serving.address, tls)
    stop = trio.Event()
    async with trio.open_nursery() as watchers:
        await watchers.start(_stop_on_signal, stop, watchers.cancel_scope)
        if serving.until_stdin_closes:
            watchers.start_soon(_stop_with_stdin, stop)
        _announce(serving, listening.url, ca_file)
        await way(listening, serving.options, counts, stop)
        watchers.cancel_scope.cancel()


def _way_to_serve(options: TargetOptions, is_plain: bool) -> Serve:
    """Return what serves these options. Only that is imported, because a run waits until its target serves."""
    if options.is_plain_echo and is_plain:
        from loadws.target.fast import serve_fast

        return serve_fast
    from loadws.target.server import serve

    return serve


async def _stop_on_signal(
    stop: trio.Event, at_once: trio.CancelScope, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        task_status.started()
        async for _ in signals:
            if stop.is_set():
                at_once.cancel()
            stop.set()


async def _stop_with_stdin(stop: trio.Event) -> None:
    """Wait for the end of the process that started this one: it holds the other end, which closes when it ends.

    ``os.read`` and not ``sys.stdin``: a thread that waits in the latter holds its lock when the interpreter shuts down.
    """
    while await trio.to_thread.run_sync(os.read, 0, 4096, abandon_on_cancel=True):
        pass
    stop.set()


def raise_file_limit() -> None:
    """Raise the limit of open files as far as allowed: a connection is an open file. If the system refuses, the limit
    stays.
    """
    try:
        import resource
    except ImportError:  # not on Windows
        return
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _rest_the_collector() -> None:
    """Let the garbage collector run rarely. With thousands of connections it needs a third of the time, and finds next
    to nothing.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 50)


def _make_tls(host: str, ca_file: Path) -> ssl.SSLContext:
    try:
        return make_tls(host, ca_file)
    except OSError as error:
        raise OutputError(f"cannot write the certificate to {ca_file}: {error.strerror}") from None


@contextlib.contextmanager
def _ca_file(serving: Serving) -> Iterator[Path | None]:
    """Yield where the certificate to trust is written; a temporary place is deleted at the end."""
    if not serving.tls or serving.ca_file:
        yield serving.ca_file if serving.tls else None
        return
    with tempfile.TemporaryDirectory(prefix="loadws-target-") as folder:
        yield Path(folder, "ca.pem")


def _announce(serving: Serving, url: str, ca_file: Path | None) -> None:
    if serving.announce == "json":
        return _say(Announcement(url, str(ca_file) if ca_file else None))
    _say(f"loadws target: {serving.options.mode} at {url}, until Ctrl-C")
    if ca_file:
        _say(f"to trust it, write in the scenario:  connection: {{tls: {{ca: {ca_file}}}}}")
    return None


def _table(counts: Counts) -> str:
    rows = [(name.replace("_", " "), value) for name, value in msgspec.structs.asdict(counts).items()]
    return "\n".join(f"{name:>18}  {_cell(value)}" for name, value in rows)


def _cell(value: int | dict[str, int]) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    return ", ".join(f"{count:,} with {key}" for key, count in sorted(value.items())) or "0"


def _say(what: object) -> None:
    """Print a line (or table) on stdout, at once. A closed stdout is not a failure."""
    text = what if isinstance(what, str) else msgspec.json.encode(what).decode()
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or the interpreter complains about it when it ends
